"""Background work of `identity`. Every task may run at any time and any number of times."""

from celery import shared_task

from identity.services.service_accounts import mark_orphans


@shared_task(name="identity.mark_orphans")
def mark_orphans_task() -> int:
    """Tell the administrators of service accounts whose owners have left."""
    return mark_orphans()
