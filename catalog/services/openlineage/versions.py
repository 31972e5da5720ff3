"""Versions of datasets that runs wrote: at most one a run and dataset, none twice."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from catalog.lineage.events import TERMINAL, Event, EventDataset
from catalog.lineage.facets import (
    content_version_of,
    lifecycle_of,
    schema_rows,
    snapshot_of,
    statistics_of,
    tells_schema,
)
from catalog.lineage.stamps import READ, WRITTEN, make_stamp
from catalog.queries.runs import events_of_runs, find_datasets
from catalog.services.fields import FieldSpec, read_schema
from catalog.services.openlineage.batch import Batch, EntryMovedError, UseRow, told_datasets
from catalog.services.openlineage.sql import fetch, send
from catalog.services.versions import fingerprint_of
from core.ids import uuid7

if TYPE_CHECKING:
    from catalog.services.openlineage.datasets import DatasetRow

# In `facet_stamps` of a dataset: of the event that told the current version.
VERSION = "~version"
# Instead of a stamp, and less than any: a version is told, by a run that is not known to have completed.
EARLY = "-"

FIND_VERSIONS = """
SELECT v.id, v.dataset_id, v.fingerprint FROM catalog_datasetversion v
  JOIN unnest(%s::bigint[], %s::text[]) AS q (dataset_id, fingerprint)
    ON v.dataset_id = q.dataset_id AND v.fingerprint = q.fingerprint
"""
INSERT_VERSIONS = """
INSERT INTO catalog_datasetversion
    (uuid, dataset_id, number, schema, fingerprint, snapshot_id, content_hash, lifecycle, statistics, run_id, created_at)
SELECT q.uuid, q.dataset_id,
       coalesce((SELECT max(v.number) FROM catalog_datasetversion v WHERE v.dataset_id = q.dataset_id), 0)
           + row_number() OVER (PARTITION BY q.dataset_id ORDER BY q.place),
       q.schema, q.fingerprint, q.snapshot_id, q.content_hash, q.lifecycle, q.statistics, q.run_id, q.created_at
  FROM unnest(%s::uuid[], %s::bigint[], %s::jsonb[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::jsonb[],
              %s::uuid[], %s::timestamptz[]) WITH ORDINALITY
       AS q (uuid, dataset_id, schema, fingerprint, snapshot_id, content_hash, lifecycle, statistics, run_id, created_at, place)
RETURNING id, dataset_id, fingerprint
"""
# One write may be reported by two runs: the smaller id is kept, whichever comes first.
NOTE_RUNS = """
UPDATE catalog_datasetversion v SET run_id = q.run_id
  FROM unnest(%s::bigint[], %s::bigint[], %s::uuid[]) AS q (dataset_id, snapshot_id, run_id)
 WHERE v.dataset_id = q.dataset_id AND v.snapshot_id = q.snapshot_id AND (v.run_id IS NULL OR v.run_id > q.run_id)
"""


@dataclass(slots=True, eq=False)
class Content:
    """A version that an event tells of; where it tells no schema, that of the dataset is shown and not part of its identity."""

    version: str
    stamp: str
    facets: Mapping[str, Any]
    use_facets: Mapping[str, Any]
    specs: list[FieldSpec] = field(default_factory=list)
    fingerprint: str = ""


def is_version_told(event: Event, told: EventDataset, *, batch: Batch, dataset_id: int) -> bool:
    """Whether the event tells what its run has written, once that is known to have completed.

    Not if a better event of the same run has told it already. What is told before that is noted at the run's use.
    """
    if told.direction == "input" or not tells_version(told):
        return False
    if event.kind == "dataset":
        return True
    if event.run_id is None:
        return False
    use = _use_of(event, told, batch=batch, dataset_id=dataset_id)
    if batch.runs[event.run_id].state != "COMPLETED":
        if use is not None and not use.version_stamp:
            use.version_stamp, use.changed = EARLY, True
        return False
    return use is None or use.version_stamp < stamp_of(event)


def tells_version(told: EventDataset) -> bool:
    """Whether a schema or a content is told; what only other events tell of them does not matter, whenever they come."""
    return bool(content_version_of(told.facets)) or tells_schema(told.facets.get("schema"))


def told_before(batch: Batch) -> Iterator[tuple[Event, EventDataset]]:
    """What earlier events told of outputs of runs that only now completed, and that no event at hand tells of.

    Of each the best: until a run completes, none of its events tells a version (`is_version_told`). EntryMovedError if a
    dataset is not locked yet.
    """
    wanted = _untold_outputs(batch)
    if not wanted:
        return
    unlocked = set().union(*wanted.values()) - batch.unnamed - batch.epochs.keys()
    if unlocked:
        raise EntryMovedError(unlocked)
    for run_id, events in events_of_runs(wanted).items():
        told = [each for each in told_datasets(events) if _is_written(each[1])]
        batch.datasets |= find_datasets(each.name for _, each in told)
        last: dict[int, str] = {}
        for event, each in told:
            dataset_id = batch.datasets.get(each.name, 0)
            last[dataset_id] = max(last.get(dataset_id, ""), stamp_of(event))
        for event, each in told:
            dataset_id = batch.datasets.get(each.name, 0)
            if dataset_id in wanted[run_id] and stamp_of(event) == last[dataset_id]:
                yield event, each


def _untold_outputs(batch: Batch) -> dict[UUID, set[int]]:
    early = {
        run.uuid: {
            use.dataset_id
            for use in batch.uses.get(run.uuid, {}).values()
            if use.version_stamp == EARLY
        }
        for run in batch.told_runs
        if run.state == "COMPLETED" and run.former_state not in ("", "COMPLETED")
    }
    if any(early.values()):
        for event, told in told_datasets(batch.fresh):
            if event.run_id in early and _is_written(told):
                early[event.run_id].discard(batch.datasets[told.name])
    return {run_id: keys for run_id, keys in early.items() if keys}


def _is_written(told: EventDataset) -> bool:
    return told.direction == "output" and tells_version(told)


def content_of(event: Event, told: EventDataset, *, batch: Batch, dataset_id: int) -> Content:
    """The version that the event tells, noted at the run's use."""
    version = content_version_of(told.facets)
    stamp = stamp_of(event)
    use = _use_of(event, told, batch=batch, dataset_id=dataset_id)
    if use is not None:
        use.version_stamp, use.changed = stamp, True
    return Content(version=version, stamp=stamp, facets=told.facets, use_facets=told.use_facets)


def stamp_of(event: Event) -> str:
    """The stamp of what the event tells of a version: a terminal event's word goes before those on the way."""
    rank = WRITTEN if event.type in TERMINAL or event.kind != "run" else READ
    return make_stamp(at=event.time, rank=rank, digest=event.digest)


def _use_of(event: Event, told: EventDataset, *, batch: Batch, dataset_id: int) -> UseRow | None:
    if event.run_id is None:
        return None
    return batch.uses.get(event.run_id, {}).get((dataset_id, told.direction))


def record_versions(contents: Sequence[tuple["DatasetRow", Event, Content | None]]) -> None:
    """Record what is told of datasets that only events know, and make the last told one current.

    Of a declared dataset the writer itself records the versions: there the run is only noted beside its snapshot.
    """
    told = []
    for row, event, content in contents:
        if content is None:
            continue
        content.specs = _specs_of(content.facets)
        if not content.specs and not content.version:
            continue
        content.fingerprint = fingerprint_of(content.specs, content=content.version)
        content.specs = content.specs or _specs_of(row.facets)
        told.append((row, event, content))
    _write([each for each in told if not each[0].declared])
    _note_runs([each for each in told if each[0].declared and each[1].kind != "dataset"])


def fingerprint_of_told(told: EventDataset) -> str:
    """The fingerprint of the version that `told` tells."""
    return fingerprint_of(_specs_of(told.facets), content=content_version_of(told.facets))


def _specs_of(facets: Mapping[str, Any]) -> list[FieldSpec]:
    return read_schema(schema_rows(facets.get("schema")) or [])


def _write(told: Sequence[tuple["DatasetRow", Event, Content]]) -> None:
    if not told:
        return
    wanted = {(row.id, content.fingerprint): (event, content) for row, event, content in told}
    keys = sorted(wanted)
    found = {
        (dataset_id, fingerprint): pk
        for pk, dataset_id, fingerprint in fetch(
            FIND_VERSIONS, [[key[0] for key in keys], [key[1] for key in keys]]
        )
    }
    missing = [(key, *wanted[key]) for key in keys if key not in found]
    if missing:
        found |= {
            (dataset_id, fingerprint): pk
            for pk, dataset_id, fingerprint in fetch(INSERT_VERSIONS, _version_arrays(missing))
        }
    for row, _, content in told:
        if row.stamps.get(VERSION, "") < content.stamp:
            row.stamps[VERSION] = content.stamp
            row.current_version_id = found[row.id, content.fingerprint]
            row.fingerprint = content.fingerprint


def _version_arrays(
    missing: Sequence[tuple[tuple[int, str], Event, Content]],
) -> list[list[Any]]:
    table = []
    for (dataset_id, fingerprint), event, content in missing:
        snapshot_id = snapshot_of(content.version)
        table.append(
            (
                uuid7(),
                dataset_id,
                orjson.dumps([spec.as_json() for spec in content.specs]).decode(),
                fingerprint,
                snapshot_id,
                content.version if snapshot_id is None else "",
                lifecycle_of(content.facets),
                orjson.dumps(statistics_of({**content.facets, **content.use_facets})).decode(),
                event.run_id if event.kind != "dataset" else None,
                event.time,
            )
        )
    return [list(column) for column in zip(*table, strict=True)]


def _note_runs(told: Sequence[tuple["DatasetRow", Event, Content]]) -> None:
    rows = [
        (row.id, snapshot_of(content.version), event.run_id)
        for row, event, content in told
        if snapshot_of(content.version) is not None
    ]
    if rows:
        send(NOTE_RUNS, [list(column) for column in zip(*rows, strict=True)])
