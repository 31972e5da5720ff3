"""Legal holds: placed, and released with a reason. While one holds, nothing of its target is deleted."""

from collections.abc import Sequence

from django.db import transaction

from catalog.models import Dataset, Domain, Tag
from core import audit
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError
from governance.holds import HOLD_USE, visible_holds, wait_for_deletions
from governance.models import LegalHold
from governance.policy.types import Action, Principal
from governance.queries import may_administer_domain, require, require_domain
from governance.retention.identifiers import Identifier, seal_identifiers
from governance.vocabulary import require_administrator

MAX_TEXT = 2000
Target = Dataset | Domain | Tag | Sequence[Identifier]


@transaction.atomic
def place_hold(target: Target, *, by: Principal, reason: str) -> LegalHold:
    """Hold `target` from now on: when this is committed no deletion is under way that has not seen it.

    Stewards hold what is in their domains, administrators anything; a tag and a person only they.
    Raises PermissionDeniedError, NotFoundError, InvalidInputError.
    """
    row = LegalHold(reason=checked_text("reason", reason), placed_by_id=by.id)
    if isinstance(target, Dataset):
        require(by, Action.DISCOVER, target)
        # Its owner may not: a hold binds the owner too.
        if not may_administer_domain(by, target.domain_id):
            raise PermissionDeniedError("only stewards and administrators place holds")
        row.dataset = target
    elif isinstance(target, Domain):
        require_domain(by, target)
        row.domain = target
    else:
        require_administrator(by)
        if isinstance(target, Tag):
            row.tag = target.name
        else:
            row.is_of_person, row.sealed = True, seal_identifiers(target, use=HOLD_USE)
    wait_for_deletions()
    row.save()
    _record(row, by=by, verb="place", why=row.reason)
    return row


@transaction.atomic
def release_hold(hold: LegalHold, *, by: Principal, reason: str) -> LegalHold:
    """End a hold; what it was on a person by is forgotten.

    Raises NotFoundError for whom it is not shown to, ConflictError where it is released already.
    """
    text = checked_text("reason", reason)
    row = LegalHold.objects.select_for_update().filter(pk=hold.pk).first()
    if row is None or not visible_holds(by).filter(pk=hold.pk).exists():
        raise NotFoundError("there is no such hold")
    if row.released_at is not None:
        raise ConflictError("the hold is released already")
    if row.tag or row.is_of_person:
        require_administrator(by)
    row.released_at, row.released_by_id, row.release_reason = utc_now(), by.id, text
    row.sealed = None
    row.save(update_fields=["released_at", "released_by", "release_reason", "sealed"])
    _record(row, by=by, verb="release", why=text)
    return row


def checked_text(name: str, text: str) -> str:
    """`text` without the space around it; InvalidInputError where nothing is said, or too much."""
    if not text.strip() or len(text) > MAX_TEXT:
        raise InvalidInputError(f"`{name}` must have 1 to {MAX_TEXT} characters")
    return text.strip()


def _record(row: LegalHold, *, by: Principal, verb: str, why: str) -> None:
    audit.record(
        actor=by.username,
        action=f"hold.{verb}",
        resource=row.dataset.node_id if row.dataset else f"hold:{row.uuid}",
        payload={"hold": str(row.uuid), "on": row.target_name, "reason": why},
    )
