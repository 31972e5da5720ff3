"""Deleting jobs, in the sense that lists leave them out until an event tells of them again."""

from django.db import transaction

from catalog.models import Job, JobRemoval
from core import audit
from core.clock import utc_now
from identity.models import User


@transaction.atomic
def remove_job(job: Job, *, by: User) -> None:
    """Leave the job out of lists. Its runs, edges and versions stay: labels travel along the edges."""
    JobRemoval.objects.update_or_create(
        job=job, defaults={"removed_at": utc_now(), "removed_by": by}
    )
    audit.record(actor=by.username, action="job.delete", resource=job.node_id)
