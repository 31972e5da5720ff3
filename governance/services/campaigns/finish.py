"""Ending a campaign: with what nobody decided revoked, or without a consequence."""

from django.db import transaction

from core.clock import utc_now
from core.jobs import enqueue
from governance.campaigns import require_campaigner
from governance.certification.states import (
    WAITING,
    CampaignState,
    CampaignStep,
    ItemState,
    ItemStep,
    Undecided,
    next_campaign_state,
)
from governance.models import Campaign, CampaignItem
from governance.policy.types import Principal
from governance.services.campaigns.begin import repeat_campaign
from governance.services.campaigns.settle import (
    SYSTEM,
    finish_item,
    locked_campaign,
    record_campaign,
)
from governance.services.grants import take_back


@transaction.atomic
def close_campaign(campaign: Campaign, *, by: Principal) -> Campaign:
    """Bring the deadline forward to now, without more time: a worker revokes what is undecided, then it is closed.

    Raises PermissionDeniedError, NotFoundError, ConflictError unless it is open.
    """
    row = locked_campaign(campaign)
    require_campaigner(by, row.domain)
    next_campaign_state(row.state, CampaignStep.CLOSE)
    row.due_at, row.undecided = utc_now(), Undecided.REVOKE
    row.save(update_fields=["due_at", "undecided"])
    undecided = row.items.filter(state__in=WAITING).update(due_at=row.due_at)
    record_campaign(row, actor=by.username, step="end-early", items=undecided)
    enqueue("governance.watch_campaigns")
    return row


@transaction.atomic
def complete_campaign(campaign: Campaign) -> bool:
    """Close one in which nothing waits any more, and plan the next of its series; False where there is nothing to close."""
    row = locked_campaign(campaign)
    if row.state != CampaignState.OPEN or row.items.filter(state__in=WAITING).exists():
        return False
    row.move(CampaignStep.CLOSE)
    row.closed_at = utc_now()
    row.save(update_fields=["state", "closed_at"])
    record_campaign(row, actor=SYSTEM, step=CampaignStep.CLOSE)
    repeat_campaign(row)
    return True


@transaction.atomic
def cancel_campaign(campaign: Campaign, *, by: Principal | None, comment: str = "") -> Campaign:
    """End it without a consequence for what is undecided; a series ends with it. `by` is None where it cannot go on.

    Raises PermissionDeniedError, NotFoundError, ConflictError where it is over.
    """
    row = locked_campaign(campaign)
    if by is not None:
        require_campaigner(by, row.domain)
    row.move(CampaignStep.CANCEL)
    row.closed_at = utc_now()
    row.save(update_fields=["state", "closed_at"])
    undecided = row.items.filter(state__in=WAITING)
    count = undecided.update(state=ItemState.CANCELLED, decided_at=row.closed_at)
    actor = SYSTEM if by is None else by.username
    record_campaign(row, actor=actor, step=CampaignStep.CANCEL, comment=comment, items=count)
    return row


def lapse(item: CampaignItem) -> None:
    """Revoke the grant of a locked item that nobody decided about in time."""
    reason = f"campaign {item.campaign.name}: nobody decided in time"
    is_there = take_back(item.grant, actor=SYSTEM, reason=reason)
    finish_item(item, step=ItemStep.LAPSE if is_there else ItemStep.VANISH, by=None)
