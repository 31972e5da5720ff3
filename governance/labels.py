"""Labels that fields inherit along lineage, read from the edges in force.

Values flow along direct edges and along edges of which nothing is known; an indirect edge (a filter, a join key) says
that a field had influence, not that its values are there (OpenLineage, columnLineage facet). The one SQL fragment here
serves both questions: which labels do these fields inherit, and which datasets bear this label.
"""

from collections.abc import Iterable, Sequence

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

# Datasets with a field that bears a tag of which the name fits a pattern, declared or inherited.
_LABELLED_DATASETS = f"""
WITH RECURSIVE labelled(field_id) AS (
    SELECT ft.field_id FROM catalog_fieldtag ft JOIN catalog_tag t ON t.id = ft.tag_id
    WHERE t.name ~ ANY(%s)
  UNION
    SELECT e.target_id FROM labelled l JOIN catalog_fieldedge e ON e.source_id = l.field_id
    WHERE {_CARRYING}
)
SELECT f.dataset_id FROM labelled l JOIN catalog_field f ON f.id = l.field_id
WHERE f.removed_at IS NULL
"""  # noqa: S608  # assembled from constants of this module only


def inherited_labels(fields: Sequence[int]) -> LabelPaths:
    """For these fields (ids), the tags that each inherits, with the ids of the fields that it came through."""
    if not fields:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_UPSTREAM_EDGES, [list(fields)])
        edges = [FieldEdge(source, target) for source, target in cursor.fetchall()]
    if not edges:
        return {}
    sources = {edge.source for edge in edges}
    declared: dict[int, list[str]] = {}
    rows = FieldTag.objects.filter(field__in=sources | set(fields))
    for key, tag in rows.values_list("field_id", "tag__name"):
        declared.setdefault(key, []).append(tag)
    closed = close_labels(edges, declared)
    return {field: closed[field] for field in fields if field in closed}


def labelled_datasets(patterns: Iterable[str]) -> RawSQL:
    """The ids of the datasets with a field that bears a label of these names (`pii.*` is all below)."""
    return RawSQL(_LABELLED_DATASETS, [[glob_to_regex(each) for each in sorted(patterns)]])  # noqa: S611  # constants and parameters
