"""Labels that fields inherited at an instant: along the lineage that was known then, or along what is known of then today."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import connection

from catalog.models import FieldTag
from governance.history.rows import as_of
from governance.history.tags import tag_names
from governance.policy.labels import FieldEdge, LabelPaths, close_labels

# No steward had declared the way from source to target harmless. An act, so as of then whatever is known of lineage.
# ruff: noqa: S608 - assembled from constants of this module only
_NOT_HARMLESS = """
    NOT EXISTS (
        SELECT 1 FROM governance_declassificationevent d
        WHERE d.source_id = e.source_id AND d.target_id = e.target_id AND d.pgh_label <> 'delete'
          AND d.pgh_created_at <= %(at)s AND NOT EXISTS (
            SELECT 1 FROM governance_declassificationevent n
            WHERE n.pgh_obj_id = d.pgh_obj_id AND n.pgh_id > d.pgh_id AND n.pgh_created_at <= %(at)s))
"""
# What the catalog held at the instant: the last entry of an edge, not closed, as `governance.labels` reads edges today.
_KNOWN_THEN = f"""
    e.pgh_label <> 'delete' AND e.valid_to IS NULL AND e.type <> 'INDIRECT' AND e.pgh_created_at <= %(at)s
    AND NOT EXISTS (
        SELECT 1 FROM catalog_fieldedgeevent n
        WHERE n.pgh_obj_id = e.pgh_obj_id AND n.pgh_id > e.pgh_id AND n.pgh_created_at <= %(at)s)
    AND {_NOT_HARMLESS}
"""
# What is known today to have held at the instant, by the dates of the lineage events.
_KNOWN_NOW = f"""
    e.valid_from <= %(at)s AND (e.valid_to IS NULL OR e.valid_to > %(at)s) AND e.type <> 'INDIRECT' AND {_NOT_HARMLESS}
"""
_UPSTREAM = """
WITH RECURSIVE upstream(source_id, target_id) AS (
    SELECT e.source_id, e.target_id FROM {table} e WHERE e.target_id = ANY(%(fields)s) AND {held}
  UNION
    SELECT e.source_id, e.target_id FROM upstream u JOIN {table} e ON e.target_id = u.source_id WHERE {held}
)
SELECT source_id, target_id FROM upstream
"""
THEN = _UPSTREAM.format(table="catalog_fieldedgeevent", held=_KNOWN_THEN)
NOW = _UPSTREAM.format(table="catalog_fieldedge", held=_KNOWN_NOW)


def carrying_edges(fields: Collection[int], *, at: datetime, hindsight: bool) -> list[FieldEdge]:
    """Every edge that labels flowed along at `at` to these fields (ids); with `hindsight` as is known today."""
    if not fields:
        return []
    with connection.cursor() as cursor:
        cursor.execute(NOW if hindsight else THEN, {"fields": list(fields), "at": at})
        return [FieldEdge(source, target) for source, target in cursor.fetchall()]


def declared_labels(
    fields: Collection[int], *, at: datetime, hindsight: bool
) -> dict[int, set[str]]:
    """The tags on these fields (ids) themselves at `at`; with `hindsight` those that are on them today."""
    rows = FieldTag.objects.all() if hindsight else as_of(FieldTag, at)
    pairs = list(rows.filter(field__in=fields).values_list("field_id", "tag_id"))
    names = tag_names({tag for _, tag in pairs}, at=at)
    declared: dict[int, set[str]] = {}
    for field, tag in pairs:
        declared.setdefault(field, set()).add(names[tag])
    return declared


def labels_at(
    fields: Collection[int], *, at: datetime, hindsight: bool
) -> tuple[Mapping[int, set[str]], LabelPaths]:
    """For these fields (ids) the tags that each declared and those that it inherited, with their ways."""
    edges = carrying_edges(fields, at=at, hindsight=hindsight)
    wanted = {edge.source for edge in edges} | set(fields)
    declared = declared_labels(wanted, at=at, hindsight=hindsight)
    return declared, close_labels(edges, declared) if edges else {}
