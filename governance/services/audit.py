"""Appending to the audit log, and giving committed records their place under a signed checkpoint."""

from collections.abc import Collection, Mapping
from typing import Any

import orjson
from django.db import connection, transaction

from catalog.models import Dataset
from core.clock import utc_now
from core.errors import LakewardenError
from governance.merkle import Frontier, leaf_hash
from governance.models import AuditCheckpoint, AuditRecord
from governance.policy.types import Decision, Obligations, Principal
from governance.signing import Checkpoint, is_signed, key_id, sign

SEAL_BATCH = 10_000
# Any fixed number: the lock that makes sealers take turns.
_SEAL_LOCK = 0x4C4B_5741_5544

# Records in the order of their ids; what commits later than its neighbours simply gets a later place.
_PLACE_RECORDS = """
UPDATE governance_auditrecord r SET sequence = placed.sequence
FROM (SELECT id, %s + ordinality - 1 AS sequence FROM unnest(%s::bigint[]) WITH ORDINALITY AS t(id, ordinality)) placed
WHERE r.id = placed.id
"""


class AuditBrokenError(LakewardenError):
    """The audit log does not agree with itself; nothing is sealed on top of it."""

    code = "audit-broken"
    status = 500


def record(*, actor: str, action: str, resource: str, payload: dict[str, Any]) -> None:
    """Append one record in the current transaction; its order is given later, when it is sealed."""
    at = utc_now()
    body = orjson.dumps(
        {
            "at": at.isoformat(),
            "actor": actor,
            "action": action,
            "resource": resource,
            "payload": payload,
        },
        option=orjson.OPT_SORT_KEYS,
    )
    AuditRecord.objects.create(
        at=at,
        actor=actor,
        action=action,
        resource=resource,
        payload=body,
        leaf_hash=leaf_hash(body),
    )


def record_decision(
    *,
    principal: Principal,
    dataset: Dataset,
    decision: Decision,
    via: str,
    asked: Mapping[str, Any] | None = None,
    columns: Collection[str] | None = None,
) -> None:
    """Append what was decided about a read of data: `via` names the path (query, sample, loadTable, …).

    `asked` is what the caller wanted, JSON-safe; `columns` are those that were handed out (None: all that the decision
    opens), and only they are told of.
    """
    payload: dict[str, Any] = {
        "dataset": str(dataset.uuid),
        "via": via,
        "effect": decision.effect,
        "purpose": principal.purpose,
        "reasons": [
            {"kind": each.kind, "id": _text(each.id), "version": each.version, "text": each.text}
            for each in decision.reasons
        ],
        "asked": dict(asked or {}),
    }
    if decision.obligations is not None:
        payload |= _told_of(decision.obligations, columns)
    record(
        actor=principal.username,
        action="data.read" if decision.allowed else "data.read-denied",
        resource=dataset.node_id,
        payload=payload,
    )


def _told_of(obligations: Obligations, columns: Collection[str] | None) -> dict[str, Any]:
    shown = [each for each in obligations.columns if columns is None or each.name in columns]
    return {
        "row_filter": obligations.row_filter,
        "columns": [each.name for each in shown],
        "masked": {each.name: str(each.mask) for each in shown if each.mask},
        "partly_hidden": {
            each.name: each.visible_when for each in shown if each.visible_when is not None
        },
    }


@transaction.atomic
def seal(*, batch: int = SEAL_BATCH) -> int:
    """Give committed records without a place the next places, and sign the tree that they make.

    Returns how many were sealed: at most `batch`, 0 when there is nothing to do. One sealer at a time; writers never
    wait. Raises AuditBrokenError where the last checkpoint or a new record does not hold.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SEAL_LOCK])
    frontier = _trusted_frontier()
    rows = list(
        AuditRecord.objects.filter(sequence=None)
        .order_by("pk")
        .values_list("pk", "payload", "leaf_hash")[:batch]
    )
    if not rows:
        return 0
    leaves = [_checked_leaf(pk, bytes(payload), bytes(leaf)) for pk, payload, leaf in rows]
    with connection.cursor() as cursor:
        cursor.execute(_PLACE_RECORDS, [frontier.size, [row[0] for row in rows]])
    _sign(frontier.extended(leaves))
    return len(rows)


def seal_all() -> int:
    """Seal batch after batch until nothing is left; returns how many records."""
    total = 0
    while sealed := seal():
        total += sealed
    return total


def _sign(frontier: Frontier) -> None:
    checkpoint = Checkpoint(frontier.size, frontier.root(), utc_now())
    AuditCheckpoint.objects.create(
        tree_size=checkpoint.tree_size,
        root_hash=checkpoint.root_hash,
        frontier=frontier.to_bytes(),
        signed_at=checkpoint.signed_at,
        signature=sign(checkpoint),
        key_id=key_id(),
    )


def _trusted_frontier() -> Frontier:
    """Where the last checkpoint left off, after its signature and root were checked."""
    last = AuditCheckpoint.objects.order_by("-tree_size").first()
    if last is None:
        if AuditRecord.objects.exclude(sequence=None).exists():
            raise AuditBrokenError("records are sealed, but no checkpoint is there")
        return Frontier()
    signed = Checkpoint(last.tree_size, bytes(last.root_hash), last.signed_at)
    try:
        frontier = Frontier.from_bytes(last.tree_size, bytes(last.frontier))
    except ValueError as error:
        raise AuditBrokenError(f"checkpoint of {last.tree_size}: {error}") from error
    if frontier.root() != signed.root_hash or not is_signed(signed, bytes(last.signature)):
        raise AuditBrokenError(
            f"checkpoint of {last.tree_size} is not what was signed; run `verify_audit`"
        )
    return frontier


def _checked_leaf(pk: int, payload: bytes, stored: bytes) -> bytes:
    leaf = leaf_hash(payload)
    if leaf != stored:
        raise AuditBrokenError(f"record {pk} was changed before it was sealed; run `verify_audit`")
    return leaf


def _text(value: object) -> str | None:
    return None if value is None else str(value)
