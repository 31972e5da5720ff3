"""Findings that wait for eyes: raised by the system, settled by who administers the dataset."""

from typing import Any

import structlog
from django.db import connection, transaction

from catalog.models import Dataset
from core import audit
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, NotFoundError
from governance.effective.log import Entry, Position, begin_life, read_changes, read_position
from governance.models import ReviewItem, ReviewKind, ReviewMark, ReviewState
from governance.policy.types import Action, Principal
from governance.queries import require

MAX_KEY = 200
SAMPLE = 200
logger = structlog.get_logger(__name__)


@transaction.atomic
def raise_review(
    kind: ReviewKind, dataset: Dataset, *, key: str, evidence: dict[str, Any]
) -> ReviewItem | None:
    """Enter a finding, unless the same one is not settled yet; then its evidence is brought up to date, and None comes."""
    found, is_new = ReviewItem.objects.exclude(state=ReviewState.RESOLVED).get_or_create(
        kind=kind, dataset=dataset, key=key[:MAX_KEY], defaults={"evidence": evidence}
    )
    if not is_new:
        if found.evidence != evidence:
            found.evidence = evidence
            found.save(update_fields=["evidence"])
        return None
    logger.warning(
        "review raised", kind=str(kind), dataset=dataset.node_id, key=key, review=str(found.uuid)
    )
    _audit(found, actor="system", action="review.raise")
    return found


@transaction.atomic
def acknowledge_review(item: ReviewItem, *, by: Principal, comment: str = "") -> ReviewItem:
    """Say that one looks into it. Raises NotFoundError, PermissionDeniedError, or ConflictError for a settled one."""
    return _settle(item, by=by, state=ReviewState.ACKNOWLEDGED, comment=comment)


@transaction.atomic
def resolve_review(item: ReviewItem, *, by: Principal, comment: str) -> ReviewItem:
    """Settle it; `comment` says how. Raises as `acknowledge_review` does, and InvalidInputError without a comment."""
    if not comment.strip():
        raise InvalidInputError("`comment` must say how it was settled")
    return _settle(item, by=by, state=ReviewState.RESOLVED, comment=comment)


def take_mark(mark: ReviewMark) -> bool:
    """Lock the mark for this transaction; False where somebody else has it, or has gone on from it."""
    rows = ReviewMark.objects.select_for_update(skip_locked=True)
    return rows.filter(pk=mark.pk, position=mark.position).first() is not None


def read_fact_log(before: dict[str, Any]) -> tuple[Position, list[Entry] | None]:
    """Where the log of facts stands, and what was logged since; None where it does not reach back so far."""
    with connection.cursor() as cursor:
        if not before or before["life"] is None:
            begin_life(cursor)
            return read_position(cursor), None
        since = Position(
            before["xmax"], tuple(before["running"]), at=before["at"], life=before["life"]
        )
        return read_changes(cursor, since)


def unsettled_sample(kind: ReviewKind) -> list[ReviewItem]:
    """Some unsettled findings of a kind, others each time, to see whether they still hold."""
    rows = ReviewItem.objects.filter(kind=kind).exclude(state=ReviewState.RESOLVED)
    return list(rows.select_related("dataset").order_by("?")[:SAMPLE])


@transaction.atomic
def withdraw_review(item: ReviewItem, *, why: str) -> None:
    """Settle what has gone away by itself."""
    row = _locked(item)
    if row.state != ReviewState.RESOLVED:
        row.state, row.decided_at, row.decided_by, row.comment = (
            ReviewState.RESOLVED,
            utc_now(),
            None,
            why,
        )
        row.save(update_fields=["state", "decided_at", "decided_by", "comment"])
        _audit(row, actor="system", action="review.resolve")


def _settle(item: ReviewItem, *, by: Principal, state: ReviewState, comment: str) -> ReviewItem:
    row = _locked(item)
    require(by, Action.ADMINISTER, row.dataset)
    if row.state in (ReviewState.RESOLVED, state):
        raise ConflictError(f"the review is {row.state} already")
    row.state, row.decided_at, row.decided_by_id, row.comment = (
        state,
        utc_now(),
        by.id,
        comment.strip(),
    )
    row.save(update_fields=["state", "decided_at", "decided_by", "comment"])
    verb = "acknowledge" if state == ReviewState.ACKNOWLEDGED else "resolve"
    _audit(row, actor=by.username, action=f"review.{verb}")
    return row


def _locked(item: ReviewItem) -> ReviewItem:
    rows = ReviewItem.objects.select_for_update(of=("self",)).select_related("dataset")
    found = rows.filter(pk=item.pk).first()
    if found is None:
        raise NotFoundError("there is no such review")
    return found


def _audit(row: ReviewItem, *, actor: str, action: str) -> None:
    audit.record(
        actor=actor,
        action=action,
        resource=row.dataset.node_id,
        payload={
            "review": str(row.uuid),
            "kind": row.kind,
            "key": row.key,
            "evidence": row.evidence,
            "comment": row.comment,
        },
    )
