"""Reading the `columnLineage` facet into plain edges.

Source: OpenLineage facet ColumnLineageDatasetFacet 1-2-0, and its deprecated members `transformationType`
and `transformationDescription`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from catalog.lineage.events import Name

MAX_FIELD_NAME = 500


@dataclass(frozen=True, slots=True, order=True)
class ColumnEdge:
    """`target`, a field of the output, is derived from `field` of the dataset `source`."""

    source: Name
    field: str
    target: str
    type: str
    subtype: str
    masking: bool
    description: str
    # Read out of SQL (`catalog.lineage.sql_columns`), not told by the producer.
    parsed: bool = False

    def as_row(self) -> list[Any]:
        """The form that is hashed and kept (`catalog.models.ColumnLineage`)."""
        row: list[Any] = [
            self.source.namespace,
            self.source.name,
            self.field,
            self.target,
            self.type,
            self.subtype,
            self.masking,
            self.description,
        ]
        return [*row, True] if self.parsed else row

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> "ColumnEdge":
        """The edge that `as_row` wrote."""
        namespace, name, *others = row
        return cls(Name(namespace, name), *others)


def read_column_edges(facet: Any, *, schema_fields: tuple[str, ...] = ()) -> tuple[ColumnEdge, ...]:
    """The edges of a facet, sorted, each once. Malformed parts are left to the raw facet.

    The facet's member `dataset` names fields on which the whole output depends (filters, joins): each becomes an
    edge to every field of the output that the facet or `schema_fields` names.
    """
    if not isinstance(facet, Mapping):
        return ()
    fields = facet.get("fields")
    fields = fields if isinstance(fields, Mapping) else {}
    found: dict[tuple[Any, ...], ColumnEdge] = {}
    for target, entry in fields.items():
        if isinstance(entry, Mapping) and 0 < len(target) <= MAX_FIELD_NAME:
            _collect(found, entry.get("inputFields"), target=target, entry=entry)
    targets = dict.fromkeys([*(t for t in fields if 0 < len(t) <= MAX_FIELD_NAME), *schema_fields])
    for target in targets:
        _collect(found, facet.get("dataset"), target=target, entry={})
    return tuple(sorted(found.values()))


def source_names(facet: Any) -> set[Name]:
    """The datasets that a facet derives columns from."""
    if not isinstance(facet, Mapping):
        return set()
    fields = facet.get("fields")
    entries = fields.values() if isinstance(fields, Mapping) else ()
    lists = [each.get("inputFields") for each in entries if isinstance(each, Mapping)]
    rows = [
        row for part in (*lists, facet.get("dataset")) if isinstance(part, list) for row in part
    ]
    return {edge.source for row in rows for edge in _edges_of(row, target="", entry={})}


def hash_column_edges(edges: tuple[ColumnEdge, ...]) -> str:
    """32 hex digits of SHA-256 over the edges: equal if and only if the lineage is."""
    rows = [edge.as_row() for edge in edges]
    return hashlib.sha256(orjson.dumps(rows)).hexdigest()[:32]


def _collect(
    found: dict[tuple[Any, ...], ColumnEdge],
    inputs: Any,
    *,
    target: str,
    entry: Mapping[str, Any],
) -> None:
    for row in inputs if isinstance(inputs, list) else []:
        for edge in _edges_of(row, target=target, entry=entry):
            key = (edge.source, edge.field, edge.target, edge.type, edge.subtype)
            known = found.get(key)
            # One unmasked path is enough for the values to come through.
            if known is None or (known.masking and not edge.masking):
                found[key] = edge


def _edges_of(row: Any, *, target: str, entry: Mapping[str, Any]) -> Iterator[ColumnEdge]:
    if not isinstance(row, Mapping):
        return
    namespace, name, source_field = row.get("namespace"), row.get("name"), row.get("field")
    if not (isinstance(namespace, str) and isinstance(name, str) and isinstance(source_field, str)):
        return
    if not (0 < len(namespace) <= 500 and 0 < len(name) <= 1000 and 0 < len(source_field) <= 500):  # noqa: PLR2004
        return
    transformations = row.get("transformations")
    rows = (
        transformations
        if isinstance(transformations, list) and transformations
        else [_legacy(entry)]
    )
    for each in rows:
        part = each if isinstance(each, Mapping) else {}
        yield ColumnEdge(
            source=Name(namespace, name),
            field=source_field,
            target=target,
            type=str(part.get("type") or "")[:20],
            subtype=str(part.get("subtype") or "")[:40],
            masking=part.get("masking") is True,
            description=str(part.get("description") or "")[:2000],
        )


def _legacy(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The transformation that the deprecated members of a field tell of."""
    kind = entry.get("transformationType")
    return {
        "type": "DIRECT" if kind else "",
        "subtype": kind or "",
        "description": entry.get("transformationDescription") or "",
        "masking": kind == "MASKED",
    }
