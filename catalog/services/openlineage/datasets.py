"""What events tell of datasets: facets, kind, description, tags, life, and the schema with its fields."""

from collections.abc import Mapping

from catalog.lineage.events import Event, EventDataset, Name
from catalog.lineage.facets import kind_of, lifecycle_of, schema_rows, tags_of, text_of
from catalog.lineage.stamps import READ, WRITTEN, make_stamp, merge_facets
from catalog.models import Dataset, DatasetTag, Field, FieldTag, Tag
from catalog.services.fields import read_schema, sync_fields
from catalog.services.openlineage.names import EntryMovedError
from catalog.services.search import refresh_search_text

# In `Dataset.facet_stamps`: when the dataset was last written, as opposed to dropped.
LAST_WRITTEN = "~written"


def apply_datasets(event: Event, *, resolved: Mapping[Name, int]) -> dict[int, Dataset]:
    """Merge the event's dataset facets; the locked rows by id. What a failed run meant to write is left out."""
    rows = {
        row.pk: row
        for row in Dataset.objects.select_for_update(no_key=True)
        .filter(pk__in=set(resolved.values()))
        .order_by("pk")
    }
    if rows.keys() != set(resolved.values()):
        raise EntryMovedError
    touched: list[int] = []
    for each in _in_order(event):
        row = rows[resolved[each.name]]
        if _apply(event, row=row, told=each):
            touched.append(row.pk)
    Dataset.objects.bulk_update(
        [rows[pk] for pk in sorted(rows)],
        ["facets", "facet_stamps", "kind", "description", "deleted_at"],
    )
    refresh_search_text(set(touched))
    return rows


def _in_order(event: Event) -> list[EventDataset]:
    """Inputs before outputs; outputs of a failed run not at all."""
    return [each for each in event.datasets if not (each.direction == "output" and event.is_failed)]


def _apply(event: Event, *, row: Dataset, told: EventDataset) -> bool:
    """Merge one dataset's facets into its row; tell whether its searched text may have changed."""
    stamp = make_stamp(
        at=event.time, rank=READ if told.direction == "input" else WRITTEN, digest=event.digest
    )
    before = dict(row.facets)
    if told.direction == "output" and lifecycle_of(told.facets) != "DROP":
        row.facet_stamps[LAST_WRITTEN] = max(row.facet_stamps.get(LAST_WRITTEN, ""), stamp)
    merge_facets(facets=row.facets, stamps=row.facet_stamps, incoming=told.facets, stamp=stamp)
    if row.declared:
        return False
    if row.kind == kind_of(row.namespace, before):
        row.kind = kind_of(row.namespace, row.facets)
    former = text_of(before, "documentation", "description")
    description = row.description
    if row.description in ("", former):
        row.description = text_of(row.facets, "documentation", "description")[:100_000]
    _apply_life(event, row=row)
    changed = row.description != description
    if row.facets.get("schema") != before.get("schema"):
        changed |= _apply_schema(event, row=row)
    if row.facets.get("tags") != before.get("tags"):
        changed |= _apply_tags(row)
    return changed


def _apply_life(event: Event, *, row: Dataset) -> None:
    """Deleted if the last word about its life is DROP and nothing wrote it since."""
    dropped = lifecycle_of(row.facets) == "DROP" and row.facet_stamps.get(
        "lifecycleStateChange", ""
    ) > row.facet_stamps.get(LAST_WRITTEN, "")
    if not dropped:
        row.deleted_at = None
    elif row.deleted_at is None:
        row.deleted_at = event.time


def _apply_schema(event: Event, *, row: Dataset) -> bool:
    rows = schema_rows(row.facets.get("schema"))
    if rows is None:
        return False
    return sync_fields(dataset=row, specs=read_schema(rows), at=event.time)


def _apply_tags(row: Dataset) -> bool:
    """Add what the tags facet tells. Tags are never taken away by an event: a mask may hang on them."""
    told = tags_of(row.facets)
    if not told:
        return False
    names = sorted({name for name, _ in told})
    Tag.objects.bulk_create([Tag(name=name) for name in names], ignore_conflicts=True)
    tags = {tag.name: tag for tag in Tag.objects.filter(name__in=names)}
    fields = {each.name: each for each in Field.objects.filter(dataset=row)}
    DatasetTag.objects.bulk_create(
        [DatasetTag(dataset=row, tag=tags[name]) for name, of_field in told if of_field is None],
        ignore_conflicts=True,
    )
    FieldTag.objects.bulk_create(
        [
            FieldTag(field=fields[of_field], tag=tags[name])
            for name, of_field in told
            if of_field in fields
        ],
        ignore_conflicts=True,
    )
    return True
