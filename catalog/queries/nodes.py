"""Lineage node ids, as Marquez writes them: `dataset:NS:NAME`, `job:NS:NAME`, `datasetField:NS:NAME:FIELD`.

Namespaces and names may hold colons themselves (`kafka://host:9092`), so each way to split is looked up.
"""

from datetime import datetime
from typing import Final, NamedTuple

import numpy as np

from catalog.queries.lineage.rows import fetch
from catalog.queries.lineage.sight import Sight
from core.errors import InvalidInputError, NotFoundError

MAX_NODE_ID = 2_200
MAX_COLONS = 40
KINDS = {"dataset": "dataset", "job": "job", "datasetField": "field", "field": "field"}

# Datasets that bear one of the names: their own name before a symlink, a long namespace before a short one.
_DATASETS: Final = """
WITH wanted AS (SELECT * FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS w(namespace, name, place))
SELECT d.id, w.place, 0 AS rank FROM wanted w JOIN catalog_dataset d USING (namespace, name)
UNION ALL
SELECT l.dataset_id, w.place, 1 FROM wanted w JOIN catalog_datasetsymlink l USING (namespace, name)
ORDER BY rank, place
"""
_JOBS: Final = """
SELECT j.id FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS w(namespace, name, place)
JOIN catalog_job j USING (namespace, name) ORDER BY w.place
"""
_DATASETS_OF_JOB: Final = """
SELECT DISTINCT dataset_id FROM catalog_datasetedge WHERE job_id = %s AND CASE WHEN %s::timestamptz IS NULL
    THEN valid_to IS NULL ELSE valid_from <= %s::timestamptz AND (valid_to IS NULL OR valid_to > %s::timestamptz) END
"""
_FIELD: Final = "SELECT id FROM catalog_field WHERE dataset_id = %s AND name = %s"


class FieldNode(NamedTuple):
    """A field and the dataset that it is of."""

    field: int
    dataset: int


def split_node_id(node_id: str) -> tuple[str, str]:
    """("dataset", "job" or "field", the rest); InvalidInputError if it is not a node id."""
    prefix, colon, rest = node_id.partition(":")
    if (
        prefix not in KINDS
        or not colon
        or len(node_id) > MAX_NODE_ID
        or not 1 <= rest.count(":") <= MAX_COLONS
    ):
        raise InvalidInputError(
            "`nodeId` must be `dataset:NAMESPACE:NAME`, `job:NAMESPACE:NAME` or `datasetField:NAMESPACE:NAME:FIELD`"
        )
    return KINDS[prefix], rest


def find_dataset_node(rest: str, *, visible: Sight, described: Sight) -> int:
    """The dataset that `NS:NAME` means, by its own name or a symlink; NotFoundError if the caller sees none.

    What else a dataset is called is metadata: by a symlink only a `described` one is found.
    """
    found = _find_dataset(_splits(rest), visible=visible, described=described)
    if found is None:
        raise _no_such_node()
    return found


def find_field_node(rest: str, *, visible: Sight) -> FieldNode:
    """The field that `NS:NAME:FIELD` means; NotFoundError if the caller sees none."""
    for name, field in _splits(rest):
        dataset = _find_dataset(_splits(name), visible=visible, described=visible)
        if dataset is None:
            continue
        for (found,) in fetch(_FIELD, dataset, field):
            return FieldNode(found, dataset)
    raise _no_such_node()


def find_job_node(rest: str, *, visible: Sight, at: datetime | None = None) -> int:
    """The job that `NS:NAME` means; NotFoundError unless the caller may see a dataset that it uses (used, at `at`)."""
    for (job,) in fetch(_JOBS, *_columns(_splits(rest))):
        rows = fetch(_DATASETS_OF_JOB, job, at, at, at)
        if visible.visible_among(np.array([row[0] for row in rows], dtype=np.int64)).any():
            return int(job)
    raise _no_such_node()


def _find_dataset(pairs: list[tuple[str, str]], *, visible: Sight, described: Sight) -> int | None:
    rows = fetch(_DATASETS, *_columns(pairs))
    for sight, by_link in ((visible, 0), (described, 1)):
        ids = np.array([key for key, _, rank in rows if rank == by_link], dtype=np.int64)
        seen: list[int] = ids[sight.visible_among(ids)].tolist()
        if seen:
            return seen[0]
    return None


def _columns(pairs: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [namespace for namespace, _ in pairs], [name for _, name in pairs]


def _splits(text: str) -> list[tuple[str, str]]:
    """Every way to cut at a colon, the longest left part first."""
    cuts = [index for index, char in enumerate(text) if char == ":"]
    return [
        (text[:cut], text[cut + 1 :]) for cut in reversed(cuts) if text[:cut] and text[cut + 1 :]
    ]


def _no_such_node() -> NotFoundError:
    return NotFoundError("there is no such node")
