"""Access requests: asked by one person, decided by another, enforced at once as a grant that ends by itself.

States: pending → approved | denied | withdrawn; approved → expired | revoked (by what happens to the grant).
Each step locks the request's row first, so of two approvers at once one decides and the other gets ConflictError.
"""

from collections.abc import Collection
from datetime import timedelta

from django.db import IntegrityError, transaction

from catalog.models import Dataset
from core import audit
from core.clock import utc_now
from core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from governance.facts import load_facts, load_resource
from governance.models import AccessRequest, RequestState
from governance.policy import decide
from governance.policy.rows import parse_row_filter
from governance.policy.types import Action, Principal
from governance.queries import require
from governance.services.grants import check_rectangle, create_grant

MAX_DURATION = timedelta(days=366)
MAX_PURPOSE_LENGTH = 2000


@transaction.atomic
def request_access(
    dataset: Dataset,
    *,
    by: Principal,
    purpose: str,
    duration: timedelta,
    row_filter: str | None = None,
    columns: Collection[str] | None = None,
) -> AccessRequest:
    """Ask to read `dataset`, or some rows and columns of it, for `duration` from the approval on.

    Raises NotFoundError where `by` may not discover it, InvalidInputError for what cannot be asked, ConflictError
    while another request of the same person for the same dataset is pending.
    """
    facts = load_facts(by)
    require(by, Action.DISCOVER, dataset, facts=facts)
    if not purpose.strip() or len(purpose) > MAX_PURPOSE_LENGTH:
        raise InvalidInputError(f"`purpose` must have 1 to {MAX_PURPOSE_LENGTH} characters")
    if not timedelta(0) < duration <= MAX_DURATION:
        raise InvalidInputError(f"`duration` must be above 0 and at most {MAX_DURATION.days} days")
    resource = load_resource(dataset, domains=facts.domains)
    if decide(by, Action.VIEW_METADATA, resource, facts).allowed:
        check_rectangle(dataset, action=Action.READ, row_filter=row_filter, columns=columns)
    elif row_filter:
        # who may not see the fields must not learn them from what is refused; the approval checks the rest
        parse_row_filter(row_filter)
    try:
        with transaction.atomic():
            request = AccessRequest.objects.create(
                dataset=dataset,
                requester_id=by.id,
                purpose=purpose.strip(),
                duration=duration,
                row_filter=row_filter or None,
                columns=None if columns is None else sorted(columns),
            )
    except IntegrityError:
        raise ConflictError("a request of yours for this dataset is pending already") from None
    _audit(request, by=by, action="request.create")
    return request


@transaction.atomic
def approve_request(
    request: AccessRequest, *, by: Principal, comment: str = "", duration: timedelta | None = None
) -> AccessRequest:
    """Decide for the requester: their grant holds from now on, for `duration`, at most what was asked.

    Raises PermissionDeniedError for one's own request and for whom the kernel does not let approve on the dataset,
    NotFoundError where not even that is shown, ConflictError where it is decided already.
    """
    row = _locked_for_decision(request, by=by)
    granted = row.duration if duration is None else duration
    if not timedelta(0) < granted <= row.duration:
        raise InvalidInputError("`duration` must be above 0 and at most what was asked for")
    check_rectangle(row.dataset, action=Action.READ, row_filter=row.row_filter, columns=row.columns)
    if not row.requester.is_active:
        raise ConflictError("the requester's account is not active any more")
    row.expires_at = utc_now() + granted
    _decide(row, by=by, state=RequestState.APPROVED, comment=comment)
    create_grant(
        actor=by.username,
        granted_by=by,
        subject=row.requester,
        target=row.dataset,
        action=Action.READ,
        row_filter=row.row_filter,
        columns=row.columns,
        purpose=row.purpose,
        expires_at=row.expires_at,
        request=row,
    )
    return row


@transaction.atomic
def deny_request(request: AccessRequest, *, by: Principal, comment: str) -> AccessRequest:
    """Decide against the requester, who reads the comment. Raises as `approve_request` does."""
    if not comment.strip():
        raise InvalidInputError("`comment` must tell the requester why")
    row = _locked_for_decision(request, by=by)
    _decide(row, by=by, state=RequestState.DENIED, comment=comment)
    return row


@transaction.atomic
def withdraw_request(request: AccessRequest, *, by: Principal) -> AccessRequest:
    """Take back one's own pending request."""
    row = _locked(request)
    if row.requester_id != by.id:
        raise NotFoundError("there is no such request")
    _require_pending(row)
    row.state = RequestState.WITHDRAWN
    row.save(update_fields=["state"])
    _audit(row, by=by, action="request.withdraw")
    return row


def _locked_for_decision(request: AccessRequest, *, by: Principal) -> AccessRequest:
    row = _locked(request)
    if row.requester_id == by.id:
        raise PermissionDeniedError("nobody decides their own request")
    require(by, Action.APPROVE, row.dataset)
    _require_pending(row)
    return row


def _locked(request: AccessRequest) -> AccessRequest:
    row = (
        AccessRequest.objects.select_for_update(of=("self",))
        .select_related("dataset", "requester")
        .filter(pk=request.pk)
        .first()
    )
    if row is None:
        raise NotFoundError("there is no such request")
    return row


def _require_pending(row: AccessRequest) -> None:
    if row.state != RequestState.PENDING:
        raise ConflictError(f"the request is {row.state} already", state=row.state)


def _decide(row: AccessRequest, *, by: Principal, state: RequestState, comment: str) -> None:
    row.state = state
    row.decided_at = utc_now()
    row.decided_by_id = by.id
    row.decision_comment = comment.strip()
    row.save(update_fields=["state", "decided_at", "decided_by", "decision_comment", "expires_at"])
    verb = "approve" if state == RequestState.APPROVED else "deny"
    _audit(row, by=by, action=f"request.{verb}")


def _audit(row: AccessRequest, *, by: Principal, action: str) -> None:
    audit.record(
        actor=by.username,
        action=action,
        resource=row.dataset.node_id,
        payload={
            "request": str(row.uuid),
            "requester": row.requester.get_username(),
            "purpose": row.purpose,
            "row_filter": row.row_filter,
            "columns": row.columns,
            "duration_seconds": row.duration.total_seconds(),
            "state": str(row.state),
            "comment": row.decision_comment,
            "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        },
    )
