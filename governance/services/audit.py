"""Appending to the audit log, and giving committed records their place under a signed checkpoint."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from catalog.models import Dataset
from core import audit
from core.clock import utc_now
from core.errors import LakewardenError
from governance.auditing.body import Written, write_body
from governance.auditing.subjects import NOBODY, USER_RESOURCE, forget_subjects, subjects_of
from governance.auditing.tiles import extend_tiles
from governance.merkle import Frontier, leaf_hash
from governance.models import AuditCheckpoint, AuditRecord
from governance.policy.types import Decision, Obligations, Principal
from governance.signing import Checkpoint, is_signed, key_id, sign

SEAL_BATCH = 10_000
ALLOWED = "allow"
# Any fixed number: the lock that makes sealers take turns.
_SEAL_LOCK = 0x4C4B_5741_5544

# False where a key is gone (migration 0008).
_APPEND = "SELECT governance_append_audit_record(%s, %s, %s, %s, %s, %s, %s)"
# Records in the order of their ids; what commits later than its neighbours simply gets a later place. The function
# runs as the owner of the log (migration 0008): the application's role may not update a record.
_PLACE_RECORDS = "SELECT governance_place_audit_records(%s, %s::bigint[])"
_ATTEMPTS = 3


class AuditBrokenError(LakewardenError):
    """The audit log does not agree with itself; nothing is sealed on top of it."""

    code = "audit-broken"
    status = 500


def record(
    *,
    actor: str,
    action: str,
    resource: str,
    payload: dict[str, Any],
    about: Collection[str] = (),
) -> None:
    """Append one record in the current transaction; its order is given later, when it is sealed.

    `about` names the users that it tells of beside the actor and the one of a resource `user:NAME`.
    """
    names = _persons(actor, resource, about)
    for _ in range(_ATTEMPTS):
        subjects = subjects_of(names)
        at = utc_now()
        written = write_body(
            at=at,
            actor=actor,
            action=action,
            resource=resource,
            payload=payload,
            subjects=subjects,
        )
        keys = [each.pk for each in subjects.values()]
        if _insert(at, action, written, keys):
            return
        # A subject that was remembered here is erased meanwhile, or its transaction was rolled back.
        forget_subjects(names)
    raise AuditBrokenError("the keys of the log change faster than a record can be written")


def _persons(actor: str, resource: str, about: Collection[str]) -> set[str]:
    names = {actor, *about}
    if resource.startswith(USER_RESOURCE):
        names.add(resource[len(USER_RESOURCE) :])
    return names - NOBODY


def _insert(at: datetime, action: str, written: Written, keys: list[int]) -> bool:
    """Whether the record was written: it is not where a key is gone."""
    values = (at, written.actor, action, written.resource, written.body, leaf_hash(written.body))
    with connection.cursor() as cursor:
        # As text: to find the type of an array is a tenth of what a record costs here.
        cursor.execute(_APPEND, [*values, f"{{{','.join(map(str, keys))}}}"])
        return bool(cursor.fetchone()[0])


def record_decision(
    *,
    principal: Principal,
    dataset: Dataset,
    decision: Decision,
    via: str,
    asked: Mapping[str, Any] | None = None,
    columns: Collection[str] | None = None,
    outcome: str | None = None,
) -> None:
    """Append what was decided about a read of data: `via` names the path (query, trino, object.read, infer, …).

    `asked` is what the caller wanted, JSON-safe; `columns` are those that were handed out (None: all that the decision
    opens), and only they are told of. `outcome` is what became of it where the dataset's decision is not all (`allow`,
    or why not): what was asked for may be withheld from who may read something else.
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
    opened = decision.allowed if outcome is None else outcome == ALLOWED
    if outcome is not None:
        payload["outcome"] = outcome
    audit.record(
        actor=principal.username,
        action="data.read" if opened else "data.read-denied",
        resource=dataset.node_id,
        payload=payload,
    )


def record_export(
    *,
    principal: Principal,
    form: str,
    resource: str = "catalog",
    asked: Mapping[str, Any] | None = None,
) -> None:
    """Append that metadata were handed out as a document (`form`: ndjson, dcat-nt, odcs, …), whole or in part."""
    payload = {"form": form, "asked": dict(asked or {})}
    audit.record(
        actor=principal.username, action="catalog.export", resource=resource, payload=payload
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
    extend_tiles(frontier.size)
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
