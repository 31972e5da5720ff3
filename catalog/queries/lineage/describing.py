"""What an answer says of its nodes: plain rows by id, in a number of queries that does not grow with the answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import orjson

from catalog.models import Job
from catalog.queries.lineage.rows import as_array, fetch
from catalog.queries.lineage.sight import Sight

# Fields that an answer tells of; of what is farther away it tells none.
MOST_FIELDS: Final = 100_000
NO_FIELDS: Final = orjson.Fragment(b"[]")

# Times and ids as text, in the form in which JSON has them: reading thousands into objects costs more than all else.
TIME_AS_TEXT: Final = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
_COMMON = f"""id, uuid::text, namespace, name, {{}}, description,
    {TIME_AS_TEXT.format("created_at")}, {TIME_AS_TEXT.format("updated_at")}"""
_DATASETS = f"""
SELECT {_COMMON.format("kind")}, coalesce(l.tags, '{{}}')
FROM catalog_dataset d LEFT JOIN (
    SELECT l.dataset_id, array_agg(t.name ORDER BY t.name) AS tags FROM catalog_datasettag l
    JOIN catalog_tag t ON t.id = l.tag_id WHERE l.dataset_id = ANY(%s::bigint[]) GROUP BY l.dataset_id
) l ON l.dataset_id = d.id WHERE id = ANY(%s::bigint[])
"""  # noqa: S608  # assembled from constants of this module only
# The fields of the current schema, dataset by dataset in the order asked for, and up to a number: as JSON, since building
# thousands of objects here costs twice of what it costs there. One that is not complete is left out.
_FIELDS = """
SELECT f.dataset_id, '[' || string_agg('{"name":' || to_json(f.name)::text || ',"type":' || to_json(f.type)::text
    || ',"description":' || CASE f.description WHEN '' THEN 'null' ELSE to_json(f.description)::text END
    || ',"tags":' || coalesce(t.tags, '[]') || '}', ',' ORDER BY f.ordinal, f.id) || ']'
FROM (
    SELECT f.*, row_number() OVER () AS number
    FROM unnest(%s::bigint[]) WITH ORDINALITY AS w(id, place) CROSS JOIN LATERAL (
        SELECT id, dataset_id, name, type, description, ordinal FROM catalog_field
        WHERE dataset_id = w.id AND removed_at IS NULL OFFSET 0) f
    LIMIT %s) f
LEFT JOIN (
    SELECT l.field_id, json_agg(t.name ORDER BY t.name)::text AS tags FROM catalog_fieldtag l
    JOIN catalog_tag t ON t.id = l.tag_id JOIN catalog_field d ON d.id = l.field_id
    WHERE d.dataset_id = ANY(%s::bigint[]) GROUP BY l.field_id) t ON t.field_id = f.id
GROUP BY f.dataset_id HAVING max(f.number) <= %s
"""
_FIELD_TAGS = """
SELECT DISTINCT f.dataset_id, t.name FROM catalog_fieldtag l
JOIN catalog_tag t ON t.id = l.tag_id JOIN catalog_field f ON f.id = l.field_id
WHERE f.dataset_id = ANY(%s::bigint[]) AND f.removed_at IS NULL
"""
_JOBS = f"""
SELECT {_COMMON.format("type")}
FROM catalog_job WHERE id = ANY(%s::bigint[])
"""  # noqa: S608  # assembled from constants of this module only


@dataclass(slots=True)
class DatasetRow:
    """A dataset in an answer; description, tags and fields only where the caller may view its metadata."""

    id: int
    uuid: str
    namespace: str
    name: str
    kind: str
    description: str
    created_at: str
    updated_at: str
    tags: list[str] = field(default_factory=list)
    described: bool = False
    # A JSON array.
    fields: orjson.Fragment = NO_FIELDS

    @property
    def node_id(self) -> str:
        """The lineage node id, as Marquez writes it."""
        return f"dataset:{self.namespace}:{self.name}"


class JobRow(NamedTuple):
    """A job in an answer; facets are left out: they may name what the caller may not see."""

    id: int
    uuid: str
    namespace: str
    name: str
    type: str
    description: str
    created_at: str
    updated_at: str

    @property
    def node_id(self) -> str:
        """The lineage node id, as Marquez writes it."""
        return f"job:{self.namespace}:{self.name}"


def describe(ids: Sequence[int], *, described: Sight, fields: bool = True) -> dict[int, DatasetRow]:
    """The datasets by id, in full where they are `described`; at most three queries."""
    wanted = as_array(ids)
    rows = {row[0]: DatasetRow(*row) for row in fetch(_DATASETS, wanted, wanted)}
    array = np.array(ids, dtype=np.int64)
    seen = [key for key in array[described.visible_among(array)].tolist() if key in rows]
    for key in seen:
        rows[key].described = True
    for row in rows.values():
        if not row.described:
            row.description, row.tags = "", []
    if seen and fields:
        _add_fields(rows, seen)
    return rows


def _add_fields(rows: dict[int, DatasetRow], ids: list[int]) -> None:
    wanted = as_array(ids)
    for dataset, text in fetch(_FIELDS, wanted, MOST_FIELDS + 1, wanted, MOST_FIELDS):
        rows[dataset].fields = orjson.Fragment(text)


def field_tags(ids: Sequence[int]) -> dict[int, set[str]]:
    """The tags of the fields of each dataset, of which the caller may view the metadata; one query."""
    found: dict[int, set[str]] = {}
    for dataset, name in fetch(_FIELD_TAGS, as_array(ids)):
        found.setdefault(dataset, set()).add(name)
    return found


def name_jobs(ids: Sequence[int]) -> dict[int, JobRow]:
    """The jobs by id; one query."""
    return {row[0]: JobRow(*row) for row in fetch(_JOBS, as_array(ids))}


def load_jobs(keys: Sequence[int]) -> dict[int, Job]:
    """Jobs as model instances, for pages; one query."""
    rows = Job.objects.filter(pk__in=keys).defer("facets", "facet_stamps")
    return {row.pk: row for row in rows}
