"""What time does to campaigns: they begin, remind, come to their deadline, and close; what vanished closes itself."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef

from core.clock import utc_now
from core.errors import LakewardenError
from core.jobs import enqueue
from governance.certification.states import WAITING, CampaignState, ItemStep, step_at_deadline
from governance.facts import GRANT_MODELS, grant_rows, principal_of
from governance.models import Campaign, CampaignItem, CampaignNoticeKind
from governance.services.campaigns.begin import open_campaign
from governance.services.campaigns.finish import cancel_campaign, complete_campaign, lapse
from governance.services.campaigns.notices import post_notice
from governance.services.campaigns.settle import (
    SYSTEM,
    finish_item,
    locked_item,
    record_item,
)
from governance.services.uses import forget_uses

BATCH = 500
log = structlog.get_logger(__name__)


def watch_campaigns(*, now: datetime | None = None) -> int:
    """Do what is due, each item in a transaction of its own; returns how many steps were made. Called again, nothing twice."""
    moment = now or utc_now()
    total = sum(_begin(row) for row in _planned(moment))
    total += sum(_settle(pk, now=moment) for pk in _vanished())
    overdue = _overdue(moment)
    total += sum(_settle(pk, now=moment) for pk in overdue)
    total += sum(_remind(row) for row in _to_remind(moment))
    total += sum(complete_campaign(row) for row in _decided())
    forget_uses()
    if len(overdue) == BATCH:
        enqueue("governance.watch_campaigns")
    return total


def _planned(now: datetime) -> list[Campaign]:
    rows = Campaign.objects.filter(state=CampaignState.PLANNED, opens_at__lte=now)
    return list(rows.select_related("created_by").order_by("pk"))


def _begin(row: Campaign) -> int:
    """In the name of who planned it; where they may not any more it is cancelled, not left to nobody."""
    try:
        if row.created_by is None:
            cancel_campaign(row, by=None, comment="who planned it is gone")
        else:
            open_campaign(row, by=principal_of(row.created_by))
    except LakewardenError as error:
        if error.status >= 500:  # noqa: PLR2004 - for now only; tried again
            return 0
        log.warning("campaign cannot begin", campaign=str(row.uuid), reason=error.message)
        cancel_campaign(row, by=None, comment=f"it cannot begin: {error.message}")
    return 1


def _vanished() -> list[int]:
    """Waiting items whose grant is gone."""
    rows = CampaignItem.objects.filter(state__in=WAITING)
    for model in GRANT_MODELS:
        rows = rows.filter(~Exists(grant_rows(model).filter(uuid=OuterRef("grant"))))
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _overdue(now: datetime) -> list[int]:
    rows = CampaignItem.objects.filter(state__in=WAITING, due_at__lte=now)
    return list(rows.order_by("due_at", "pk").values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _settle(pk: int, *, now: datetime) -> int:
    """One item that nobody need decide about any more, or whose time is over."""
    item = locked_item(CampaignItem(pk=pk))
    if item.state not in WAITING:
        return 0
    if not _is_there(item):
        finish_item(item, step=ItemStep.VANISH, by=None)
        return 1
    if item.due_at > now:
        return 0
    step = step_at_deadline(item.state, item.campaign.undecided)
    if step is ItemStep.LAPSE:
        lapse(item)
        return 1
    item.move(step)
    item.due_at = now + timedelta(days=item.campaign.grace_days)
    item.save(update_fields=["state", "due_at"])
    record_item(item, actor=SYSTEM, step=step)
    post_notice(item.campaign, CampaignNoticeKind.EXTENDED)
    return 1


def _is_there(item: CampaignItem) -> bool:
    return any(grant_rows(model).filter(uuid=item.grant).exists() for model in GRANT_MODELS)


def _to_remind(now: datetime) -> list[Campaign]:
    rows = Campaign.objects.filter(state=CampaignState.OPEN, due_at__gt=now).exclude(
        notices__kind=CampaignNoticeKind.REMINDER
    )
    return [
        row for row in rows if row.due_at and row.due_at - timedelta(days=row.remind_days) <= now
    ]


def _remind(row: Campaign) -> int:
    return post_notice(row, CampaignNoticeKind.REMINDER)


def _decided() -> list[Campaign]:
    """Open campaigns in which nothing waits any more."""
    waiting = CampaignItem.objects.filter(campaign=OuterRef("pk"), state__in=WAITING)
    return list(Campaign.objects.filter(~Exists(waiting), state=CampaignState.OPEN).order_by("pk"))
