"""Checking the audit log against itself and against its signed checkpoints, from the stored payload bytes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from governance.auditing.keys import unwrap
from governance.merkle import Frontier, leaf_hash
from governance.models import AuditCheckpoint, AuditRecord, AuditSubject
from governance.signing import Checkpoint, is_signed

MAX_FINDINGS = 100
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: at which place of the log (None: not in one place), and what."""

    sequence: int | None
    text: str


@dataclass(slots=True)
class Verification:
    """What was checked, and what was found; at most MAX_FINDINGS findings are kept."""

    records: int = 0
    unsealed: int = 0
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.findings

    def report(self, sequence: int | None, text: str) -> None:
        """Keep a finding."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(sequence, text))


def verify(*, witness: Checkpoint | None = None) -> Verification:
    """Recompute every hash and root, and check every signature.

    `witness` is a checkpoint that was kept elsewhere: without one, a log cut back together with its checkpoints
    cannot be told from a shorter log. Reads the log in one pass; memory does not grow with it.
    """
    result = Verification()
    expected = _expected_roots(result, witness)
    frontier = _walk(result, expected)
    if expected and not result.findings:
        size = min(expected)
        result.report(
            frontier.size, f"the log ends with {frontier.size} records, but {size} were signed"
        )
    _check_unsealed(result)
    _check_names(result)
    return result


def _expected_roots(result: Verification, witness: Checkpoint | None) -> dict[int, bytes]:
    """Root by tree size, of every checkpoint with a good signature, in growing order."""
    expected: dict[int, bytes] = {}
    for row in AuditCheckpoint.objects.order_by("tree_size").iterator(chunk_size=_CHUNK):
        result.checkpoints += 1
        signed = Checkpoint(row.tree_size, bytes(row.root_hash), row.signed_at)
        if is_signed(signed, bytes(row.signature)):
            expected[row.tree_size] = signed.root_hash
        else:
            result.report(
                row.tree_size, f"the signature of the checkpoint of {row.tree_size} does not hold"
            )
    if witness is not None:
        known = expected.get(witness.tree_size)
        if known not in (None, witness.root_hash):
            result.report(
                witness.tree_size,
                f"the checkpoint of {witness.tree_size} is not the one that was kept elsewhere",
            )
        expected[witness.tree_size] = witness.root_hash
    return dict(sorted(expected.items()))


def _walk(result: Verification, expected: dict[int, bytes]) -> Frontier:
    """Check each sealed record, and each root as it is reached; what is left in `expected` was not reached."""
    frontier, last_good, place = Frontier(), 0, 0
    for row in _sealed():
        if row["sequence"] != place:
            _report_gap(result, place, row["sequence"])
            place = row["sequence"]
        leaf = _check_record(result, row, name=f"record {place}", sequence=place)
        frontier = frontier.extended([leaf])
        result.records += 1
        place += 1
        root = expected.pop(frontier.size, None)
        if root is None:
            continue
        if root == frontier.root():
            last_good = frontier.size
        elif not result.findings:
            result.report(
                last_good,
                f"records {last_good} to {frontier.size - 1} are not those that were signed: "
                "replaced, inserted or in another order",
            )
    if result.records > last_good and not result.findings and not expected:
        result.report(last_good, f"records from {last_good} on are sealed without a checkpoint")
    return frontier


def _report_gap(result: Verification, place: int, found: int) -> None:
    if found > place:
        result.report(place, f"record {place} is missing: after it comes {found}")
    else:
        result.report(place, f"record {found} is there twice")


def _check_unsealed(result: Verification) -> None:
    rows = AuditRecord.objects.filter(sequence=None).order_by("pk").values(*_COLUMNS)
    for row in rows.iterator(chunk_size=_CHUNK):
        result.unsealed += 1
        _check_record(result, row, name=f"unsealed record with id {row['pk']}", sequence=None)


def _check_names(result: Verification) -> None:
    """A pseudonym commits to its name: nobody can put another name behind what somebody did."""
    rows = AuditSubject.objects.filter(wrapped__isnull=False).values_list("pseudonym", "wrapped")
    for pseudonym, wrapped in rows.iterator(chunk_size=_CHUNK):
        if unwrap(bytes(wrapped or b"")).pseudonym != pseudonym:
            result.report(None, f"`{pseudonym}` is kept with a name that is not the person's")


_COLUMNS = ("pk", "sequence", "at", "actor", "action", "resource", "payload", "leaf_hash")


def _sealed() -> Iterator[dict[str, Any]]:
    rows = AuditRecord.objects.exclude(sequence=None).order_by("sequence").values(*_COLUMNS)
    yield from rows.iterator(chunk_size=_CHUNK)


def _check_record(
    result: Verification, row: dict[str, Any], *, name: str, sequence: int | None
) -> bytes:
    """The leaf hash of the payload as it is stored; differences are reported."""
    payload = bytes(row["payload"])
    leaf = leaf_hash(payload)
    if leaf != bytes(row["leaf_hash"]):
        result.report(sequence, f"{name}: the payload was changed")
        return leaf
    for column in ("at", "actor", "action", "resource"):
        if not _is_copy(column, row[column], payload):
            result.report(sequence, f"{name}: `{column}` is not what the payload says")
    return leaf


def _is_copy(column: str, value: Any, payload: bytes) -> bool:
    stated = orjson.loads(payload).get(column)
    return bool(datetime.fromisoformat(stated) == value if column == "at" else stated == value)
