"""Background work of `catalog`: ids in, one service call."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings

from catalog.services import edge_log, events
from catalog.services import runs as run_services


@shared_task(name="catalog.make_event_partitions")
def make_event_partitions() -> None:
    """Give the coming months their tables before events arrive."""
    events.make_event_partitions()


@shared_task(name="catalog.sweep_events")
def sweep_events() -> None:
    """Remove raw events past their retention; nothing to do where they are kept for ever."""
    days = settings.LAKEWARDEN.event_retention_days
    if days:
        events.sweep_events(older_than=timedelta(days=days), dry_run=False)


@shared_task(name="catalog.mark_stale_runs")
def mark_stale_runs() -> None:
    """Mark runs in progress that nothing was heard of for `LAKEWARDEN_STALE_RUN_HOURS`."""
    run_services.mark_stale_runs(silent_for=timedelta(hours=settings.LAKEWARDEN.stale_run_hours))


@shared_task(name="catalog.trim_edge_log")
def trim_edge_log() -> None:
    """Delete old entries of the edge log."""
    edge_log.trim_edge_log()
