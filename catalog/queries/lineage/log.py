"""Loading the edges in force, and reading what was opened and closed since, without missing a late commit."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import psycopg
from django.db import connection

from catalog.lineage.adjacency import Adjacency, Change
from catalog.models.lineage import EdgeKind

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

# What one snapshot says of the log: its newest committed entry, how far it was trimmed, the transactions that it does not
# see, our own, if it has written, and in which era that is: of which run of the server, and of which generation of graphs.
_SNAPSHOT = """
SELECT greatest((SELECT seq FROM catalog_edgelog WHERE xid IS DISTINCT FROM s.own ORDER BY seq DESC LIMIT 1),
                h.trimmed_to) AS head,
       h.trimmed_to, pg_snapshot_xmax(s.snap)::text::bigint AS xmax,
       ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(s.snap) x) AS running, s.own,
       concat(extract(epoch FROM pg_postmaster_start_time()), ' ', coalesce(h.generation, 0)) AS era
FROM (SELECT pg_current_snapshot() AS snap, pg_current_xact_id_if_assigned()::text::bigint AS own) s
LEFT JOIN catalog_edgeloghorizon h ON h.id = 1
"""

# The same with every entry that a reader of mark (low, head, pending) has not seen; one row of NULLs if there is none.
_NEWS = f"""
SELECT h.head, h.trimmed_to, h.xmax, h.running, h.own, h.era,
       l.seq, l.xid, l.opened, l.edge_id, l.left_id, l.right_id, l.direction
FROM ({_SNAPSHOT}) h LEFT JOIN LATERAL (
    SELECT * FROM catalog_edgelog
    WHERE seq > %(low)s AND kind = %(kind)s AND (seq > %(head)s OR xid = ANY(%(pending)s)) ORDER BY seq LIMIT %(most)s
) l ON true ORDER BY l.seq
"""  # noqa: S608  # assembled from constants of this module only


class Snapshot(NamedTuple):
    """What a database snapshot says of the log. 0 stands for an empty log, and for one that was never trimmed."""

    head: int
    trimmed_to: int
    xmax: int
    running: tuple[int, ...]
    own: int | None
    era: str

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Snapshot":
        head, trimmed_to, xmax, running, own, era = row
        return cls(head or 0, trimmed_to or 0, xmax, tuple(running), own, era)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the log has been read.

    INVARIANT: read is every entry up to `head`, but for those of the transactions in `pending`, which had not
    ended. A transaction gets its id before its first entry, and a sequence only grows: so one that began after the
    snapshot of `head` writes above `head` only. Nothing at or below `low` can still come.
    """

    era: str = ""
    head: int = 0
    xmax: int = 0
    pending: tuple[int, ...] = ()
    low: int = 0
    # (xmax, head) of former snapshots: when all below that xmax have ended, nothing at or below that head can come.
    checkpoints: tuple[tuple[int, int], ...] = ()

    def after(self, snapshot: Snapshot) -> "Mark":
        """The mark once everything that `snapshot` shows has been read."""
        own = () if snapshot.own is None else (snapshot.own,)
        pending = (*snapshot.running, *own)
        if not pending:
            return Mark(self.era, snapshot.head, snapshot.xmax, (), snapshot.head)
        xmin = min(pending)
        done = [head for xmax, head in self.checkpoints if xmax <= xmin]
        kept = [each for each in self.checkpoints if each[0] > xmin]
        if not kept or kept[-1][1] < snapshot.head:
            kept.append((snapshot.xmax, snapshot.head))
        low = max([self.low, *done])
        return Mark(self.era, snapshot.head, snapshot.xmax, pending, low, tuple(_thinned(kept)))

    def is_lost(self, snapshot: Snapshot) -> bool:
        """Whether what was read may not be what is now: the log was trimmed past the mark, or this is another era.

        A server that was restarted may have been put back to an older state; one that was only killed has lost
        nothing that it showed, but is not told apart.
        """
        return (
            snapshot.era != self.era or snapshot.head < self.head or snapshot.trimmed_to > self.low
        )

    def reaches(self, snapshot: Snapshot) -> bool:
        """Whether the mark is ahead of `snapshot`, which an old transaction may hold."""
        return snapshot.xmax < self.xmax


MAX_CHECKPOINTS: Final = 64


def _thinned(checkpoints: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """At most 64: fewer make `low` advance later, never too early."""
    return checkpoints if len(checkpoints) <= MAX_CHECKPOINTS else checkpoints[::2]


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
        "low": mark.low,
        "head": mark.head,
        "pending": list(mark.pending),
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
    mark = Mark(snapshot.era, low=snapshot.trimmed_to)
    return Adjacency.of(*columns), mark.after(snapshot)


def _read_columns(statement: str) -> Iterable[Any]:
    """The three columns of `_LOAD` as arrays; in binary, which halves the bytes on the wire."""
    parts: list[list[Any]] = [[], [], []]
    # Django's own cursors put parameters in on the client, and know no binary results.
    with psycopg.Cursor(connection.connection) as cursor:
        for row in cursor.execute(statement, binary=True):
            for part, raw in zip(parts, row, strict=True):
                part.append(np.frombuffer(raw, dtype=">i8").astype(np.int64))
    return [np.concatenate(part) if part else np.empty(0, dtype=np.int64) for part in parts]
