"""The edges around some nodes as they were at one time, or are now, read from the tables.

For questions about the past, and for as long as the graph in memory is being loaded. One query finds the nodes
nearest first, a second one the edges between them; who may see what is asked afterwards, by the walk.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
from django.db import connection, transaction

from catalog.lineage.adjacency import Adjacency
from catalog.models.lineage import EdgeKind

# How many nodes are read for each that an answer may hold: some of them the caller may not see.
NODES_READ_FOR_ONE: Final = 4
MOST_NODES: Final = 40_000
MOST_EDGES: Final = 400_000

_IN_FORCE_NOW: Final = "e.valid_to IS NULL"
_IN_FORCE_THEN: Final = "e.valid_from <= %(at)s::timestamptz AND (e.valid_to IS NULL OR e.valid_to > %(at)s::timestamptz)"
# From a node of either kind to the nodes next to it, down the flow or up; `{held}` says when an edge counts.
_NEXT: Final = {
    (EdgeKind.DATASET, "out"): """
        SELECT 2 * e.job_id + 1 FROM catalog_datasetedge e
         WHERE w.key & 1 = 0 AND e.dataset_id = w.key >> 1 AND e.direction = 'input' AND {held}
        UNION ALL SELECT 2 * e.dataset_id FROM catalog_datasetedge e
         WHERE w.key & 1 = 1 AND e.job_id = w.key >> 1 AND e.direction = 'output' AND {held}""",
    (EdgeKind.DATASET, "into"): """
        SELECT 2 * e.job_id + 1 FROM catalog_datasetedge e
         WHERE w.key & 1 = 0 AND e.dataset_id = w.key >> 1 AND e.direction = 'output' AND {held}
        UNION ALL SELECT 2 * e.dataset_id FROM catalog_datasetedge e
         WHERE w.key & 1 = 1 AND e.job_id = w.key >> 1 AND e.direction = 'input' AND {held}""",
    (EdgeKind.FIELD, "out"): """
        SELECT e.target_id FROM catalog_fieldedge e WHERE e.source_id = w.key AND {held}""",
    (EdgeKind.FIELD, "into"): """
        SELECT e.source_id FROM catalog_fieldedge e WHERE e.target_id = w.key AND {held}""",
}
_BETWEEN: Final = {
    EdgeKind.DATASET: """
SELECT CASE WHEN e.direction = 'input' THEN 2 * e.dataset_id ELSE 2 * e.job_id + 1 END,
       CASE WHEN e.direction = 'input' THEN 2 * e.job_id + 1 ELSE 2 * e.dataset_id END, e.id
FROM catalog_datasetedge e WHERE e.dataset_id = ANY(%(datasets)s) AND e.job_id = ANY(%(jobs)s) AND {held}
ORDER BY e.id LIMIT %(most)s""",
    EdgeKind.FIELD: """
SELECT e.source_id, e.target_id, e.id FROM catalog_fieldedge e
WHERE e.source_id = ANY(%(keys)s) AND e.target_id = ANY(%(keys)s) AND {held} ORDER BY e.id LIMIT %(most)s""",
}


def read_around(
    kind: EdgeKind,
    start: Sequence[int],
    *,
    sides: Sequence[str],
    nodes: int,
    at: datetime | None,
) -> Adjacency:
    """The edges that held at `at` (now, if None) between the `nodes` nodes nearest to `start` (node keys).

    Nearest first: a recursive query hands out its rows level by level, and stops where no more are asked for.
    """
    held = _IN_FORCE_NOW if at is None else _IN_FORCE_THEN
    values: dict[str, Any] = {"at": at, "start": list(start), "nodes": min(nodes, MOST_NODES)}
    following = "\nUNION ALL ".join(_NEXT[kind, side].format(held=held) for side in sides)
    # OFFSET 0 keeps the planner from joining the edges as a whole.
    closure = f"""
WITH RECURSIVE walk(key) AS (
    SELECT unnest(%(start)s::bigint[])
  UNION
    SELECT n.key FROM walk w CROSS JOIN LATERAL ({following} OFFSET 0) n(key)
) SELECT key FROM walk LIMIT %(nodes)s"""  # noqa: S608  # assembled from constants of this module only
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(closure, values)
        keys = [row[0] for row in cursor.fetchall()]
        values |= {
            "keys": keys,
            "datasets": [key >> 1 for key in keys if not key & 1],
            "jobs": [key >> 1 for key in keys if key & 1],
            "most": MOST_EDGES,
        }
        cursor.execute(_BETWEEN[kind].format(held=held), values)
        rows = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 3)
    return Adjacency.of(rows[:, 0], rows[:, 1], rows[:, 2])
