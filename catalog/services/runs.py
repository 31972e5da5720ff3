"""Runs that never end: a producer that died sends no last event."""

from datetime import datetime, timedelta

from django.db import transaction

from catalog.models import Run
from catalog.models.job import RunState
from core.clock import utc_now

RUNS_A_TRANSACTION = 1_000


def mark_stale_runs(*, silent_for: timedelta, now: datetime | None = None) -> int:
    """Mark each run in progress that nothing was heard of for this long; how many. Its next event takes that back."""
    moment = now or utc_now()
    marked = 0
    while True:
        with transaction.atomic():
            # Who is being written to at the moment is not silent.
            found = list(
                Run.objects.select_for_update(skip_locked=True)
                .filter(
                    state__in=[RunState.NEW, RunState.RUNNING],
                    stale_at=None,
                    last_event_at__lt=moment - silent_for,
                )
                .order_by("last_event_at")
                .values_list("pk", flat=True)[:RUNS_A_TRANSACTION]
            )
            Run.objects.filter(pk__in=found).update(stale_at=moment)
        marked += len(found)
        if len(found) < RUNS_A_TRANSACTION:
            return marked
