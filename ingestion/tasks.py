"""Background work of `ingestion`: bounded, idempotent tasks."""

import structlog
from celery import shared_task
from django.db import DatabaseError

from core.clock import utc_now
from core.errors import LakewardenError
from core.jobs import enqueue
from ingestion.models import Source, SourceKind
from ingestion.services.landing import LEFT_TO_ANOTHER, land
from ingestion.services.sources import LAND_TASK, QUEUE

log = structlog.get_logger(__name__)
BUDGET_SECONDS = 60.0


@shared_task(name=LAND_TASK, acks_late=True, soft_time_limit=180, time_limit=240)
def land_source(source_id: int) -> None:
    """Land for a minute, and ask for another task when more waits. A source that is taken is left alone.

    A failure is remembered on the source, which the sweep then tries less often: the task itself ends well.
    """
    source = (
        Source.objects.select_related("owner", "dataset", "dead_letters")
        .filter(pk=source_id)
        .first()
    )
    if source is None:
        return
    try:
        outcome = land(source, budget_seconds=BUDGET_SECONDS)
    except LEFT_TO_ANOTHER as error:
        log.info("landing left to another task", source=source.name, reason=error.code)
        return
    except LakewardenError as error:
        log.warning("landing failed", source=source.name, code=error.code, error=error.message)
        return
    except DatabaseError:
        raise
    except Exception:
        log.exception("landing failed", source=source.name)
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
    """Ask for a landing of every enabled source that does not wait after a failure.

    Also what finds the work of a worker that died.
    """
    kinds = [SourceKind.KAFKA, SourceKind.FILES]
    due = Source.objects.due(utc_now()).filter(kind__in=kinds)
    for pk in due.values_list("pk", flat=True):
        enqueue(LAND_TASK, queue=QUEUE, source_id=pk)
