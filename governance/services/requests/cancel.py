"""Ending a request that nobody decides any more."""

from django.db import transaction
from django.db.models import Q

from core.errors import InvalidInputError, PermissionDeniedError
from governance.approval.states import OPEN, Step
from governance.models import AccessRequest
from governance.policy.types import Action, Principal
from governance.queries import require
from governance.services.requests.settle import close, locked

BATCH = 500


@transaction.atomic
def cancel_request(request: AccessRequest, *, by: Principal, comment: str) -> AccessRequest:
    """End an open request without a decision: for those who may approve on the dataset. The requester withdraws.

    Raises PermissionDeniedError, NotFoundError where the dataset is not shown, ConflictError where it is closed already.
    """
    if not comment.strip():
        raise InvalidInputError("`comment` must tell the requester why")
    row = locked(request)
    if row.requester_id == by.id:
        raise PermissionDeniedError("your own request is withdrawn, not cancelled")
    require(by, Action.APPROVE, row.dataset)
    close(row, step=Step.CANCEL, by=by, comment=comment)
    return row


def cancel_orphaned_requests() -> int:
    """Cancel open requests for dropped datasets and of accounts that are not active any more; returns how many.

    Nothing waits for this: neither can be approved meanwhile.
    """
    orphaned = AccessRequest.objects.filter(state__in=OPEN).filter(
        Q(dataset__deleted_at__isnull=False) | Q(requester__is_active=False)
    )
    total = 0
    for row in orphaned.order_by("pk")[:BATCH]:
        total += _cancel_orphan(row)
    return total


@transaction.atomic
def _cancel_orphan(request: AccessRequest) -> int:
    row = locked(request)
    if row.state not in OPEN:
        return 0
    gone = "the dataset was dropped" if row.dataset.deleted_at else "the account is not active"
    close(row, step=Step.CANCEL, by=None, comment=gone)
    return 1
