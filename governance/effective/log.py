"""Reading the log of changed facts without gaps: exactly what the transactions wrote that the last look did not see."""

from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper

from core.commits import SNAPSHOT_COLUMNS, unread
from governance.models import FactKind

# More entries than this are not worth following one by one: everything is read anew.
MAX_ENTRIES = 20_000
# A process that did not look for so long starts anew. INVARIANT: shorter than `KEPT_SECONDS`.
MAX_PAUSE_SECONDS = 1800.0
# How long an entry stays, counted from the moment at which all that ran beside it had ended.
KEPT_SECONDS = 3600.0

# Which life of which server this is. Transaction numbers go on within one life only: after a restore, a fail-over or a
# crash (which empties the unlogged table of the epoch) a number may come again, so nothing kept before holds.
_LIFE = """(SELECT concat_ws(' ', e.epoch, pg_postmaster_start_time(), d.oid) FROM governance_factepoch e, pg_database d
          WHERE d.datname = current_database())"""
_BEGIN_LIFE = """
INSERT INTO governance_factepoch (epoch)
SELECT gen_random_uuid() WHERE NOT EXISTS (SELECT 1 FROM governance_factepoch) ON CONFLICT DO NOTHING
"""
_POSITION = f"SELECT {SNAPSHOT_COLUMNS}, extract(epoch FROM clock_timestamp())::float8, {_LIFE}"
# ruff: noqa: S608 - assembled from constants of this module only
# The snapshot of the statement itself, once, and each entry that the snapshot before it did not see.
_CHANGES = f"""{_POSITION}, l.kind, l.key, l.value
  FROM (SELECT pg_current_snapshot() AS snap) s
  LEFT JOIN (SELECT * FROM ({unread("governance_factlog", columns="kind, key, value")}) unread LIMIT %(most)s) l ON true
"""
_BEGINNING = f"{_POSITION} FROM (SELECT pg_current_snapshot() AS snap) s"


@dataclass(frozen=True, slots=True)
class Position:
    """What was seen: every transaction below `xmax` but those that were `running`.

    `at` is the server's clock, in seconds; `life` is None between a crash and `begin_life`.
    """

    xmax: int
    running: tuple[int, ...]
    at: float
    life: str | None

    def leads_to(self, later: "Position") -> bool:
        """Whether the log tells of all that came between the two."""
        return (
            self.life is not None
            and self.life == later.life
            and self.xmax <= later.xmax
            and 0 <= later.at - self.at <= MAX_PAUSE_SECONDS
        )


@dataclass(frozen=True, slots=True)
class Entry:
    kind: FactKind
    key: int
    value: int


def begin_life(cursor: CursorWrapper) -> None:
    """Mark the server's life if nobody did since its start; not inside a transaction."""
    cursor.execute(_BEGIN_LIFE)


def read_position(cursor: CursorWrapper) -> Position:
    """Where the log stands for the cursor's snapshot."""
    cursor.execute(_BEGINNING)
    return _position(cursor.fetchone())


def read_changes(cursor: CursorWrapper, since: Position) -> tuple[Position, list[Entry] | None]:
    """The new position, and the entries since; None where they are too many or too long ago to be followed."""
    most = MAX_ENTRIES + 1
    cursor.execute(_CHANGES, {"xmax": since.xmax, "running": list(since.running), "most": most})
    rows = cursor.fetchall()
    now = _position(rows[0][:4])
    if not since.leads_to(now) or len(rows) > MAX_ENTRIES:
        return now, None
    return now, [
        Entry(FactKind(kind), key, value) for *_, kind, key, value in rows if kind is not None
    ]


def trim_fact_log(cursor: CursorWrapper) -> int:
    """Remove the entries that every process has seen or given up; returns how many.

    What lies below the horizon of a mark was committed before the mark was made: who looked since, has seen it. Entries
    of another life, from a restored dump, may have numbers that are still to come: nobody goes by them.
    """
    begin_life(cursor)
    cursor.execute(
        "INSERT INTO governance_factlogmark (horizon, life)"
        f" SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, {_LIFE}"
    )
    cursor.execute(
        "DELETE FROM governance_factlog WHERE xid < (SELECT max(horizon) FROM governance_factlogmark"
        f" WHERE at < clock_timestamp() - make_interval(secs => %s) AND life = {_LIFE})"
        " OR xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
        [KEPT_SECONDS],
    )
    removed: int = cursor.rowcount
    cursor.execute(
        "DELETE FROM governance_factlogmark WHERE at < clock_timestamp() - make_interval(secs => %s)",
        [3 * KEPT_SECONDS],
    )
    return removed


def _position(row: tuple[int, list[int], float, str | None]) -> Position:
    xmax, running, at, life = row
    return Position(xmax=xmax, running=tuple(running), at=at, life=life or None)
