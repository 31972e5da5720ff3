"""What known facets mean to the catalog. A malformed facet means nothing, and is kept as it came."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from catalog.lineage.events import InvalidEventError, read_time

MAX_FIELD_NAME = 500
MAX_SCHEMA_DEPTH = 20
MAX_TAG_NAME = 100
NOT_TAG = re.compile(r"[^a-z0-9_-]+")

# datasetType facet, storage layers and naming rules (OpenLineage `Naming.md`) → our kinds.
KIND_BY_SCHEME = {"kafka": "topic", "pubsub": "topic", "pulsar": "topic", "file": "fileset"}
OBJECT_SCHEMES = frozenset({"s3", "s3a", "gs", "wasbs", "abfss", "hdfs", "dbfs"})
KIND_BY_TYPE = {
    "TABLE": "table",
    "VIEW": "view",
    "MATERIALIZED_VIEW": "view",
    "TOPIC": "topic",
    "STREAM": "stream",
    "FILE": "fileset",
    "MODEL": "model",
}


def schema_rows(facet: Any) -> list[dict[str, Any]] | None:
    """Rows {name, type, description} of a `schema` facet, nested fields as dotted paths; None if it tells none."""
    if not tells_schema(facet):
        return None
    fields = facet["fields"]
    rows: dict[str, dict[str, Any]] = {}
    for row in _flatten(fields, prefix="", depth=0):
        rows.setdefault(row["name"], row)
    return list(rows.values())


def tells_schema(facet: Any) -> bool:
    """Whether a `schema` facet tells a schema, be it one without fields."""
    return isinstance(facet, Mapping) and isinstance(facet.get("fields"), list)


def _flatten(fields: list[Any], *, prefix: str, depth: int) -> Iterator[dict[str, Any]]:
    for each in fields:
        if not isinstance(each, Mapping) or not isinstance(each.get("name"), str):
            continue
        name = f"{prefix}{each['name']}"
        if not 0 < len(name) <= MAX_FIELD_NAME:
            continue
        yield {
            "name": name,
            "type": str(each.get("type") or ""),
            "description": str(each.get("description") or ""),
        }
        nested = each.get("fields")
        if isinstance(nested, list) and depth < MAX_SCHEMA_DEPTH:
            yield from _flatten(nested, prefix=f"{name}.", depth=depth + 1)


def kind_of(namespace: str, facets: Mapping[str, Any]) -> str:
    """The dataset kind that facets or, without them, the namespace tell."""
    told = text_of(facets, "datasetType", "datasetType").upper()
    if told in KIND_BY_TYPE:
        return KIND_BY_TYPE[told]
    if text_of(facets, "storage", "storageLayer") or "catalog" in facets:
        return "table"
    symlinks = facets.get("symlinks")
    if isinstance(symlinks, Mapping) and symlinks.get("identifiers"):
        return "table"
    scheme = namespace.partition(":")[0]
    return "fileset" if scheme in OBJECT_SCHEMES else KIND_BY_SCHEME.get(scheme, "table")


def text_of(facets: Mapping[str, Any], facet: str, member: str) -> str:
    """A text member of a facet, or ''."""
    found = facets.get(facet)
    value = found.get(member) if isinstance(found, Mapping) else None
    return value if isinstance(value, str) else ""


def lifecycle_of(facets: Mapping[str, Any]) -> str:
    """CREATE, ALTER, DROP, … of the facet `lifecycleStateChange`, or ''."""
    return text_of(facets, "lifecycleStateChange", "lifecycleStateChange").upper()[:30]


def content_version_of(facets: Mapping[str, Any]) -> str:
    """The version that the facet `version` names, such as an Iceberg snapshot id, or ''."""
    found = facets.get("version")
    value = found.get("datasetVersion") if isinstance(found, Mapping) else None
    return str(value)[:100] if isinstance(value, str | int) else ""


def snapshot_of(version: str) -> int | None:
    """A version that is an Iceberg snapshot id: a signed 64-bit number."""
    text = version.removeprefix("-")
    if not text.isdecimal() or len(text) > 19 or int(text) >= 1 << 63:  # noqa: PLR2004
        return None
    return int(version)


def statistics_of(facets: Mapping[str, Any]) -> dict[str, int]:
    """rows, bytes and files of input or output statistics and data quality metrics, where they are numbers."""
    found: dict[str, int] = {}
    for facet in ("dataQualityMetrics", "inputStatistics", "outputStatistics"):
        row = facets.get(facet)
        if not isinstance(row, Mapping):
            continue
        for member, key in (
            ("rowCount", "rows"),
            ("size", "bytes"),
            ("bytes", "bytes"),
            ("fileCount", "files"),
        ):
            value = row.get(member)
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[key] = int(value)
    return found


def tags_of(facets: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """(tag, field or None) of the facet `tags`: key `pii`, value `email` is `pii.email`; value `true` is the key alone."""
    facet = facets.get("tags")
    rows = facet.get("tags") if isinstance(facet, Mapping) else None
    found = []
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, Mapping):
            continue
        key, value = _tag_part(row.get("key")), _tag_part(row.get("value"))
        name = key if value in ("", "true") else f"{key}.{value}"
        if key and len(name) <= MAX_TAG_NAME:
            of_field = row.get("field")
            found.append((name, of_field if isinstance(of_field, str) and of_field else None))
    return sorted(set(found), key=str)


def _tag_part(value: Any) -> str:
    parts = (NOT_TAG.sub("-", part).strip("-_") for part in str(value or "").lower().split("."))
    return ".".join(part for part in parts if part)


def nominal_times(facets: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """Start and end of the facet `nominalTime`, None where not told or not a time."""
    return _time(facets, "nominalStartTime"), _time(facets, "nominalEndTime")


def _time(facets: Mapping[str, Any], member: str) -> datetime | None:
    text = text_of(facets, "nominalTime", member)
    try:
        return read_time(text, pointer="") if text else None
    except InvalidEventError:
        return None
