"""The log as lines of JSON that `verify_audit.py` checks without this service.

{"log":"lakewarden-audit","first":N,"frontier":["<hex>", ...]}   what comes before: the tree of the first N records
{"sequence":N,"leaf_hash":"<hex>","record":"<the committed bytes, as text>"}
{"checkpoint":"<signed note>"}                                   after the last record that it covers
"""

from collections.abc import Iterator
from typing import Any

import orjson

from core import audit
from core.errors import InvalidInputError
from governance.auditing.notes import note_of
from governance.auditing.proofs import find_checkpoint
from governance.auditing.tiles import TileNodes
from governance.merkle import read_frontier
from governance.models import AuditCheckpoint, AuditRecord
from governance.signing import ORIGIN

EXPORT_MEDIA_TYPE = "application/x-ndjson"
_CHUNK = 2_000


def export_log(*, by: str, first: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Lines of the sealed records `first` to `end - 1`, oldest first, by default up to the newest checkpoint.

    `end` must be the size of a checkpoint. The export is recorded in the log itself. Raises NotFoundError and
    InvalidInputError at once, not while lines are read. Memory does not grow with the log.
    """
    last = find_checkpoint(end)
    if not 0 <= first <= last.tree_size:
        raise InvalidInputError(f"`from` must be a place from 0 to {last.tree_size}")
    payload = {"first": first, "end": last.tree_size}
    audit.record(actor=by, action="audit.export", resource="audit:log", payload=payload)
    return log_lines(first, last.tree_size)


def export_end(first: int, limit: int) -> int | None:
    """The size of the last checkpoint that covers at most `limit` records from `first` on; None: nothing is new.

    Where the next checkpoint alone covers more than `limit`, it is that one.
    """
    sizes = AuditCheckpoint.objects.filter(tree_size__gt=first).order_by("tree_size")
    within = sizes.filter(tree_size__lte=first + limit).order_by("-tree_size")
    row = within.values("tree_size").first() or sizes.values("tree_size").first()
    return None if row is None else row["tree_size"]


def log_lines(first: int, end: int) -> Iterator[bytes]:
    """The lines of an export, unrecorded; `end` is the size of a checkpoint."""
    peaks = read_frontier(TileNodes(), first).peaks
    yield _line({"log": ORIGIN, "first": first, "frontier": [each.hex() for each in peaks]})
    for start in range(first, end, _CHUNK):
        yield from _chunk(start, min(start + _CHUNK, end))


def _chunk(first: int, end: int) -> Iterator[bytes]:
    checkpoints = {
        row.tree_size: note_of(row)
        for row in AuditCheckpoint.objects.filter(tree_size__gt=first, tree_size__lte=end)
    }
    rows = AuditRecord.objects.filter(sequence__gte=first, sequence__lt=end).order_by("sequence")
    for found, payload, leaf in rows.values_list("sequence", "payload", "leaf_hash"):
        place = int(found or 0)
        yield _record_line(place, bytes(payload), bytes(leaf))
        note = checkpoints.get(place + 1)
        if note is not None:
            yield _line({"checkpoint": note})


def _record_line(place: int, payload: bytes, leaf: bytes) -> bytes:
    members: dict[str, Any] = {"sequence": place, "leaf_hash": leaf.hex()}
    try:
        members["record"] = payload.decode()
    except UnicodeDecodeError:
        # Only what somebody has changed is no text; whoever looks into it needs its bytes all the same.
        members["record_hex"] = payload.hex()
    return _line(members)


def _line(members: dict[str, Any]) -> bytes:
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)
