"""Loading the edges in force, and reading what was opened and closed since, without missing a late commit."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import psycopg
from django.db import connection

from catalog.lineage.adjacency import Adjacency, Change
from catalog.models.lineage import EdgeKind
from core.commits import SNAPSHOT_COLUMNS, unread

# Both ends of an edge as node keys, in the direction of the flow (`catalog.queries.lineage.nodes`).
_LEFT_FIRST: Final = "direction = 'input'"
_KEYS: Final = {
    EdgeKind.DATASET: (
        "catalog_datasetedge",
        f"CASE WHEN {_LEFT_FIRST} THEN 2 * dataset_id ELSE 2 * job_id + 1 END",
        f"CASE WHEN {_LEFT_FIRST} THEN 2 * job_id + 1 ELSE 2 * dataset_id END",
    ),
    EdgeKind.FIELD: ("catalog_fieldedge", "source_id", "target_id"),
}
# Rows a column of bytes: 2²¹ rows are 16 MiB.
_CHUNK_BITS: Final = 21

# All edges in force, as columns of big-endian 64-bit integers, some millions of rows in one.
_LOAD = {
    kind: f"""
SELECT string_agg(int8send({origin}), ''::bytea), string_agg(int8send({destination}), ''::bytea),
       string_agg(int8send(id), ''::bytea)
FROM {table} WHERE valid_to IS NULL GROUP BY id >> {_CHUNK_BITS}
"""  # noqa: S608  # assembled from constants of this module only
    for kind, (table, origin, destination) in _KEYS.items()
}

# Entries that are read one by one; who has missed more loads the graph anew, which costs less.
MOST_NEWS: Final = 20_000

# What one snapshot says of the log: how often and up to which transaction it was trimmed, the transactions that the
# snapshot does not see, our own, if it has written, and the era: of which run of the server, of which generation of graphs.
_SNAPSHOT = f"""
SELECT coalesce(h.trims, 0) AS trims, coalesce(h.trimmed_xid, 0) AS trimmed_xid,
       {SNAPSHOT_COLUMNS}, s.own,
       concat(extract(epoch FROM pg_postmaster_start_time()), ' ', coalesce(h.generation, 0)) AS era
FROM (SELECT pg_current_snapshot() AS snap, pg_current_xact_id_if_assigned()::text::bigint AS own) s
LEFT JOIN catalog_edgeloghorizon h ON h.id = 1
"""  # noqa: S608  # assembled from constants of this module only

# The same with every entry that a reader of the mark has not seen; one row of NULLs if there is none.
_NEWS = f"""
SELECT h.trims, h.trimmed_xid, h.xmax, h.running, h.own, h.era,
       l.seq, l.xid, l.opened, l.edge_id, l.left_id, l.right_id, l.direction
FROM ({_SNAPSHOT}) h LEFT JOIN LATERAL (
    SELECT * FROM ({unread("catalog_edgelog", condition="kind = %(kind)s")}) unread ORDER BY seq LIMIT %(most)s
) l ON true ORDER BY l.seq
"""  # noqa: S608  # assembled from constants of this module only


class Snapshot(NamedTuple):
    """What a database snapshot says of the log; zeros for one that was never trimmed."""

    trims: int
    trimmed_xid: int
    xmax: int
    running: tuple[int, ...]
    own: int | None
    era: str

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Snapshot":
        trims, trimmed_xid, xmax, running, own, era = row
        return cls(trims, trimmed_xid, xmax, tuple(running), own, era)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the log has been read.

    INVARIANT: read is every entry of a transaction below `xmax` that is not in `pending`: what the snapshot of the mark
    saw (`core.commits`).
    """

    era: str = ""
    trims: int = 0
    xmax: int = 0
    pending: tuple[int, ...] = ()

    @property
    def xmin(self) -> int:
        """Every entry of a transaction below has been read."""
        return min((self.xmax, *self.pending))

    def after(self, snapshot: Snapshot) -> "Mark":
        """The mark once everything that `snapshot` shows has been read."""
        own = () if snapshot.own is None else (snapshot.own,)
        pending = sorted(x for x in {*snapshot.running, *own} if x < snapshot.xmax)
        return Mark(self.era, snapshot.trims, snapshot.xmax, tuple(pending))

    def is_lost(self, snapshot: Snapshot) -> bool:
        """Whether what was read may not be what is now: unread entries may have been trimmed, or this is another era.

        A server that was restarted may have been put back to an older state; one that was only killed has lost
        nothing that it showed, but is not told apart.
        """
        was_trimmed = snapshot.trims != self.trims and snapshot.trimmed_xid >= self.xmin
        return snapshot.era != self.era or was_trimmed

    def reaches(self, snapshot: Snapshot) -> bool:
        """Whether the mark is ahead of `snapshot`, which an old transaction may hold."""
        return snapshot.xmax < self.xmax or any(
            x < self.xmax and x not in self.pending for x in snapshot.running
        )


class News(NamedTuple):
    """What was not read before: what is committed, and what our own transaction wrote. `is_all`: not cut short."""

    snapshot: Snapshot
    committed: list[Change]
    own: list[Change]
    is_all: bool = True


def read_news(kind: EdgeKind, *, mark: Mark) -> News:
    """What the log shows now beyond `mark`; one query, in the caller's transaction."""
    values: dict[str, Any] = {
        "kind": kind.value,
        "xmax": mark.xmax,
        "running": list(mark.pending),
        "most": MOST_NEWS + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEWS, values)
        rows = cursor.fetchall()
    snapshot = Snapshot.of(rows[0][:6])
    entries = [(row[7], _change(kind, row[8:])) for row in rows if row[6] is not None]
    return News(
        snapshot,
        [change for xid, change in entries if xid != snapshot.own],
        [change for xid, change in entries if xid == snapshot.own],
        is_all=len(entries) <= MOST_NEWS,
    )


def _change(kind: EdgeKind, row: tuple[Any, ...]) -> Change:
    opened, edge, left, right, direction = row
    if kind == EdgeKind.FIELD:
        return Change(opened, edge, left, right)
    dataset, job = 2 * left, 2 * right + 1
    ends = (dataset, job) if direction == "input" else (job, dataset)
    return Change(opened, edge, *ends)


def load_graph(kind: EdgeKind) -> tuple[Adjacency, Mark]:
    """Every edge in force, and the mark from which the log goes on: both of one snapshot.

    Needs a connection outside a transaction. Takes about a second a million edges.
    """
    with connection.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            cursor.execute(_SNAPSHOT)
            snapshot = Snapshot.of(cursor.fetchone())
            columns = _read_columns(_LOAD[kind])
        finally:
            cursor.execute("ROLLBACK")
    return Adjacency.of(*columns), Mark(snapshot.era).after(snapshot)


def _read_columns(statement: str) -> Iterable[Any]:
    """The three columns of `_LOAD` as arrays; in binary, which halves the bytes on the wire."""
    parts: list[list[Any]] = [[], [], []]
    # Django's own cursors put parameters in on the client, and know no binary results.
    with psycopg.Cursor(connection.connection) as cursor:
        for row in cursor.execute(statement, binary=True):
            for part, raw in zip(parts, row, strict=True):
                part.append(np.frombuffer(raw, dtype=">i8").astype(np.int64))
    return [np.concatenate(part) if part else np.empty(0, dtype=np.int64) for part in parts]
