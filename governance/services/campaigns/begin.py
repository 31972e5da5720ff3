"""Beginning a campaign: who may, what it asks about, and the grants that it finds."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from catalog.models import Dataset
from core.clock import utc_now
from core.errors import InvalidInputError, UnavailableError
from governance.approval.rules import Kind
from governance.campaigns import require_campaigner
from governance.certification.states import CampaignState, CampaignStep, Undecided
from governance.models import Campaign, CampaignItem, CampaignNoticeKind
from governance.policy.types import Principal
from governance.services.campaigns.notices import post_notice
from governance.services.campaigns.scope import grants_in_scope
from governance.services.campaigns.settle import locked_campaign, record_campaign
from governance.services.grants import describe
from governance.services.uses import count_uses, uncounted

MAX_ITEMS = 20_000
MAX_DAYS = 366
MAX_AGE = 3_660
MAX_MONTHS = 60
MAX_LABELS = 100
MAX_NAME = 200
# Reads that may be missing from the statistics when a campaign asks what is unused.
TOLERATED = 10_000


@transaction.atomic
def create_campaign(
    *,
    by: Principal,
    name: str,
    domain: str = "",
    labels: Sequence[str] = (),
    older_than_days: int | None = None,
    unused_for_days: int | None = None,
    reviewer: str = Kind.OWNER,
    reviewer_group: str = "",
    days: int = 14,
    undecided: str = Undecided.REVOKE,
    grace_days: int = 7,
    remind_days: int = 3,
    every_months: int | None = None,
    opens_at: datetime | None = None,
) -> Campaign:
    """A campaign over the grants on `domain` (a slug) and below, or everywhere, that begins at `opens_at`: at once without one.

    For who administers the domain, for the whole house for administrators. `days` is the time to decide. Raises
    PermissionDeniedError, NotFoundError, InvalidInputError, and what `open_campaign` raises.
    """
    require_campaigner(by, domain)
    row = Campaign(
        name=name.strip(),
        domain=domain,
        labels=sorted(set(labels)),
        older_than_days=older_than_days,
        unused_for_days=unused_for_days,
        reviewer=reviewer,
        reviewer_group=reviewer_group,
        days=days,
        undecided=undecided,
        grace_days=grace_days,
        remind_days=remind_days,
        every_months=every_months,
        opens_at=opens_at or utc_now(),
        created_by_id=by.id,
    )
    _check(row)
    row.save(force_insert=True)
    record_campaign(row, actor=by.username, step="create")
    return row if row.opens_at > utc_now() else open_campaign(row, by=by)


@transaction.atomic
def open_campaign(campaign: Campaign, *, by: Principal) -> Campaign:
    """Find the grants in scope, as `by` may approve on them, and have them wait for a decision.

    Raises PermissionDeniedError, NotFoundError, ConflictError unless it is planned, InvalidInputError where more than
    MAX_ITEMS are in scope, UnavailableError while the reads that tell what is unused are still being counted.
    """
    row = locked_campaign(campaign)
    require_campaigner(by, row.domain)
    row.move(CampaignStep.OPEN)
    count_uses()
    if row.unused_for_days is not None and uncounted() > TOLERATED:
        raise UnavailableError("the recorded reads are still being counted: try again later")
    now = utc_now()
    due_at = now + timedelta(days=row.days)
    row.opened_at, row.due_at = now, due_at
    row.save(update_fields=["state", "opened_at", "due_at"])
    count = _add_items(row, grants_in_scope(row, by=by, now=now), now=now, due_at=due_at)
    record_campaign(row, actor=by.username, step=CampaignStep.OPEN, items=count)
    post_notice(row, CampaignNoticeKind.OPENED)
    return row


def repeat_campaign(row: Campaign) -> Campaign | None:
    """The next of its kind, planned; None for one that is held once."""
    if row.every_months is None:
        return None
    following = Campaign.objects.get(pk=row.pk)
    following.pk, following.previous = None, row
    following.uuid = Campaign._meta.get_field("uuid").get_default()  # noqa: SLF001 - Django's documented _meta
    following.state = CampaignState.PLANNED
    following.created_at = utc_now()
    following.opens_at = max(add_months(row.opened_at or row.opens_at, row.every_months), utc_now())
    following.opened_at = following.due_at = following.closed_at = None
    following.save(force_insert=True)
    return following


def add_months(moment: datetime, months: int) -> datetime:
    """The same day and time so many months later; the last day of a month that is shorter."""
    year, month = divmod(moment.month - 1 + months, 12)
    first = moment.replace(year=moment.year + year, month=month + 1, day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    return first.replace(day=min(moment.day, (after - first).days))


def _add_items(row: Campaign, grants: Iterable[Any], *, now: datetime, due_at: datetime) -> int:
    items: list[CampaignItem] = []
    for grant in grants:
        if len(items) == MAX_ITEMS:
            raise InvalidInputError(f"more than {MAX_ITEMS} grants are in scope: narrow it")
        on_dataset = isinstance(grant.content_object, Dataset)
        items.append(
            CampaignItem(
                campaign=row,
                grant=grant.uuid,
                granted_at=grant.granted_at,
                description=describe(grant),
                dataset_id=grant.content_object_id if on_dataset else None,
                domain_id=None if on_dataset else grant.content_object_id,
                holder_id=getattr(grant, "user_id", None),
                holder_group_id=getattr(grant, "group_id", None),
                created_at=now,
                due_at=due_at,
            )
        )
    CampaignItem.objects.bulk_create(items, batch_size=1_000)
    return len(items)


def _check(row: Campaign) -> None:
    """Raise InvalidInputError for what no campaign can be."""
    if not row.name or len(row.name) > MAX_NAME:
        raise InvalidInputError(f"`name` must have 1 to {MAX_NAME} characters")
    for name, most in (
        ("older_than_days", MAX_AGE),
        ("unused_for_days", MAX_AGE),
        ("days", MAX_DAYS),
        ("grace_days", MAX_DAYS),
        ("remind_days", MAX_DAYS),
        ("every_months", MAX_MONTHS),
    ):
        value = getattr(row, name)
        if value is not None and not 1 <= value <= most:
            raise InvalidInputError(f"`{name}` must be from 1 to {most}")
    if len(row.labels) > MAX_LABELS or not all(each.strip() for each in row.labels):
        raise InvalidInputError(f"`labels` must be at most {MAX_LABELS} names, such as `pii.*`")
    if row.undecided not in list(Undecided):
        raise InvalidInputError(f"`undecided` must be one of {', '.join(Undecided)}")
    _check_reviewer(row)


def _check_reviewer(row: Campaign) -> None:
    if row.reviewer not in list(Kind):
        raise InvalidInputError(f"`reviewer` must be one of {', '.join(Kind)}")
    if (row.reviewer == Kind.GROUP) != bool(row.reviewer_group):
        raise InvalidInputError("`reviewer_group` names the group where `reviewer` is `group`")
    if row.reviewer_group and not Group.objects.filter(name=row.reviewer_group).exists():
        raise InvalidInputError(f"there is no group `{row.reviewer_group}`")
