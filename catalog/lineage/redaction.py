"""An event without what it tells of datasets that it does not list: a pure function."""

from collections.abc import Mapping
from typing import Any

from catalog.lineage.explicit import COLUMNS_FACET, FACET

Own = set[tuple[Any, Any]]
# Members of the two facets that list sources, and those that hold such members by field.
LISTS = ("inputs", "inputFields", "dataset")


def without_foreign_columns(event: Mapping[str, Any]) -> dict[str, Any]:
    """`event` whose lineage facets (`columnLineage`, `lineage`) name only datasets among its own.

    Who may see those may not know of others, and these facets can name any.
    """
    own = {
        (each.get("namespace"), each.get("name"))
        for member in ("inputs", "outputs")
        for each in _objects(event.get(member))
    }
    if isinstance(event.get("dataset"), Mapping):
        own.add((event["dataset"].get("namespace"), event["dataset"].get("name")))
    redacted = dict(event)
    for member in ("inputs", "outputs"):
        if isinstance(event.get(member), list):
            redacted[member] = [_redact(each, own=own) for each in event[member]]
    for member in ("dataset", "job"):
        if member in event:
            redacted[member] = _redact(event[member], own=own)
    return redacted


def without_lineage_facets(facets: Mapping[str, Any]) -> dict[str, Any]:
    """Facets of a dataset or a job but those that can name any dataset: what they tell is asked for as lineage."""
    return {name: each for name, each in facets.items() if name not in {COLUMNS_FACET, FACET}}


def _redact(owner: Any, *, own: Own) -> Any:
    facets = owner.get("facets") if isinstance(owner, Mapping) else None
    if not isinstance(facets, Mapping) or facets.keys().isdisjoint({COLUMNS_FACET, FACET}):
        return owner
    told = {name: facets[name] for name in (COLUMNS_FACET, FACET) if name in facets}
    kept = {name: _redact_facet(each, own=own) for name, each in told.items()}
    return {**owner, "facets": {**facets, **kept}}


def _redact_facet(facet: Any, *, own: Own) -> Any:
    if not isinstance(facet, Mapping):
        return {}
    kept = {key: value for key, value in facet.items() if key not in {"fields", "entries", *LISTS}}
    kept |= {key: _among(facet[key], own=own) for key in LISTS if key in facet}
    fields = facet.get("fields")
    if isinstance(fields, Mapping):
        kept["fields"] = {
            name: _redact_facet(each, own=own)
            for name, each in fields.items()
            if isinstance(each, Mapping)
        }
    if "entries" in facet:
        entries = _among(facet["entries"], own=own)
        kept["entries"] = [_redact_facet(each, own=own) for each in entries]
    return kept


def _among(rows: Any, *, own: Own) -> list[Any]:
    """The rows that name one of `own`, or nothing: then they are about the event's own job."""
    allowed = {*own, (None, None)}
    return [each for each in _objects(rows) if (each.get("namespace"), each.get("name")) in allowed]


def _objects(rows: Any) -> list[Mapping[str, Any]]:
    return [each for each in rows if isinstance(each, Mapping)] if isinstance(rows, list) else []
