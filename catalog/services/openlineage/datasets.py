"""What events tell of datasets: facets, kind, description, tags, life, the schema with its fields, and versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import orjson

from catalog.lineage.events import Event, EventDataset, hash_facets
from catalog.lineage.facets import kind_of, lifecycle_of, schema_rows, tags_of, text_of
from catalog.lineage.stamps import READ, WRITTEN, make_stamp, merge_facets
from catalog.models import DatasetTag, DatasetVersion, Field, FieldTag, Tag
from catalog.services.fields import FieldSpec, read_schema, sync_fields_of
from catalog.services.openlineage.batch import Batch, told_datasets
from catalog.services.openlineage.sql import fetch, send
from catalog.services.openlineage.tellings import (
    DATASET,
    Telling,
    Told,
    fold,
    keep_tellings,
    raise_stamps,
)
from catalog.services.openlineage.versions import (
    VERSION,
    Content,
    content_of,
    is_version_told,
    record_versions,
    told_before,
)
from catalog.services.openlineage.withdrawing import find_withdrawn, withdraw
from catalog.services.search import refresh_search_text

# In `Dataset.facet_stamps`: when the dataset was last written, as opposed to dropped.
LAST_WRITTEN = "~written"

LOAD_DATASETS = """
SELECT d.id, d.namespace, d.declared, d.kind, d.description, d.facets::text, d.facet_stamps::text, d.deleted_at,
       d.current_version_id, coalesce(v.fingerprint, '')
  FROM catalog_dataset d LEFT JOIN catalog_datasetversion v ON v.id = d.current_version_id
 WHERE d.id = ANY(%s::bigint[])
"""
WRITE_DATASETS = """
UPDATE catalog_dataset d SET kind = q.kind, description = q.description, facets = q.facets,
       facet_stamps = q.facet_stamps, deleted_at = q.deleted_at, current_version_id = q.current_version_id
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[], %s::timestamptz[], %s::bigint[])
       AS q (id, kind, description, facets, facet_stamps, deleted_at, current_version_id)
 WHERE d.id = q.id
"""


@dataclass(slots=True, eq=False)
class DatasetRow:
    """What the event path reads and writes of a row of `catalog_dataset`."""

    id: int
    namespace: str
    declared: bool
    kind: str
    description: str
    facets: dict[str, Any]
    stamps: dict[str, str]
    deleted_at: datetime | None
    current_version_id: int | None
    fingerprint: str
    before: dict[str, Any] = field(default_factory=dict)
    specs: list[FieldSpec] | None = None
    schema_at: datetime | None = None
    searched: bool = False


@dataclass(slots=True, eq=False)
class Word:
    """What one event says of one dataset."""

    event: Event
    told: EventDataset
    telling: Telling
    content: Content | None

    @property
    def is_early(self) -> bool:
        """Whether it tells a version on the way, which counts for less than the facets that it tells: one stamp is not both."""
        return self.content is not None and self.content.stamp != self.telling.stamp


def merge_datasets_told(batch: Batch) -> None:
    """Merge the events' facets of datasets, and record versions; what is told already costs a raised stamp."""
    raised: dict[tuple[int, bytes], str] = {}
    withdrawn = find_withdrawn(batch)
    untold: dict[int, list[Word]] = {dataset_id: [] for dataset_id in withdrawn}
    for event, told in chain(told_datasets(batch.fresh), told_before(batch)):
        if told.direction == "input" and not told.facets:
            continue
        dataset_id = batch.datasets[told.name]
        word = _word(event, told, batch=batch, dataset_id=dataset_id)
        key = (dataset_id, word.telling.hash)
        if key in batch.dataset_tellings and dataset_id not in withdrawn:
            raised[key] = max(raised.get(key, ""), word.telling.stamp)
        else:
            untold.setdefault(dataset_id, []).append(word)
    raise_stamps(DATASET, raised, known=batch.dataset_tellings, writes=batch.writes)
    if untold:
        batch.writes.run()
        _merge_untold(untold, withdrawn=withdrawn)


def _word(event: Event, told: EventDataset, *, batch: Batch, dataset_id: int) -> Word:
    content = None
    if is_version_told(event, told, batch=batch, dataset_id=dataset_id):
        content = content_of(event, told, batch=batch, dataset_id=dataset_id)
    stamp = make_stamp(
        at=event.time, rank=READ if told.direction == "input" else WRITTEN, digest=event.digest
    )
    return Word(
        event, told, Telling(telling_hash(told, versioned=content is not None), stamp), content
    )


def telling_hash(told: EventDataset, *, versioned: bool) -> bytes:
    """Of the facets, the direction, and whether a version is told with them."""
    return hash_facets({}, told.facets_hash.hex(), "version" if versioned else "")


def _merge_untold(
    untold: dict[int, list[Word]], *, withdrawn: Mapping[int, list[DatasetVersion]]
) -> None:
    told = fold(DATASET, untold.keys())
    rows = _load(untold.keys(), told=told)
    tagged: list[DatasetRow] = []
    for dataset_id, row in rows.items():
        for word in untold[dataset_id]:
            _apply(word.event, row=row, told=word.told)
        if not row.declared and row.facets.get("tags") != row.before.get("tags"):
            tagged.append(row)
    _sync_schemas(rows)
    for row in tagged:
        row.searched |= _apply_tags(row)
    former = {row.id: row.fingerprint for row in rows.values()}
    for dataset_id, versions in withdrawn.items():
        withdraw(rows[dataset_id], versions)
    contents = [
        (rows[dataset_id], word.event, word.content)
        for dataset_id, words in sorted(untold.items())
        for word in words
        if word.content is not None
    ]
    record_versions(contents)
    for row in rows.values():
        _settle(row, untold[row.id], told=told, former=former[row.id])
    _write(rows)
    keep_tellings(DATASET, told)
    refresh_search_text([row.id for row in rows.values() if row.searched])


def _load(ids: Any, *, told: Told) -> dict[int, DatasetRow]:
    rows = {}
    for found in sorted(fetch(LOAD_DATASETS, [sorted(ids)]), key=lambda each: each[0]):
        row = DatasetRow(*found)
        row.facets, row.stamps = orjson.loads(found[5]), orjson.loads(found[6])
        row.before = dict(row.facets)
        told.fold_into(row.id, row.stamps)
        rows[row.id] = row
    return rows


def _apply(event: Event, *, row: DatasetRow, told: EventDataset) -> None:
    """Merge one event's facets into the row."""
    stamp = make_stamp(
        at=event.time, rank=READ if told.direction == "input" else WRITTEN, digest=event.digest
    )
    before = dict(row.facets)
    if told.direction == "output" and lifecycle_of(told.facets) != "DROP":
        row.stamps[LAST_WRITTEN] = max(row.stamps.get(LAST_WRITTEN, ""), stamp)
    merge_facets(facets=row.facets, stamps=row.stamps, incoming=told.facets, stamp=stamp)
    if row.declared:
        return
    if row.kind == kind_of(row.namespace, before):
        row.kind = kind_of(row.namespace, row.facets)
    former = text_of(before, "documentation", "description")
    if row.description in ("", former):
        description = text_of(row.facets, "documentation", "description")[:100_000]
        row.searched |= row.description != description
        row.description = description
    _apply_life(event, row=row)
    if row.facets.get("schema") != before.get("schema"):
        rows = schema_rows(row.facets.get("schema"))
        if rows is not None:
            row.specs, row.schema_at = read_schema(rows), event.time


def _apply_life(event: Event, *, row: DatasetRow) -> None:
    """Deleted if the last word about its life is DROP and nothing wrote it since."""
    dropped = lifecycle_of(row.facets) == "DROP" and row.stamps.get(
        "lifecycleStateChange", ""
    ) > row.stamps.get(LAST_WRITTEN, "")
    if not dropped:
        row.deleted_at = None
    elif row.deleted_at is None:
        row.deleted_at = event.time


def _sync_schemas(rows: Mapping[int, DatasetRow]) -> None:
    wanted = {
        row.id: (row.specs, row.schema_at)
        for row in rows.values()
        if row.specs is not None and row.schema_at is not None
    }
    for dataset_id in sync_fields_of(wanted):
        rows[dataset_id].searched = True


def _apply_tags(row: DatasetRow) -> bool:
    """Add what the tags facet tells. Tags are never taken away by an event: a mask may hang on them."""
    told = tags_of(row.facets)
    if not told:
        return False
    names = sorted({name for name, _ in told})
    Tag.objects.bulk_create([Tag(name=name) for name in names], ignore_conflicts=True)
    tags = {tag.name: tag for tag in Tag.objects.filter(name__in=names)}
    fields = {each.name: each for each in Field.objects.filter(dataset_id=row.id)}
    DatasetTag.objects.bulk_create(
        [
            DatasetTag(dataset_id=row.id, tag=tags[name])
            for name, of_field in told
            if of_field is None
        ],
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


def _settle(row: DatasetRow, words: list[Word], *, told: Told, former: str) -> None:
    """Decide which tellings hold from now on."""
    if row.deleted_at is not None:
        told.drop_all(row.id)
        return
    now = {**row.facets, LAST_WRITTEN: True, VERSION: row.fingerprint}
    then = {**row.before, LAST_WRITTEN: True, VERSION: former}
    told.settle(
        row.id,
        changed={name for name in {*then, *now} if then.get(name) != now.get(name)},
        tellings=[
            word.telling.over(_words_of(word), facets=now, stamps=row.stamps)
            for word in words
            if lifecycle_of(word.told.facets) != "DROP" and not word.is_early
        ],
    )


def _words_of(word: Word) -> dict[str, Any]:
    """The facets, and what an output or a version says besides."""
    found = dict(word.told.facets)
    if word.told.direction == "output":
        found[LAST_WRITTEN] = True
    if word.content is not None and word.content.fingerprint:
        found[VERSION] = word.content.fingerprint
    return found


def _write(rows: Mapping[int, DatasetRow]) -> None:
    ordered = [rows[key] for key in sorted(rows)]
    send(
        WRITE_DATASETS,
        [
            [row.id for row in ordered],
            [row.kind for row in ordered],
            [row.description for row in ordered],
            [orjson.dumps(row.facets).decode() for row in ordered],
            [orjson.dumps(row.stamps).decode() for row in ordered],
            [row.deleted_at for row in ordered],
            [row.current_version_id for row in ordered],
        ],
    )
