"""Raw events by month: partitions made ahead of time, and thrown away whole once they are old.

What the catalog concluded from an event (datasets, fields, versions, edges, the state of runs) stays when the event goes;
facets of runs and of their uses are read from the events and go with them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.db import connection, transaction
from psycopg import sql

from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError

logger = structlog.get_logger(__name__)

TABLE = "catalog_runevent"
DEFAULT = "catalog_runevent_default"
# Months that get a partition of their own: producers with a wrong clock must not make a table for each of theirs.
MONTHS_BACK = 60
MONTHS_AHEAD = 2
MIN_RETENTION = timedelta(days=1)
ROWS_A_DELETE = 5_000

PARTITIONS = """
SELECT c.relname, pg_total_relation_size(c.oid), greatest(c.reltuples, 0)::bigint
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'catalog_runevent'::regclass ORDER BY c.relname
"""
MONTHS_IN_DEFAULT = """
SELECT DISTINCT date_trunc('month', event_time, 'UTC') FROM catalog_runevent_default
 WHERE event_time >= %s AND event_time < %s ORDER BY 1
"""
DELETE_OLD = """
DELETE FROM catalog_runevent_default WHERE (event_time, digest) IN (
    SELECT event_time, digest FROM catalog_runevent_default WHERE event_time < %s LIMIT %s)
"""


@dataclass(frozen=True, kw_only=True)
class OldEvents:
    """What lies before the cutoff: whole months by name, and rows of months without a table of their own."""

    cutoff: datetime
    partitions: tuple[str, ...]
    size: int
    stray_rows: int
    removed: bool


def make_event_partitions(*, now: datetime | None = None) -> list[str]:
    """Give this month, the next ones, and recent months that lie in the default partition a table each; their names.

    Rows of such a month move in the same transaction. Writers wait meanwhile.
    """
    moment = now or utc_now()
    first, last = _month(moment, -MONTHS_BACK), _month(moment, MONTHS_AHEAD + 1)
    with connection.cursor() as cursor:
        cursor.execute(MONTHS_IN_DEFAULT, [first, last])
        wanted = {row[0].astimezone(UTC) for row in cursor.fetchall()}
    wanted |= {_month(moment, ahead) for ahead in range(MONTHS_AHEAD + 1)}
    present = {name for name, _, _ in _partitions()}
    made = [month for month in sorted(wanted) if _name(month) not in present]
    for month in made:
        _make(month)
    return [_name(month) for month in made]


def sweep_events(
    *,
    older_than: timedelta,
    dry_run: bool = True,
    actor: str = "system",
    now: datetime | None = None,
) -> OldEvents:
    """Find events older than this and, unless `dry_run`, remove them, audited; a month goes when all of it is old."""
    if older_than < MIN_RETENTION:
        raise InvalidInputError(f"events are kept for {MIN_RETENTION.days} day at least")
    cutoff = (now or utc_now()) - older_than
    old = [row for row in _partitions() if row[0] != DEFAULT and _end(row[0]) <= cutoff]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {DEFAULT} WHERE event_time < %s", [cutoff])  # noqa: S608 - constant
        stray = int(cursor.fetchone()[0])
    found = OldEvents(
        cutoff=cutoff,
        partitions=tuple(row[0] for row in old),
        size=sum(row[1] for row in old),
        stray_rows=stray,
        removed=not dry_run,
    )
    if not dry_run and (found.partitions or found.stray_rows):
        _remove(found, actor=actor)
    return found


def _remove(found: OldEvents, *, actor: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for name in found.partitions:
            cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        audit.record(
            actor=actor,
            action="events.remove",
            resource="lineage-events",
            payload={
                "before": found.cutoff.isoformat(),
                "months": list(found.partitions),
                "stray_rows": found.stray_rows,
            },
        )
    # In parts, so that no writer waits for long; what is left at a crash goes next time.
    left = found.stray_rows
    while left > 0:
        with connection.cursor() as cursor:
            cursor.execute(DELETE_OLD, [found.cutoff, ROWS_A_DELETE])
            if cursor.rowcount == 0:
                break
            left -= cursor.rowcount
    logger.info("old events removed", months=len(found.partitions), rows=found.stray_rows)


def _make(month: datetime) -> None:
    name, end = sql.Identifier(_name(month)), _month(month, 1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {TABLE} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING STORAGE)").format(
                name, sql.Identifier(TABLE)
            )
        )
        cursor.execute(
            sql.SQL(
                "WITH moved AS (DELETE FROM {} WHERE event_time >= %s AND event_time < %s RETURNING *)"
                " INSERT INTO {} SELECT * FROM moved"
            ).format(sql.Identifier(DEFAULT), name),
            [month, end],
        )
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(TABLE), name, sql.Literal(month), sql.Literal(end)
            )
        )


def _partitions() -> list[tuple[str, int, int]]:
    """Name, bytes and estimated rows of each."""
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONS)
        return [(str(name), int(size), int(rows)) for name, size, rows in cursor.fetchall()]


def _name(month: datetime) -> str:
    return f"{TABLE}_{month:%Y_%m}"


def _end(name: str) -> datetime:
    """Where the month of a partition ends."""
    return _month(datetime.strptime(name, f"{TABLE}_%Y_%m").replace(tzinfo=UTC), 1)


def _month(moment: datetime, ahead: int) -> datetime:
    """The first instant of the month `ahead` months after that of `moment`, in UTC."""
    at = moment.astimezone(UTC)
    months = at.year * 12 + at.month - 1 + ahead
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
