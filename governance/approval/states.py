"""The life of an access request as one table. What is not in it does not happen."""

from collections.abc import Mapping
from enum import StrEnum

from core.errors import ConflictError


class RequestState(StrEnum):
    PENDING = "pending"
    OFFERED = "offered"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVOKED = "revoked"


LABELS: Mapping[RequestState, str] = {
    RequestState.PENDING: "waiting for a decision",
    RequestState.OFFERED: "less was offered, the requester decides",
    RequestState.APPROVED: "approved",
    RequestState.DENIED: "denied",
    RequestState.WITHDRAWN: "withdrawn by the requester",
    RequestState.CANCELLED: "cancelled",
    RequestState.EXPIRED: "the grant has expired",
    RequestState.REVOKED: "the grant was revoked",
}
# Somebody still has to do something about these.
OPEN = frozenset({RequestState.PENDING, RequestState.OFFERED})


class Step(StrEnum):
    """What can happen to a request."""

    AGREE = "agree"  # one stage, or a part of one, and others are still to come
    OFFER = "offer"
    ACCEPT = "accept"
    DECLINE = "decline"
    APPROVE = "approve"  # the last that was needed: the grant is made in the same transaction
    DENY = "deny"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REVOKE = "revoke"


TRANSITIONS: Mapping[tuple[RequestState, Step], RequestState] = {
    (RequestState.PENDING, Step.AGREE): RequestState.PENDING,
    (RequestState.PENDING, Step.OFFER): RequestState.OFFERED,
    (RequestState.PENDING, Step.APPROVE): RequestState.APPROVED,
    (RequestState.PENDING, Step.DENY): RequestState.DENIED,
    (RequestState.PENDING, Step.WITHDRAW): RequestState.WITHDRAWN,
    (RequestState.PENDING, Step.CANCEL): RequestState.CANCELLED,
    (RequestState.OFFERED, Step.ACCEPT): RequestState.PENDING,
    (RequestState.OFFERED, Step.DECLINE): RequestState.PENDING,
    (RequestState.OFFERED, Step.WITHDRAW): RequestState.WITHDRAWN,
    (RequestState.OFFERED, Step.CANCEL): RequestState.CANCELLED,
    (RequestState.APPROVED, Step.EXPIRE): RequestState.EXPIRED,
    (RequestState.APPROVED, Step.REVOKE): RequestState.REVOKED,
}


def next_state(state: str, step: Step) -> RequestState:
    """The state after `step`. Raises ConflictError, with the states from which the step can be made, where it cannot."""
    found = TRANSITIONS.get((RequestState(state), step))
    if found is None:
        legal = sorted(str(before) for before, after in TRANSITIONS if after is step)
        raise ConflictError(
            f"the request is {state} already", state=str(state), step=str(step), possible_from=legal
        )
    return found
