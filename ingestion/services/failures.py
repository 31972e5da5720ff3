"""What is remembered of a source that cannot be landed, so that it is looked at by people and tried less often."""

from datetime import timedelta

from django.db import transaction

from core import audit
from core.clock import utc_now
from core.errors import LakewardenError
from ingestion.models import Source

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
MAX_ERROR = 500
_INTERNAL = LakewardenError.code


def wait_after(failures: int) -> timedelta:
    """How long the schedule leaves a source alone after so many failures in a row: 15 s, doubled each time, to 1 h."""
    doublings: int = 2 ** min(failures - 1, 20)
    return min(FIRST_WAIT * doublings, LONGEST_WAIT)


@transaction.atomic
def record_failure(source: Source, error: Exception) -> None:
    """Write the error and the time of the next try into the source; audited when a source begins to fail.

    Our own errors tell what they may tell; of any other only the class is kept, since its text may hold a secret.
    """
    code, text = _describe(error)
    row = Source.objects.select_for_update().get(pk=source.pk)
    is_first = row.failures == 0
    now = utc_now()
    row.failures += 1
    row.last_error, row.last_error_code, row.last_error_at = text, code, now
    row.retry_at = now + wait_after(row.failures)
    row.save(
        update_fields=["failures", "last_error", "last_error_code", "last_error_at", "retry_at"]
    )
    if is_first:
        _audit(row, "source.fail", {"code": code})


def clear_failure(source: Source) -> None:
    """Forget the failures of a source that has landed; nothing is written where there are none."""
    with transaction.atomic():
        row = Source.objects.select_for_update().filter(pk=source.pk, failures__gt=0).first()
        if row is None:
            return
        failures = row.failures
        Source.objects.filter(pk=row.pk).update(
            failures=0, last_error="", last_error_code="", last_error_at=None, retry_at=None
        )
        _audit(row, "source.recover", {"failures": failures})


def _describe(error: Exception) -> tuple[str, str]:
    if isinstance(error, LakewardenError):
        return error.code, error.message[:MAX_ERROR]
    return _INTERNAL, f"an error inside the service (`{type(error).__name__}`); its log has it"


def _audit(source: Source, action: str, payload: dict[str, str | int]) -> None:
    audit.record(
        actor="system", action=action, resource=f"source:{source.name}", payload=dict(payload)
    )
