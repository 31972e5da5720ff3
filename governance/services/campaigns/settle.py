"""What every step of a campaign shares: locks, records, events."""

from typing import Any

from core import audit
from core.clock import utc_now
from core.errors import NotFoundError
from governance.campaigns import describe_items, item_rows
from governance.certification.states import ItemStep
from governance.models import Campaign, CampaignItem
from governance.policy.types import Principal
from governance.services.grants import resource_name
from governance.services.webhooks import EVENT_PREFIX, emit

SYSTEM = "system"


def locked_campaign(campaign: Campaign) -> Campaign:
    """The campaign as it is now, locked until the transaction ends. NotFoundError where it is gone."""
    row = Campaign.objects.select_for_update().filter(pk=campaign.pk).first()
    if row is None:
        raise NotFoundError("there is no such campaign")
    return row


def locked_item(item: CampaignItem) -> CampaignItem:
    """The item as it is now, locked until the transaction ends. NotFoundError where it is gone."""
    row = item_rows().select_for_update(of=("self",)).filter(pk=item.pk).first()
    if row is None:
        raise NotFoundError("there is no such item")
    return row


def finish_item(
    row: CampaignItem,
    *,
    step: ItemStep,
    by: Principal | None,
    in_name_of: int | None = None,
    comment: str = "",
    outcome: dict[str, Any] | None = None,
) -> None:
    """Make a step that ends the item, with its person, and what was known of the grant's use at that moment."""
    row.move(step)
    row.decided_at = utc_now()
    row.decided_by_id, row.in_name_of_id = (None, None) if by is None else (by.id, in_name_of)
    row.comment, row.outcome = comment.strip(), outcome or {}
    row.evidence = evidence_of(row)
    row.save(
        update_fields=[
            "state",
            "decided_at",
            "decided_by",
            "in_name_of",
            "comment",
            "outcome",
            "evidence",
        ]
    )
    record_item(row, actor=SYSTEM if by is None else by.username, step=step)


def evidence_of(row: CampaignItem) -> dict[str, Any]:
    """What is known of the use of the grant, JSON-safe; for who may hold the campaign."""
    (view,) = describe_items([row], viewer=None)
    usage = view.usage
    return {
        "last_used": usage.last_at.isoformat() if usage.last_at else None,
        "reads_30_days": usage.reads_30,
        "reads_90_days": usage.reads_90,
        "columns_read": sorted(usage.columns),
        "advice": str(view.suggestion.advice),
        "reasons": list(view.suggestion.reasons),
    }


def record_item(row: CampaignItem, *, actor: str, step: ItemStep) -> None:
    """The audit record of a step of an item, and the event that other systems are sent, in the caller's transaction."""
    target = row.dataset or row.domain
    holder = row.holder.get_username() if row.holder else None
    audit.record(
        actor=actor,
        action=f"campaign.{step}",
        resource=row.description["target"] if target is None else resource_name(target),
        payload={
            "campaign": str(row.campaign.uuid),
            "item": str(row.uuid),
            "grant": str(row.grant),
            "subject": row.description["subject"],
            "state": str(row.state),
            "comment": row.comment,
            "evidence": row.evidence,
            "outcome": row.outcome,
        },
        about=[holder] if holder else [],
    )
    emit(
        f"{EVENT_PREFIX}campaign_item.{step}",
        subject=str(row.uuid),
        data={
            "campaign": str(row.campaign.uuid),
            "item": str(row.uuid),
            "grant": str(row.grant),
            "state": str(row.state),
        },
    )


def record_campaign(row: Campaign, *, actor: str, step: str, **more: Any) -> None:
    """The same of a campaign."""
    audit.record(
        actor=actor,
        action=f"campaign.{step}",
        resource=f"campaign:{row.uuid}",
        payload={
            "name": row.name,
            "domain": row.domain,
            "labels": row.labels,
            "older_than_days": row.older_than_days,
            "unused_for_days": row.unused_for_days,
            "reviewer": row.reviewer,
            "undecided": row.undecided,
            "state": str(row.state),
            "due_at": row.due_at.isoformat() if row.due_at else None,
            **more,
        },
    )
    emit(
        f"{EVENT_PREFIX}campaign.{step}",
        subject=str(row.uuid),
        data={"campaign": str(row.uuid), "state": str(row.state)},
    )
