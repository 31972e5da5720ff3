"""The catalog as lines that an import takes: what one caller may see, a batch at a time.

Memory does not grow with the catalog: each batch begins after the last id of the former one, so that no cursor and no
transaction stays open, and a reader that was cut off goes on from the last cursor line. Each batch is read with the
caller's rights of that moment. The export is no snapshot: what changes meanwhile may be in it or not.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import QuerySet

from catalog.models import (
    DataProduct,
    Dataset,
    DatasetEdge,
    DatasetOwner,
    DatasetSymlink,
    DatasetTag,
    DatasetTerm,
    Domain,
    Field,
    FieldEdge,
    FieldProperties,
    FieldTag,
    FieldTerm,
    GlossaryTerm,
    Job,
    PropertyDefinition,
)

BATCH = 1_000
# In this order, so that what others name comes first.
KINDS = ("property", "domain", "term", "dataset", "product", "job", "edge", "field_edge")

Item = dict[str, Any]


@dataclass(frozen=True)
class ExportSight:
    """What the caller may see now: datasets to discover, of those the ones with metadata, and the vocabulary."""

    visible: QuerySet[Dataset]
    described: QuerySet[Dataset]
    jobs: QuerySet[Job]
    domains: QuerySet[Domain]
    terms: QuerySet[GlossaryTerm]
    products: QuerySet[DataProduct]


def export_lines(
    look: Callable[[], ExportSight], *, kinds: Sequence[str] = KINDS, after: tuple[str, int] | None
) -> Iterator[tuple[Item, tuple[str, int] | None]]:
    """Lines, the last of each batch with the place to go on from: (kind, id). `look` is asked for each batch."""
    begun = after is None
    for kind in KINDS:
        last = 0
        if not begun:
            if after is None or kind != after[0]:
                continue
            begun, last = True, after[1]
        if kind not in kinds:
            continue
        while True:
            items, last_id = _READERS[kind](look(), last)
            for index, item in enumerate(items):
                is_last = index == len(items) - 1
                yield item, (kind, last_id) if is_last else None
            if last_id is None or last_id == last:
                break
            last = last_id


def line_of(item: Item) -> bytes:
    """The item as a line of NDJSON."""
    return orjson.dumps(item) + b"\n"


Batch = tuple[list[Item], int]
# Batches of kinds of which there are few end here at once: a second one begins after every id.
END = (1 << 63) - 1


def _properties(_: ExportSight, last: int) -> Batch:
    rows = PropertyDefinition.objects.filter(pk__gt=last).order_by("pk")
    return [
        {
            "kind": "property",
            "name": row.name,
            "applies_to": row.applies_to,
            "schema": row.schema,
            "description": row.description,
        }
        for row in rows
    ], END


def _domains(sight: ExportSight, last: int) -> Batch:
    if last == END:
        return [], END
    rows = {row.pk: row for row in sight.domains.select_related("custom")}
    return [
        {
            "kind": "domain",
            "slug": row.slug,
            "name": row.name,
            "description": row.description,
            "parent": rows[row.parent_id].slug if row.parent_id in rows else None,
            "properties": row.custom.values if hasattr(row, "custom") else {},
        }
        for row in _parents_first(rows)
    ], END


def _terms(sight: ExportSight, last: int) -> Batch:
    if last == END:
        return [], END
    rows = {row.pk: row for row in sight.terms.select_related("domain")}
    return [
        {
            "kind": "term",
            "domain": row.domain.slug,
            "name": row.name,
            "definition": row.definition,
            "synonyms": row.synonyms,
            "parent": rows[row.parent_id].name if row.parent_id in rows else None,
        }
        for row in _parents_first(rows)
    ], END


def _parents_first(rows: dict[int, Any]) -> list[Any]:
    """The rows with each after its parent, siblings by id."""

    def depth(row: Any) -> int:
        steps = 0
        while row.parent_id in rows:
            row, steps = rows[row.parent_id], steps + 1
        return steps

    return sorted(rows.values(), key=lambda row: (depth(row), row.pk))


def _datasets(sight: ExportSight, last: int) -> Batch:
    rows = list(
        sight.visible.filter(pk__gt=last)
        .select_related("domain")
        .defer("facets", "facet_stamps")
        .order_by("pk")[:BATCH]
    )
    ids = [row.pk for row in rows]
    described = set(sight.described.filter(pk__in=ids).values_list("pk", flat=True))
    parts = _DatasetParts(ids, described=described)
    return [_dataset_item(row, parts) for row in rows], ids[-1] if ids else last


def _dataset_item(row: Dataset, parts: "_DatasetParts") -> Item:
    item: Item = {
        "kind": "dataset",
        "namespace": row.namespace,
        "name": row.name,
        "dataset_kind": row.kind,
        "structure": row.structure,
        "media_type": row.media_type,
        "domain": row.domain.slug if row.domain else None,
        "owners": parts.owners[row.pk],
    }
    # A key that is left out changes nothing when the line comes back.
    if row.pk in parts.described:
        item |= {
            "description": row.description,
            "tags": parts.tags[row.pk],
            "terms": parts.terms[row.pk],
            "properties": row.properties,
            "symlinks": parts.symlinks[row.pk],
            "fields": parts.fields[row.pk],
        }
    return item


class _DatasetParts:
    """What hangs on a batch of datasets, in nine queries; of fields, tags and the like only for `described` ones."""

    def __init__(self, ids: list[int], *, described: set[int]) -> None:
        self.described = described
        self.owners = _grouped(
            (dataset, {"kind": "user" if user else "group", "name": user or group})
            for dataset, user, group in DatasetOwner.objects.filter(dataset__in=ids)
            .order_by("pk")
            .values_list("dataset_id", "user__username", "group__name")
        )
        self.tags = _grouped(
            DatasetTag.objects.filter(dataset__in=described)
            .order_by("tag__name")
            .values_list("dataset_id", "tag__name")
        )
        self.terms = _grouped(_term_refs(DatasetTerm, "dataset_id", described))
        self.symlinks = _grouped(
            (dataset, {"namespace": namespace, "name": name, "type": kind})
            for dataset, namespace, name, kind in DatasetSymlink.objects.filter(
                dataset__in=described
            )
            .order_by("namespace", "name")
            .values_list("dataset_id", "namespace", "name", "type")
        )
        self.fields = self._fields()

    def _fields(self) -> dict[int, list[Item]]:
        rows = list(
            Field.objects.present()
            .filter(dataset__in=self.described)
            .order_by("dataset_id", "ordinal", "pk")
            .values_list("pk", "dataset_id", "name", "type", "description", "nullable", "field_id")
        )
        ids = [row[0] for row in rows]
        tags = _grouped(
            FieldTag.objects.filter(field__in=ids)
            .order_by("tag__name")
            .values_list("field_id", "tag__name")
        )
        terms = _grouped(_term_refs(FieldTerm, "field_id", ids))
        values = dict(FieldProperties.objects.filter(field__in=ids).values_list("field", "values"))
        return _grouped(
            (
                dataset,
                {
                    "name": name,
                    "type": type_,
                    "description": description,
                    "nullable": nullable,
                    "field_id": field_id,
                    "tags": tags.get(pk, []),
                    "terms": terms.get(pk, []),
                    "properties": values.get(pk, {}),
                },
            )
            for pk, dataset, name, type_, description, nullable, field_id in rows
        )


def _term_refs(model: Any, holder: str, ids: Iterable[int]) -> Iterator[tuple[int, Item]]:
    rows = model.objects.filter(**{f"{holder}__in": list(ids)})
    rows = rows.order_by("term__domain__slug", "term__name")
    for key, slug, name in rows.values_list(holder, "term__domain__slug", "term__name"):
        yield key, {"domain": slug, "name": name}


def _grouped(pairs: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def _products(sight: ExportSight, last: int) -> Batch:
    rows = list(
        sight.products.filter(pk__gt=last)
        .select_related("domain")
        .prefetch_related("owners__user", "owners__group", "ports__dataset")
        .order_by("pk")[:BATCH]
    )
    named = {port.dataset_id for row in rows for port in row.ports.all()}
    shown = set(sight.visible.filter(pk__in=named).values_list("pk", flat=True))
    items = [
        {
            "kind": "product",
            "domain": row.domain.slug,
            "name": row.name,
            "description": row.description,
            "status": row.status,
            "owners": [
                {"kind": "user" if each.user_id else "group", "name": str(each)}
                for each in sorted(row.owners.all(), key=lambda each: each.pk)
            ],
            "ports": [
                {
                    "dataset": {"namespace": port.dataset.namespace, "name": port.dataset.name},
                    "direction": port.direction,
                }
                for port in sorted(row.ports.all(), key=lambda port: port.pk)
                if port.dataset_id in shown
            ],
        }
        for row in rows
    ]
    return items, rows[-1].pk if rows else last


def _jobs(sight: ExportSight, last: int) -> Batch:
    rows = list(
        sight.jobs.filter(pk__gt=last)
        .select_related("custom")
        .defer("facets", "facet_stamps")
        .order_by("pk")[:BATCH]
    )
    items = [
        {
            "kind": "job",
            "namespace": row.namespace,
            "name": row.name,
            "type": row.type,
            "description": row.description,
            "properties": row.custom.values if hasattr(row, "custom") else {},
        }
        for row in rows
    ]
    return items, rows[-1].pk if rows else last


def _edges(sight: ExportSight, last: int) -> Batch:
    rows = list(
        DatasetEdge.objects.filter(
            pk__gt=last, valid_to=None, dataset__in=sight.visible.order_by().values("pk")
        )
        .order_by("pk")
        .values_list("pk", "dataset_id", "job_id", "direction", "origin")[: 5 * BATCH]
    )
    datasets = _names(Dataset, {row[1] for row in rows})
    jobs = _names(Job, {row[2] for row in rows})
    items = [
        {
            "kind": "edge",
            "job": jobs[job],
            "dataset": datasets[dataset],
            "direction": direction,
            "origin": origin,
        }
        for _, dataset, job, direction, origin in rows
    ]
    return items, rows[-1][0] if rows else last


def _field_edges(sight: ExportSight, last: int) -> Batch:
    described = sight.described.order_by().values("pk")
    rows = list(
        FieldEdge.objects.filter(
            pk__gt=last,
            valid_to=None,
            source__removed_at=None,
            target__removed_at=None,
            source__dataset__in=described,
            target__dataset__in=described,
        )
        .select_related("source", "target")
        .order_by("pk")[: 5 * BATCH]
    )
    sides = [each for row in rows for each in (row.source, row.target)]
    datasets = _names(Dataset, {each.dataset_id for each in sides})
    jobs = _names(Job, {row.job_id for row in rows if row.job_id is not None})
    items = [
        {
            "kind": "field_edge",
            "source": {**datasets[row.source.dataset_id], "field": row.source.name},
            "target": {**datasets[row.target.dataset_id], "field": row.target.name},
            "job": jobs.get(row.job_id) if row.job_id else None,
            "type": row.type,
            "subtype": row.subtype,
            "description": row.description,
            "masking": row.masking,
            "origin": row.origin,
        }
        for row in rows
    ]
    return items, rows[-1].pk if rows else last


def _names(model: type[Dataset] | type[Job], ids: set[int]) -> dict[int, dict[str, str]]:
    rows = model._default_manager.filter(pk__in=ids)  # noqa: SLF001 - Django's documented name
    found = rows.values_list("pk", "namespace", "name")
    return {pk: {"namespace": namespace, "name": name} for pk, namespace, name in found}


_READERS: dict[str, Callable[[ExportSight, int], Batch]] = {
    "property": _properties,
    "domain": _domains,
    "term": _terms,
    "dataset": _datasets,
    "product": _products,
    "job": _jobs,
    "edge": _edges,
    "field_edge": _field_edges,
}
