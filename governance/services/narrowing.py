"""Making a grant smaller: fewer columns, an earlier end. It never opens anything."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError
from governance.models import AccessRequest
from governance.policy.types import Action
from governance.services.grants import check_rectangle, describe, lock_grant, resource_name


@transaction.atomic
def narrow_grant(
    grant: UUID,
    *,
    actor: str,
    columns: Collection[str] | None = None,
    expires_at: datetime | None = None,
    reason: str,
) -> dict[str, Any] | None:
    """Leave `columns` of what it reaches, or end it at `expires_at`, as somebody's decision that is checked already.

    The grant as it is now, or None where it is gone. Raises InvalidInputError for what is not less than it is today.
    """
    row: Any = lock_grant(grant)
    if row is None:
        return None
    before = describe(row)
    if columns is None and expires_at is None:
        raise InvalidInputError("say which `columns` to leave, or until when: `expires_at`")
    if columns is not None:
        row.columns = _fewer(row, columns, action=Action(before["action"]))
    if expires_at is not None:
        if not utc_now() < expires_at or (row.expires_at and expires_at >= row.expires_at):
            raise InvalidInputError("`expires_at` must be in the future, and before its end today")
        row.expires_at = expires_at
        AccessRequest.objects.filter(pk=row.request_id).update(expires_at=expires_at)
    row.save(update_fields=["columns", "expires_at"])
    after = describe(row)
    audit.record(
        actor=actor,
        action="grant.narrow",
        resource=resource_name(row.content_object),
        payload={**after, "before": before, "reason": reason},
        about=[row.user.get_username()] if hasattr(row, "user_id") else [],
    )
    return after


def _fewer(row: Any, columns: Collection[str], *, action: Action) -> list[str]:
    check_rectangle(row.content_object, action=action, row_filter=row.row_filter, columns=columns)
    wanted = sorted(set(columns))
    if row.columns is not None and not set(wanted) < set(row.columns):
        raise InvalidInputError("`columns` must be fewer of those that the grant has")
    return wanted
