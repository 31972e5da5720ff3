"""Labels that fields inherit along lineage, read from the edges in force.

Values flow along direct edges and along edges of which nothing is known; an indirect edge (a filter, a join key) says
that a field had influence, not that its values are there (OpenLineage, columnLineage facet). The one SQL fragment here
serves both questions: which labels do these fields inherit, and which datasets bear this label.
"""

from collections.abc import Collection, Iterable, Sequence

from django.db import connection
from django.db.models.expressions import RawSQL

from catalog.models import FieldTag
from governance.policy.labels import FieldEdge, LabelPaths, close_labels
from governance.policy.predicates import glob_to_regex

# An edge that carries labels: in force, direct or unknown, and not declared harmless by a steward.
_CARRYING = """
    e.valid_to IS NULL AND e.type <> 'INDIRECT' AND NOT EXISTS (
        SELECT 1 FROM governance_declassification d
        WHERE d.source_id = e.source_id AND d.target_id = e.target_id)
"""

# Every carrying edge on the way to the given fields, walked upwards.
_UPSTREAM_EDGES = f"""
WITH RECURSIVE upstream(source_id, target_id) AS (
    SELECT e.source_id, e.target_id FROM catalog_fieldedge e
    WHERE e.target_id = ANY(%s) AND {_CARRYING}
  UNION
    SELECT e.source_id, e.target_id
    FROM upstream u JOIN catalog_fieldedge e ON e.target_id = u.source_id
    WHERE {_CARRYING}
)
SELECT source_id, target_id FROM upstream
"""  # noqa: S608  # assembled from constants of this module only

# Of these edges the carrying ones, between fields that no older edge connects.
_NEW_CARRIERS = f"""
SELECT DISTINCT e.source_id, e.target_id FROM catalog_fieldedge e
WHERE e.id = ANY(%(edges)s) AND {_CARRYING} AND NOT EXISTS (
    SELECT 1 FROM catalog_fieldedge o
    WHERE o.source_id = e.source_id AND o.target_id = e.target_id AND o.valid_to IS NULL AND o.type <> 'INDIRECT'
      AND NOT o.id = ANY(%(edges)s))
"""  # noqa: S608  # assembled from constants of this module only

# The given fields and all that is derived from them.
_DOWNSTREAM_FIELDS = f"""
WITH RECURSIVE downstream(field_id) AS (
    SELECT unnest(%s::bigint[])
  UNION
    SELECT e.target_id FROM downstream d JOIN catalog_fieldedge e ON e.source_id = d.field_id
    WHERE {_CARRYING}
)
SELECT field_id FROM downstream
"""  # noqa: S608  # assembled from constants of this module only

# The fields that bear a tag of which the name fits a pattern, declared or inherited; and the datasets with such a field.
_LABELLED = f"""
WITH RECURSIVE labelled(field_id) AS (
    SELECT ft.field_id FROM catalog_fieldtag ft JOIN catalog_tag t ON t.id = ft.tag_id
    WHERE t.name ~ ANY(%s)
  UNION
    SELECT e.target_id FROM labelled l JOIN catalog_fieldedge e ON e.source_id = l.field_id
    WHERE {_CARRYING}
)
"""  # noqa: S608  # assembled from constants of this module only
_LABELLED_DATASETS = f"""{_LABELLED}
SELECT f.dataset_id FROM labelled l JOIN catalog_field f ON f.id = l.field_id
WHERE f.removed_at IS NULL
"""  # noqa: S608  # assembled from constants of this module only


def inherited_labels(fields: Sequence[int]) -> LabelPaths:
    """For these fields (ids), the tags that each inherits, with the ids of the fields that it came through."""
    edges = carrying_edges(fields)
    if not edges:
        return {}
    closed = close_labels(edges, declared_labels({edge.source for edge in edges} | set(fields)))
    return {field: closed[field] for field in fields if field in closed}


def carrying_edges(fields: Collection[int]) -> list[FieldEdge]:
    """Every edge that labels flow along on their way to these fields (ids)."""
    if not fields:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_UPSTREAM_EDGES, [list(fields)])
        return [FieldEdge(source, target) for source, target in cursor.fetchall()]


def declared_labels(fields: Collection[int]) -> dict[int, list[str]]:
    """The tags on these fields (ids) themselves, by field."""
    declared: dict[int, list[str]] = {}
    rows = FieldTag.objects.filter(field__in=fields)
    for key, tag in rows.values_list("field_id", "tag__name"):
        declared.setdefault(key, []).append(tag)
    return declared


def new_label_carriers(edges: Collection[int]) -> list[FieldEdge]:
    """Of these edges (ids) those from a field that bears a label to one that nothing else connects with it."""
    if not edges:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NEW_CARRIERS, {"edges": list(edges)})
        found = [FieldEdge(source, target) for source, target in cursor.fetchall()]
    sources = sorted({edge.source for edge in found})
    bearing = {*inherited_labels(sources), *declared_labels(sources)}
    return [edge for edge in found if edge.source in bearing]


def downstream_fields(fields: Collection[int]) -> set[int]:
    """These fields (ids) and all to which labels flow from them."""
    with connection.cursor() as cursor:
        cursor.execute(_DOWNSTREAM_FIELDS, [list(fields)])
        return {field for (field,) in cursor.fetchall()}


def labelled_fields(patterns: Iterable[str]) -> RawSQL:
    """The ids of the fields that bear a label of these names (`pii.*` is all below)."""
    sql = f"{_LABELLED} SELECT field_id FROM labelled"  # noqa: S608  # assembled from constants of this module only
    return RawSQL(sql, [[glob_to_regex(each) for each in sorted(patterns)]])  # noqa: S611  # constants and parameters


def labelled_datasets(patterns: Iterable[str]) -> RawSQL:
    """The ids of the datasets with a field that bears a label of these names (`pii.*` is all below)."""
    return RawSQL(_LABELLED_DATASETS, [[glob_to_regex(each) for each in sorted(patterns)]])  # noqa: S611  # constants and parameters
