"""Versions of datasets that runs wrote: at most one a run and dataset, none twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Q

from catalog.lineage.events import TERMINAL, Event, EventDataset, Name
from catalog.lineage.facets import (
    content_version_of,
    lifecycle_of,
    schema_rows,
    snapshot_of,
    statistics_of,
)
from catalog.lineage.stamps import READ, WRITTEN, make_stamp
from catalog.models import Dataset, DatasetVersion, Run, RunDataset
from catalog.models.job import RunState
from catalog.services.fields import FieldSpec, read_schema
from catalog.services.openlineage.runs import UseKey
from catalog.services.versions import fingerprint_of

# In `facet_stamps` of a dataset and of a run's use: of the event that told the version.
VERSION = "~version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A version that an event tells of."""

    dataset: Dataset
    use: RunDataset | None
    specs: list[FieldSpec]
    content: str
    fingerprint: str
    stamp: str
    facets: Mapping[str, Any]
    statistics: Mapping[str, int]


def record_versions(
    event: Event,
    *,
    datasets: Mapping[int, Dataset],
    run: Run | None,
    uses: Mapping[UseKey, RunDataset],
    resolved: Mapping[Name, int],
) -> None:
    """Record the versions of what the event's run has written, once the run is known to have completed.

    Of a declared dataset the writer itself records the versions: there the run is only noted beside its snapshot.
    The caller holds the locks of the datasets' rows.
    """
    if run is not None and run.state != RunState.COMPLETED:
        return
    told = [
        found
        for each in event.datasets
        if each.direction != "input"
        for found in [_told(event, each, dataset=datasets[resolved[each.name]], uses=uses)]
        if found is not None
    ]
    if told:
        _write([each for each in told if not each.dataset.declared], event=event, run=run)
        if run is not None:
            _note_run([each for each in told if each.dataset.declared], run=run)


def _told(
    event: Event, told: EventDataset, *, dataset: Dataset, uses: Mapping[UseKey, RunDataset]
) -> Told | None:
    """The version, unless a better event of the same run has told one already."""
    use = uses.get((dataset.pk, told.direction))
    rank = WRITTEN if event.type in TERMINAL or event.kind != "run" else READ
    stamp = make_stamp(at=event.time, rank=rank, digest=event.digest)
    if use is not None and use.facet_stamps.get(VERSION, "") >= stamp:
        return None
    rows = schema_rows(told.facets.get("schema")) or schema_rows(dataset.facets.get("schema"))
    content = content_version_of(told.facets)
    if rows is None and not content:
        return None
    specs = read_schema(rows or [])
    return Told(
        dataset=dataset,
        use=use,
        specs=specs,
        content=content,
        fingerprint=fingerprint_of(specs, content=content),
        stamp=stamp,
        facets=told.facets,
        statistics=statistics_of({**told.facets, **told.use_facets}),
    )


def _write(told: list[Told], *, event: Event, run: Run | None) -> None:
    if not told:
        return
    ids = {each.dataset.pk for each in told}
    known = {
        (row.dataset_id, row.fingerprint): row
        for row in DatasetVersion.objects.filter(
            dataset_id__in=ids, fingerprint__in={each.fingerprint for each in told}
        )
    }
    missing = {
        (each.dataset.pk, each.fingerprint): each
        for each in told
        if (each.dataset.pk, each.fingerprint) not in known
    }
    if missing:
        numbers = dict(
            DatasetVersion.objects.filter(dataset_id__in=ids)
            .values_list("dataset_id")
            .annotate(last=Max("number"))
        )
        made = []
        for (dataset_id, _), each in sorted(missing.items(), key=lambda item: item[0]):
            numbers[dataset_id] = numbers.get(dataset_id, 0) + 1
            made.append(_make(each, number=numbers[dataset_id], event=event, run=run))
        DatasetVersion.objects.bulk_create(made)
        known |= {(row.dataset_id, row.fingerprint): row for row in made}
    for each in told:
        _set_current(each, version=known[each.dataset.pk, each.fingerprint])
    _save(told)


def _make(told: Told, *, number: int, event: Event, run: Run | None) -> DatasetVersion:
    return DatasetVersion(
        dataset=told.dataset,
        number=number,
        schema=[spec.as_json() for spec in told.specs],
        fingerprint=told.fingerprint,
        snapshot_id=snapshot_of(told.content),
        content_hash=told.content if snapshot_of(told.content) is None else "",
        lifecycle=lifecycle_of(told.facets),
        statistics=dict(told.statistics),
        run=run,
        created_at=event.time,
    )


def _set_current(told: Told, *, version: DatasetVersion) -> None:
    if told.use is not None:
        told.use.facet_stamps[VERSION] = told.stamp
    if told.dataset.facet_stamps.get(VERSION, "") < told.stamp:
        told.dataset.facet_stamps[VERSION] = told.stamp
        told.dataset.current_version = version


def _save(told: list[Told]) -> None:
    uses = {each.use.pk: each.use for each in told if each.use is not None}
    if uses:
        RunDataset.objects.bulk_update([uses[pk] for pk in sorted(uses)], ["facet_stamps"])
    datasets = {each.dataset.pk: each.dataset for each in told}
    Dataset.objects.bulk_update(
        [datasets[pk] for pk in sorted(datasets)], ["facet_stamps", "current_version"]
    )


def _note_run(told: list[Told], *, run: Run) -> None:
    """One write may be reported by two runs: the smaller id is kept, whichever comes first."""
    for each in told:
        snapshot_id = snapshot_of(each.content)
        if snapshot_id is not None:
            DatasetVersion.objects.filter(
                Q(run=None) | Q(run_id__gt=run.pk), dataset=each.dataset, snapshot_id=snapshot_id
            ).update(run=run)
