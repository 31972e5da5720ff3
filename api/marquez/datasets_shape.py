"""Datasets and their versions as Marquez's clients read them (openapi.yml, Dataset and DatasetVersion)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from api.marquez.base import HEAVY_DATASET, MarquezSight, dataset_id, instant
from api.marquez.runs_shape import render_runs
from catalog.lineage.declarations import MARQUEZ_FACET, DeclaredDataset
from catalog.lineage.facets import lifecycle_of, text_of
from catalog.lineage.redaction import without_lineage_facets
from catalog.models import Dataset, DatasetTag, DatasetVersion, DataSource, Field
from catalog.queries.job_pages import runs_among
from core.clock import utc_now

# Marquez knows two types of dataset.
STREAMS = frozenset({"topic", "stream"})


@dataclass(frozen=True)
class Parts:
    """What an answer says of a page of datasets, by dataset id; only of those whose metadata the caller may view."""

    described: frozenset[int]
    fields: Mapping[int, list[dict[str, Any]]]
    tags: Mapping[int, list[str]]
    sources: Mapping[int, str]
    # The runs in sight that made current versions.
    runs: frozenset[UUID]


def whole_datasets(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """The rows with all that an answer shows of them, in one query."""
    return datasets.select_related("current_version").defer(
        *HEAVY_DATASET, "current_version__schema", "current_version__statistics"
    )


def load_parts(rows: Sequence[Dataset], *, sight: MarquezSight) -> Parts:
    """At most five queries, however many rows."""
    described = sight.described_keys([row.pk for row in rows])
    made_by = [
        row.current_version.run_id
        for row in rows
        if row.pk in described and row.current_version and row.current_version.run_id
    ]
    return Parts(
        described,
        _fields(described),
        _tags(described),
        _sources(described),
        frozenset(sight.runs.filter(pk__in=made_by).values_list("pk", flat=True))
        if made_by
        else frozenset(),
    )


def _fields(keys: frozenset[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    rows = Field.objects.present().filter(dataset_id__in=keys)
    for each in rows.prefetch_related("field_tags__tag"):
        found.setdefault(each.dataset_id, []).append(
            {
                "name": each.name,
                "type": each.type,
                "tags": sorted(link.tag.name for link in each.field_tags.all()),
                "description": each.description or None,
            }
        )
    return found


def _tags(keys: frozenset[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    links = DatasetTag.objects.filter(dataset_id__in=keys).order_by("tag__name")
    for pk, name in links.values_list("dataset_id", "tag__name"):
        found.setdefault(pk, []).append(name)
    return found


def _sources(keys: frozenset[int]) -> dict[int, str]:
    links = DataSource.datasets.through.objects.filter(dataset_id__in=keys).order_by("pk")
    return dict(links.values_list("dataset_id", "datasource__name"))


def render_datasets(rows: Sequence[Dataset], *, sight: MarquezSight) -> list[dict[str, Any]]:
    """Datasets in the given order; `rows` come from `whole_datasets`."""
    parts = load_parts(rows, sight=sight)
    return [_render(row, parts=parts) for row in rows]


def _render(row: Dataset, *, parts: Parts) -> dict[str, Any]:
    described = row.pk in parts.described
    facets = _shown_facets(row) if described else {}
    version = row.current_version if described else None
    return {
        **_common(row, facets=facets, source=parts.sources.get(row.pk)),
        "id": dataset_id(row.namespace, row.name),
        "updatedAt": instant(row.updated_at),
        "fields": parts.fields.get(row.pk, []),
        "tags": parts.tags.get(row.pk, []),
        "description": (row.description or None) if described else None,
        "lastModifiedAt": instant(version.created_at)
        if version and version.run_id in parts.runs
        else None,
        "lastLifecycleState": lifecycle_of(facets) or None,
        "facets": facets,
        "currentVersion": str(version.uuid) if version else None,
        "deleted": row.deleted_at is not None,
    }


def _common(row: Dataset, *, facets: Mapping[str, Any], source: str | None) -> dict[str, Any]:
    return {
        "type": "STREAM" if row.kind in STREAMS else "DB_TABLE",
        "name": row.name,
        "physicalName": text_of(facets, MARQUEZ_FACET, "physicalName") or row.name,
        "createdAt": instant(row.created_at),
        "namespace": row.namespace,
        "sourceName": source or text_of(facets, "dataSource", "name") or row.namespace,
    }


def _shown_facets(row: Dataset) -> dict[str, Any]:
    """Lineage names datasets that the caller may not know of: `/lineage` and `/column-lineage` leave those out."""
    return without_lineage_facets(row.facets)


def render_versions(
    rows: Sequence[DatasetVersion], *, dataset: Dataset, sight: MarquezSight
) -> list[dict[str, Any]]:
    """Versions of one dataset, whose metadata the caller may view, in the given order."""
    parts = load_parts([dataset], sight=sight)
    runs = _runs([row.run_id for row in rows if row.run_id is not None], sight=sight)
    tags = {field["name"]: field["tags"] for field in parts.fields.get(dataset.pk, [])}
    facets = _shown_facets(dataset)
    return [
        {
            **_common(dataset, facets=facets, source=parts.sources.get(dataset.pk)),
            "id": {**dataset_id(dataset.namespace, dataset.name), "version": str(row.uuid)},
            "createdAt": instant(row.created_at),
            "version": str(row.uuid),
            "fields": [_version_field(each, tags) for each in row.schema],
            "tags": parts.tags.get(dataset.pk, []),
            "description": dataset.description,
            "lifecycleState": row.lifecycle or None,
            "createdByRun": runs.get(row.run_id) if row.run_id else None,
            "facets": facets if row.pk == dataset.current_version_id else {},
        }
        for row in rows
    ]


def _version_field(each: Mapping[str, Any], tags: Mapping[str, list[str]]) -> dict[str, Any]:
    return {
        "name": each["name"],
        "type": each.get("type") or "",
        "tags": tags.get(each["name"], []),
        "description": each.get("description") or None,
    }


def _runs(run_ids: Sequence[UUID], *, sight: MarquezSight) -> dict[UUID, dict[str, Any]]:
    """The runs that the caller may see, by id."""
    found = runs_among(run_ids, runs=sight.runs) if run_ids else {}
    rows = list(found.values())
    return dict(zip(found, render_runs(rows, sight=sight), strict=True)) if rows else {}


def echo_dataset(declared: DeclaredDataset) -> dict[str, Any]:
    """What a client that may not see the dataset is told after writing it: its own words, and nothing of ours."""
    now = instant(utc_now())
    return {
        "id": dataset_id(declared.name.namespace, declared.name.name),
        "type": declared.type,
        "name": declared.name.name,
        "physicalName": declared.physical_name,
        "createdAt": now,
        "updatedAt": now,
        "namespace": declared.name.namespace,
        "sourceName": declared.source_name,
        "fields": [
            {
                "name": each.name,
                "type": each.type,
                "tags": list(each.tags),
                "description": each.description or None,
            }
            for each in declared.fields or ()
        ],
        "tags": list(declared.tags),
        "description": declared.description or None,
        "lastModifiedAt": None,
        "lastLifecycleState": None,
        "facets": {},
        "currentVersion": None,
        "deleted": False,
    }
