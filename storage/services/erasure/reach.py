"""Which datasets may hold a person: from the fields that are labelled so, up to their sources and down to all that is derived."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.db import connection

from catalog.models import Dataset, Field, FieldTag
from core.errors import NotFoundError
from governance.retention.identifiers import Identifier

# Edges of all times: what a former job wrote is there still. Indirect ones (filters, joins) carry no values.
_UPSTREAM = """
WITH RECURSIVE up(field_id) AS (
    SELECT unnest(%s::bigint[])
  UNION
    SELECT e.source_id FROM up u JOIN catalog_fieldedge e ON e.target_id = u.field_id WHERE e.type <> 'INDIRECT'
)
SELECT field_id FROM up
"""
_DOWNSTREAM = """
WITH RECURSIVE down(field_id, aggregated, masked) AS (
    SELECT unnest(%s::bigint[]), false, false
  UNION
    SELECT e.target_id, d.aggregated OR e.subtype = 'AGGREGATION', d.masked OR e.masking
    FROM down d JOIN catalog_fieldedge e ON e.source_id = d.field_id WHERE e.type <> 'INDIRECT'
)
SELECT field_id, bool_and(aggregated), bool_and(masked) FROM down GROUP BY field_id
"""
# What was computed with the help of the fields: no values of theirs, but figures that they are part of.
_INFLUENCED = """
SELECT DISTINCT f.dataset_id FROM catalog_fieldedge e JOIN catalog_field f ON f.id = e.target_id
WHERE e.source_id = ANY(%s::bigint[]) AND e.type = 'INDIRECT'
"""


@dataclass
class Reached:
    """A dataset and why it is searched. `fields` are the Iceberg ids of those whose values may be the person's."""

    dataset: Dataset
    why: str
    fields: set[int] = field(default_factory=set)
    aggregated: set[str] = field(default_factory=set)
    masked: set[str] = field(default_factory=set)


def labelled_fields(identifiers: Sequence[Identifier]) -> set[int]:
    """The fields that bear the labels or one below them, and the named columns. NotFoundError for a column that is not."""
    found: set[int] = set()
    for each in identifiers:
        if each.label:
            below = FieldTag.objects.filter(tag__name=each.label) | FieldTag.objects.filter(
                tag__name__startswith=f"{each.label}."
            )
            found |= set(below.values_list("field_id", flat=True))
            continue
        node, _, column = each.column.partition("#")
        namespace, _, name = node.rpartition(":")
        row = Field.objects.filter(
            dataset__namespace=namespace, dataset__name=name, name=column
        ).first()
        if row is None:
            raise NotFoundError(f"there is no column `{each.column}`")
        found.add(row.pk)
    return found


def reach(identifiers: Sequence[Identifier]) -> dict[int, Reached]:
    """The datasets to search by id: sources first, then the labelled, then what is derived, then what is influenced."""
    labelled = labelled_fields(identifiers)
    with connection.cursor() as cursor:
        cursor.execute(_UPSTREAM, [sorted(labelled)])
        sources = {row[0] for row in cursor.fetchall()}
        cursor.execute(_DOWNSTREAM, [sorted(sources)])
        derived = {row[0]: (row[1], row[2]) for row in cursor.fetchall()}
        cursor.execute(_INFLUENCED, [sorted(derived)])
        influenced = {row[0] for row in cursor.fetchall()}
    found: dict[int, Reached] = {}
    rows = list(Field.objects.filter(pk__in=derived).select_related("dataset").order_by("pk"))
    for why, chosen in (
        ("source", sources - labelled),
        ("labelled", labelled),
        ("derived", set(derived)),
    ):
        for row in rows:
            if row.pk in chosen:
                entry = found.setdefault(row.dataset_id, Reached(row.dataset, why))
                _add(entry, row, *derived[row.pk])
    return found | also(influenced - found.keys(), "influenced")


def also(datasets: Collection[int], why: str) -> dict[int, Reached]:
    """More datasets to search, by id."""
    rows = Dataset.objects.filter(pk__in=datasets).order_by("pk")
    return {row.pk: Reached(row, why) for row in rows}


def _add(entry: Reached, row: Field, is_aggregated: bool, is_masked: bool) -> None:  # noqa: FBT001 - columns of a row
    if is_aggregated:
        entry.aggregated.add(row.name)
        return
    if row.field_id is not None:
        entry.fields.add(row.field_id)
    if is_masked:
        entry.masked.add(row.name)
