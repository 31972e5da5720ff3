"""Keeping the edge log short, and having all graphs in memory loaded anew."""

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

# The last entry that is old enough, or one too many.
_BOUND = """
SELECT coalesce(greatest(
           (SELECT seq - 1 FROM catalog_edgelog WHERE logged_at >= %s ORDER BY seq LIMIT 1),
           (SELECT max(seq) FROM catalog_edgelog WHERE NOT EXISTS (SELECT FROM catalog_edgelog WHERE logged_at >= %s)),
           (SELECT max(seq) FROM catalog_edgelog) - %s), 0)
"""
_TRIM = """
WITH oldest AS (SELECT seq FROM catalog_edgelog WHERE seq <= %(bound)s ORDER BY seq LIMIT %(batch)s),
gone AS (DELETE FROM catalog_edgelog l USING oldest o WHERE l.seq = o.seq RETURNING l.xid)
SELECT count(*), coalesce(max(xid), 0) FROM gone
"""
# A restored dump brings entries of another server's transactions, whose ids would come again here.
_FORGET_FOREIGN = (
    "DELETE FROM catalog_edgelog WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
)
_MOVE_HORIZON = """
INSERT INTO catalog_edgeloghorizon AS h (id, trims, trimmed_xid, generation) VALUES (1, 1, %s, 0)
ON CONFLICT (id) DO UPDATE SET trims = h.trims + 1, trimmed_xid = greatest(h.trimmed_xid, excluded.trimmed_xid)
"""


def trim_edge_log(*, keep: timedelta = KEPT, most: int = MOST_KEPT) -> int:
    """Delete what is older than `keep`, and all but the newest `most` entries, in batches; how many entries.

    A process whose graph had not read them loads it anew (`catalog.queries.lineage.log.Mark.is_lost`). What a transaction
    in progress has written is not seen here, and stays.
    Call it outside a transaction. No audit record: the log is derived, and the edges keep their own history.
    """
    _forget_foreign()
    before = utc_now() - keep
    (bound,) = _fetch(_BOUND, [before, before, most])
    deleted = 0
    while bound:
        with transaction.atomic():
            gone, xid = _fetch(_TRIM, {"bound": bound, "batch": _BATCH})
            if gone:
                with connection.cursor() as cursor:
                    cursor.execute(_MOVE_HORIZON, [xid])
        deleted += int(gone)
        if gone < _BATCH:
            break
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


def _fetch(statement: str, params: Sequence[Any] | dict[str, Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
