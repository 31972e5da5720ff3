"""Deciding: a stage agrees or refuses; the last agreement makes the grant in the same transaction."""

from django.db import IntegrityError, transaction

from core.errors import ConflictError, InvalidInputError, PermissionDeniedError
from governance.approval.progress import Capacity
from governance.approval.states import Step, next_state
from governance.models import AccessRequest, RequestVote
from governance.panel import Panel
from governance.policy.types import Action, Principal
from governance.queries import require
from governance.services.requests.settle import advance, close, locked


@transaction.atomic
def approve_request(request: AccessRequest, *, by: Principal, comment: str = "") -> AccessRequest:
    """Agree to what is asked; where nothing else is missing, the requester's grant holds from now on.

    Raises PermissionDeniedError for one's own request, for whom the kernel does not let approve on the dataset, and for
    whom no open stage is waiting; NotFoundError where not even that is shown, ConflictError where it is decided already.
    """
    row = locked(request)
    capacity = require_capacity(row, by=by, step=Step.APPROVE)
    cast_vote(row, by=by, capacity=capacity, agrees=True, comment=comment)
    advance(row, by=by, agreed=comment)
    return row


@transaction.atomic
def deny_request(request: AccessRequest, *, by: Principal, comment: str) -> AccessRequest:
    """Decide against the requester, who reads the comment: one refusal ends it. Raises as `approve_request` does."""
    if not comment.strip():
        raise InvalidInputError("`comment` must tell the requester why")
    row = locked(request)
    capacity = require_capacity(row, by=by, step=Step.DENY)
    cast_vote(row, by=by, capacity=capacity, agrees=False, comment=comment)
    close(row, step=Step.DENY, by=by, comment=comment)
    return row


def require_capacity(row: AccessRequest, *, by: Principal, step: Step) -> Capacity:
    """In which stage, and in whose name, `by` acts: the first that is open to them. Raises as `approve_request` does."""
    if row.requester_id == by.id:
        raise PermissionDeniedError("nobody decides their own request")
    require(by, Action.APPROVE, row.dataset)
    next_state(row.state, step)
    found = Panel.of_requests([row]).capacities_of(by, row)
    if not found:
        raise PermissionDeniedError(
            "no stage of this request waits for you: it is another's turn, or you are too close to the requester"
        )
    return found[0]


def cast_vote(
    row: AccessRequest, *, by: Principal, capacity: Capacity, agrees: bool, comment: str
) -> None:
    """Store a vote. ConflictError where the same person, or one who stood for them, has voted in the stage."""
    try:
        with transaction.atomic():
            RequestVote.objects.create(
                request=row,
                stage=capacity.stage,
                by_id=by.id,
                in_name_of_id=capacity.in_name_of,
                agrees=agrees,
                comment=comment.strip(),
            )
    except IntegrityError:
        raise ConflictError("the vote was cast already") from None
