"""Keeping the edge log short, and having all graphs in memory loaded anew."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.models import F

from catalog.models import EdgeLogHorizon
from core import audit
from core.clock import utc_now

logger = structlog.get_logger(__name__)

KEPT: Final = timedelta(days=1)
MOST_KEPT: Final = 1_000_000
_BATCH: Final = 50_000
# How long to wait for transactions that were in progress, in seconds, and how long between looks.
_PATIENCE: Final = 30.0
_PAUSE: Final = 0.1

# The last entry that is old enough, or one too many, and the first transaction that has not begun.
_BOUND = """
SELECT coalesce(greatest(
           (SELECT seq - 1 FROM catalog_edgelog WHERE logged_at >= %s ORDER BY seq LIMIT 1),
           (SELECT max(seq) FROM catalog_edgelog WHERE NOT EXISTS (SELECT FROM catalog_edgelog WHERE logged_at >= %s)),
           (SELECT max(seq) FROM catalog_edgelog) - %s), 0),
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""
_HAVE_ENDED = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= %s"
_TRIM = """
WITH oldest AS (SELECT seq FROM catalog_edgelog WHERE seq <= %(bound)s ORDER BY seq LIMIT %(batch)s),
gone AS (DELETE FROM catalog_edgelog l USING oldest o WHERE l.seq = o.seq RETURNING l.seq)
SELECT count(*), CASE WHEN count(*) < %(batch)s THEN %(bound)s ELSE max(seq) END FROM gone
"""
# A restored dump brings entries of another server's transactions, whose ids would come again here.
_FORGET_FOREIGN = (
    "DELETE FROM catalog_edgelog WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
)
_MOVE_HORIZON = """
INSERT INTO catalog_edgeloghorizon AS h (id, trimmed_to, generation) VALUES (1, %s, 0)
ON CONFLICT (id) DO UPDATE SET trimmed_to = greatest(h.trimmed_to, excluded.trimmed_to)
"""


def trim_edge_log(
    *, keep: timedelta = KEPT, most: int = MOST_KEPT, patience: float = _PATIENCE
) -> int:
    """Delete what is older than `keep`, and all but the newest `most` entries, in batches; how many entries.

    A process whose graph had not read them loads it anew (`catalog.queries.lineage.log.Mark.is_lost`). Deletes nothing
    while a transaction is in progress, `patience` seconds long, that may still write an entry with a low number.
    Call it outside a transaction. No audit record: the log is derived, and the edges keep their own history.
    """
    _forget_foreign()
    before = utc_now() - keep
    bound, horizon = _fetch(_BOUND, [before, before, most])
    if not bound:
        return 0
    # A number at or below `bound` was given away before now: to a transaction that had begun by then.
    if not _wait_for(horizon, patience=patience):
        logger.warning("the edge log is not trimmed: a transaction goes on", bound=bound)
        return 0
    deleted = 0
    while True:
        with transaction.atomic():
            gone, reached = _fetch(_TRIM, {"bound": bound, "batch": _BATCH})
            with connection.cursor() as cursor:
                cursor.execute(_MOVE_HORIZON, [reached])
        deleted += int(gone)
        if gone < _BATCH:
            return deleted


@transaction.atomic
def reload_graphs(*, actor: str) -> int:
    """Have every process load its graphs from the edge tables, at its next question; the new generation's number.

    Nobody is kept waiting: until a graph is loaded, questions are answered from the tables.
    """
    row, _ = EdgeLogHorizon.objects.get_or_create(pk=1)
    EdgeLogHorizon.objects.filter(pk=row.pk).update(generation=F("generation") + 1)
    row.refresh_from_db()
    audit.record(
        actor=actor,
        action="lineage.reload",
        resource="lineage",
        payload={"generation": row.generation},
    )
    return row.generation


@transaction.atomic
def _forget_foreign() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_FOREIGN)
        found = cursor.rowcount
    if found:
        logger.warning("the edge log is of another server: graphs load anew", entries=found)
        reload_graphs(actor="system")


def _wait_for(horizon: int, *, patience: float) -> bool:
    """Whether every transaction below `horizon` has ended by the end of our patience."""
    deadline = time.monotonic() + patience
    while not _fetch(_HAVE_ENDED, [horizon])[0]:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _fetch(statement: str, params: Sequence[Any] | dict[str, Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
