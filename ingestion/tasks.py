"""Background work of `ingestion`: bounded, idempotent tasks."""

import structlog
from celery import shared_task

from core.jobs import enqueue
from ingestion.errors import LeaseHeldError, LeaseLostError, OffsetConflictError
from ingestion.models import Source, SourceKind
from ingestion.services.landing import land
from ingestion.services.sources import LAND_TASK, QUEUE

log = structlog.get_logger(__name__)
BUDGET_SECONDS = 60.0


@shared_task(name=LAND_TASK, acks_late=True, soft_time_limit=180, time_limit=240)
def land_source(source_id: int) -> None:
    """Land for a minute, and ask for another task when more waits. A source that is taken is left alone."""
    source = (
        Source.objects.select_related("owner", "dataset", "dead_letters")
        .filter(pk=source_id)
        .first()
    )
    if source is None:
        return
    try:
        outcome = land(source, budget_seconds=BUDGET_SECONDS)
    except (LeaseHeldError, LeaseLostError, OffsetConflictError) as error:
        log.info("landing left to another task", source=source.name, reason=error.code)
        return
    if outcome.landed or outcome.rejected:
        log.info(
            "landed",
            source=source.name,
            rows=outcome.landed,
            rejected=outcome.rejected,
            batches=outcome.batches,
        )
    if not outcome.caught_up:
        enqueue(LAND_TASK, queue=QUEUE, source_id=source_id)


@shared_task(name="ingestion.sweep_sources", acks_late=True)
def sweep_sources() -> None:
    """Ask for a landing of every enabled source; also what finds the work of a worker that died."""
    kinds = [SourceKind.KAFKA, SourceKind.FILES]
    for pk in Source.objects.enabled().filter(kind__in=kinds).values_list("pk", flat=True):
        enqueue(LAND_TASK, queue=QUEUE, source_id=pk)
