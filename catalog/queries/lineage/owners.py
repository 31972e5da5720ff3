"""Who answers for the datasets and jobs of an answer; for what the caller may view only."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson

from catalog.queries.lineage.rows import as_array, fetch
from catalog.queries.lineage.sight import Sight

_OWNERS: Final = """
SELECT o.dataset_id, CASE WHEN u.id IS NULL THEN 'group' ELSE 'user' END, coalesce(u.username, g.name)
FROM catalog_datasetowner o LEFT JOIN identity_user u ON u.id = o.user_id LEFT JOIN auth_group g ON g.id = o.group_id
WHERE o.dataset_id = ANY(%s::bigint[]) ORDER BY 1, 2, 3
"""
_JOB_OWNERS: Final = """
SELECT id, (facets -> 'ownership' -> 'owners')::text FROM catalog_job
WHERE id = ANY(%s::bigint[]) AND jsonb_typeof(facets -> 'ownership' -> 'owners') = 'array'
"""
_USED: Final = """
SELECT job_id, dataset_id FROM catalog_datasetedge WHERE job_id = ANY(%s::bigint[]) AND valid_to IS NULL
"""


def dataset_owners(ids: Sequence[int]) -> dict[int, list[dict[str, str]]]:
    """The owners of each dataset, of which the caller may view the metadata; one query."""
    found: dict[int, list[dict[str, str]]] = {}
    for key, kind, name in fetch(_OWNERS, as_array(ids)):
        found.setdefault(key, []).append({"type": kind, "name": name})
    return found


def job_owners(ids: Sequence[int], *, described: Sight) -> dict[int, list[dict[str, Any]]]:
    """The owners that producers name (facet `ownership`) of jobs that use nothing which the caller may not view."""
    told = {key: orjson.loads(owners) for key, owners in fetch(_JOB_OWNERS, as_array(ids))}
    if not told:
        return {}
    used = fetch(_USED, as_array(told))
    datasets = np.array(sorted({dataset for _, dataset in used}), dtype=np.int64)
    seen = set(datasets[described.visible_among(datasets)].tolist())
    hiding = {job for job, dataset in used if dataset not in seen}
    return {
        key: [_owner(each) for each in owners if isinstance(each, dict)]
        for key, owners in told.items()
        if key not in hiding
    }


def _owner(each: dict[str, Any]) -> dict[str, Any]:
    return {"type": each.get("type"), "name": each.get("name")}
