"""Deciding about one grant: keep it, leave less of it, or take it back; effective when the transaction commits."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from governance.approval.progress import Capacity
from governance.campaigns import capacity_in, is_shown
from governance.certification.states import ItemStep, next_item_state
from governance.models import CampaignItem
from governance.policy.types import Principal
from governance.services.campaigns.settle import finish_item, locked_item
from governance.services.grants import lock_grant, take_back
from governance.services.narrowing import narrow_grant

MAX_COMMENT = 2_000


@transaction.atomic
def keep_grant(item: CampaignItem, *, by: Principal, comment: str = "") -> CampaignItem:
    """Certify that the grant is still needed as it is.

    Raises NotFoundError for whom the item is not shown to, PermissionDeniedError for one's own grant and for whom it does not
    wait, ConflictError where it is decided already. An item whose grant has ended meanwhile closes itself, whatever was decided.
    """
    row, capacity = _taken(item, by=by, step=ItemStep.KEEP, comment=comment)
    if lock_grant(row.grant) is None:
        return _vanished(row)
    finish_item(row, step=ItemStep.KEEP, by=by, in_name_of=capacity.in_name_of, comment=comment)
    return row


@transaction.atomic
def narrow_to(
    item: CampaignItem,
    *,
    by: Principal,
    columns: Collection[str] | None = None,
    expires_at: datetime | None = None,
    comment: str = "",
) -> CampaignItem:
    """Leave fewer columns, or an earlier end. Raises as `keep_grant` does, and InvalidInputError for what is not less."""
    row, capacity = _taken(item, by=by, step=ItemStep.NARROW, comment=comment)
    outcome = narrow_grant(
        row.grant,
        actor=by.username,
        columns=columns,
        expires_at=expires_at,
        reason=_reason(row, comment),
    )
    if outcome is None:
        return _vanished(row)
    finish_item(
        row,
        step=ItemStep.NARROW,
        by=by,
        in_name_of=capacity.in_name_of,
        comment=comment,
        outcome={"columns": outcome["columns"], "expires_at": outcome["expires_at"]},
    )
    return row


@transaction.atomic
def revoke_certified(item: CampaignItem, *, by: Principal, comment: str) -> CampaignItem:
    """Take the grant back. Raises as `keep_grant` does, and InvalidInputError without a comment."""
    if not comment.strip():
        raise InvalidInputError("`comment` must say why the grant is taken back")
    row, capacity = _taken(item, by=by, step=ItemStep.REVOKE, comment=comment)
    if not take_back(row.grant, actor=by.username, reason=_reason(row, comment)):
        return _vanished(row)
    finish_item(row, step=ItemStep.REVOKE, by=by, in_name_of=capacity.in_name_of, comment=comment)
    return row


def _taken(
    item: CampaignItem, *, by: Principal, step: ItemStep, comment: str
) -> tuple[CampaignItem, Capacity]:
    """The locked item, and in whose name `by` decides."""
    if len(comment) > MAX_COMMENT:
        raise InvalidInputError(f"`comment` must have at most {MAX_COMMENT} characters")
    row = locked_item(item)
    if row.holder_id == by.id:
        raise PermissionDeniedError("nobody certifies their own grants")
    capacity = capacity_in(by, row)
    if capacity is None and not is_shown(row, by):
        raise NotFoundError("there is no such item")
    next_item_state(row.state, step)
    if capacity is None:
        raise PermissionDeniedError(
            "this item does not wait for you: it is another's to decide, or you are too close to who holds the grant"
        )
    return row, capacity


def _vanished(row: CampaignItem) -> CampaignItem:
    finish_item(row, step=ItemStep.VANISH, by=None)
    return row


def _reason(row: CampaignItem, comment: str) -> str:
    return f"campaign {row.campaign.name}: {comment.strip()}"
