"""The lives of a campaign and of one item in it, as two tables. What is not in them does not happen."""

from collections.abc import Mapping
from enum import StrEnum

from core.errors import ConflictError


class CampaignState(StrEnum):
    PLANNED = "planned"
    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class CampaignStep(StrEnum):
    OPEN = "open"
    CLOSE = "close"
    CANCEL = "cancel"


CAMPAIGN_LABELS: Mapping[CampaignState, str] = {
    CampaignState.PLANNED: "begins later",
    CampaignState.OPEN: "grants wait for a decision",
    CampaignState.CLOSED: "every grant is decided",
    CampaignState.CANCELLED: "cancelled, what was undecided stayed as it was",
}
CAMPAIGN_TRANSITIONS: Mapping[tuple[CampaignState, CampaignStep], CampaignState] = {
    (CampaignState.PLANNED, CampaignStep.OPEN): CampaignState.OPEN,
    (CampaignState.PLANNED, CampaignStep.CANCEL): CampaignState.CANCELLED,
    (CampaignState.OPEN, CampaignStep.CLOSE): CampaignState.CLOSED,
    (CampaignState.OPEN, CampaignStep.CANCEL): CampaignState.CANCELLED,
}


class ItemState(StrEnum):
    OPEN = "open"
    EXTENDED = "extended"
    ESCALATED = "escalated"
    KEPT = "kept"
    NARROWED = "narrowed"
    REVOKED = "revoked"
    LAPSED = "lapsed"
    GONE = "gone"
    CANCELLED = "cancelled"


class ItemStep(StrEnum):
    """What can happen to an item."""

    KEEP = "keep"
    NARROW = "narrow"
    REVOKE = "revoke"
    EXTEND = "extend"  # the deadline passed: the same people have more time
    ESCALATE = "escalate"  # the deadline passed: those next in line may decide as well
    LAPSE = "lapse"  # nobody decided: the grant is revoked
    VANISH = "vanish"  # the grant ended by another way
    CANCEL = "cancel"


ITEM_LABELS: Mapping[ItemState, str] = {
    ItemState.OPEN: "waits for a decision",
    ItemState.EXTENDED: "waits, with more time",
    ItemState.ESCALATED: "waits, also for those next in line",
    ItemState.KEPT: "kept",
    ItemState.NARROWED: "narrowed",
    ItemState.REVOKED: "revoked",
    ItemState.LAPSED: "revoked, since nobody decided",
    ItemState.GONE: "the grant had ended already",
    ItemState.CANCELLED: "not decided: the campaign was cancelled",
}
# Somebody still has to decide about these.
WAITING = frozenset({ItemState.OPEN, ItemState.EXTENDED, ItemState.ESCALATED})
_ENDS: Mapping[ItemStep, ItemState] = {
    ItemStep.KEEP: ItemState.KEPT,
    ItemStep.NARROW: ItemState.NARROWED,
    ItemStep.REVOKE: ItemState.REVOKED,
    ItemStep.LAPSE: ItemState.LAPSED,
    ItemStep.VANISH: ItemState.GONE,
    ItemStep.CANCEL: ItemState.CANCELLED,
}
ITEM_TRANSITIONS: Mapping[tuple[ItemState, ItemStep], ItemState] = {
    **{(before, step): after for before in WAITING for step, after in _ENDS.items()},
    (ItemState.OPEN, ItemStep.EXTEND): ItemState.EXTENDED,
    (ItemState.OPEN, ItemStep.ESCALATE): ItemState.ESCALATED,
}


class Undecided(StrEnum):
    """What becomes of what nobody decided by the deadline. INVARIANT: in the end it is revoked, whatever comes between."""

    REVOKE = "revoke"
    EXTEND = "extend"
    ESCALATE = "escalate"


UNDECIDED_LABELS: Mapping[Undecided, str] = {
    Undecided.REVOKE: "revoke it",
    Undecided.EXTEND: "give more time once, then revoke it",
    Undecided.ESCALATE: "ask those next in line too, with more time once, then revoke it",
}


def next_campaign_state(state: str, step: CampaignStep) -> CampaignState:
    """The state after `step`. Raises ConflictError where it cannot be made."""
    found = CAMPAIGN_TRANSITIONS.get((CampaignState(state), step))
    if found is None:
        raise ConflictError(f"the campaign is {state}", state=str(state), step=str(step))
    return found


def next_item_state(state: str, step: ItemStep) -> ItemState:
    """The state after `step`. Raises ConflictError where it cannot be made."""
    found = ITEM_TRANSITIONS.get((ItemState(state), step))
    if found is None:
        raise ConflictError(f"the item is {state} already", state=str(state), step=str(step))
    return found


def step_at_deadline(state: str, undecided: str) -> ItemStep:
    """What happens to a waiting item when its time is over."""
    if state == ItemState.OPEN and undecided == Undecided.EXTEND:
        return ItemStep.EXTEND
    if state == ItemState.OPEN and undecided == Undecided.ESCALATE:
        return ItemStep.ESCALATE
    return ItemStep.LAPSE
