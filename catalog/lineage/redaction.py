"""An event without what it tells of datasets that it does not list: a pure function."""

from collections.abc import Mapping
from typing import Any


def without_foreign_columns(event: Mapping[str, Any]) -> dict[str, Any]:
    """`event` whose `columnLineage` facets name only datasets among its own inputs and outputs.

    Who may see those may not know of others, and column lineage can name any.
    """
    own = {
        (each.get("namespace"), each.get("name"))
        for member in ("inputs", "outputs")
        for each in _objects(event.get(member))
    }
    redacted = dict(event)
    for member in ("inputs", "outputs"):
        if isinstance(event.get(member), list):
            redacted[member] = [_redact(each, own=own) for each in event[member]]
    return redacted


def _redact(dataset: Any, *, own: set[tuple[Any, Any]]) -> Any:
    facets = dataset.get("facets") if isinstance(dataset, Mapping) else None
    if not isinstance(facets, Mapping) or "columnLineage" not in facets:
        return dataset
    facet = facets["columnLineage"]
    return {**dataset, "facets": {**facets, "columnLineage": _redact_facet(facet, own=own)}}


def _redact_facet(facet: Any, *, own: set[tuple[Any, Any]]) -> Any:
    if not isinstance(facet, Mapping):
        return {}
    kept = {key: value for key, value in facet.items() if key not in {"fields", "dataset"}}
    fields = facet.get("fields")
    if isinstance(fields, Mapping):
        kept["fields"] = {
            name: {**each, "inputFields": _among(each.get("inputFields"), own=own)}
            for name, each in fields.items()
            if isinstance(each, Mapping)
        }
    if "dataset" in facet:
        kept["dataset"] = _among(facet["dataset"], own=own)
    return kept


def _among(rows: Any, *, own: set[tuple[Any, Any]]) -> list[Any]:
    return [each for each in _objects(rows) if (each.get("namespace"), each.get("name")) in own]


def _objects(rows: Any) -> list[Mapping[str, Any]]:
    return [each for each in rows if isinstance(each, Mapping)] if isinstance(rows, list) else []
