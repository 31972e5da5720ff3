"""What people say of jobs. What programs say comes in events (`catalog.services.openlineage`)."""

from django.db import transaction

from catalog.models import Job
from core import audit
from core.errors import InvalidInputError

MAX_DESCRIPTION = 100_000


@transaction.atomic
def describe_job(job: Job, *, description: str, actor: str) -> bool:
    """Set the description of a job; tell whether it was another one."""
    if len(description) > MAX_DESCRIPTION:
        raise InvalidInputError(f"`description` has at most {MAX_DESCRIPTION} characters")
    if job.description == description:
        return False
    job.description = description
    job.save(update_fields=["description", "updated_at"])
    audit.record(
        actor=actor,
        action="job.describe",
        resource=job.node_id,
        payload={"description": description},
    )
    return True
