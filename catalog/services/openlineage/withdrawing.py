"""Taking back the versions that a run told of while it was held for completed, where it turns out to have failed.

So that FAIL after COMPLETE leaves what FAIL before COMPLETE does. Rare, so it asks the events themselves who else told the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from catalog.models import DatasetVersion, RunDataset
from catalog.models.job import RunState
from catalog.models.lineage import Direction
from catalog.queries.runs import events_of_runs, find_datasets
from catalog.services.openlineage.batch import Batch, EntryMovedError, told_datasets
from catalog.services.openlineage.versions import EARLY, VERSION, fingerprint_of_told, stamp_of

if TYPE_CHECKING:
    from catalog.services.openlineage.datasets import DatasetRow

# Other runs that may have told the same versions; older ones are not asked.
MAX_OTHERS = 200


@dataclass(frozen=True, slots=True, order=True)
class Word:
    """The version that a completed run told, by its fingerprint."""

    stamp: str
    fingerprint: str
    run_id: UUID


def find_withdrawn(batch: Batch) -> dict[int, list[DatasetVersion]]:
    """The versions, by dataset, that were made by runs which now turn out to have failed.

    EntryMovedError if a dataset is not locked yet.
    """
    failed = [
        run.uuid
        for run in batch.told_runs
        if run.former_state == RunState.COMPLETED and run.state != RunState.COMPLETED
    ]
    found: dict[int, list[DatasetVersion]] = {}
    for version in DatasetVersion.objects.filter(run_id__in=failed) if failed else ():
        found.setdefault(version.dataset_id, []).append(version)
    unlocked = found.keys() - batch.unnamed - batch.epochs.keys()
    if unlocked:
        raise EntryMovedError(unlocked)
    for run_id in failed:
        for use in batch.uses.get(run_id, {}).values():
            use.version_stamp, use.changed = EARLY, True
    return found


def withdraw(row: "DatasetRow", versions: list[DatasetVersion]) -> None:
    """Leave each version to another run that told it, or remove it; what was told last is current.

    Of a declared dataset the writer itself records the versions: there the run is merely no longer named.
    """
    if row.declared:
        DatasetVersion.objects.filter(pk__in=[each.pk for each in versions]).update(run=None)
        return
    told = sorted(_told_by_others(row.id))
    others = {each.fingerprint: each.run_id for each in reversed(told)}
    gone = [each for each in versions if each.fingerprint not in others]
    for version in versions:
        if version.fingerprint in others:
            version.run_id = others[version.fingerprint]
            version.save(update_fields=["run"])
    DatasetVersion.objects.filter(pk__in=[each.pk for each in gone]).delete()
    if row.current_version_id in {each.pk for each in gone}:
        _make_current(row, told[-1] if told else None)


def _make_current(row: "DatasetRow", last: Word | None) -> None:
    left = DatasetVersion.objects.filter(dataset_id=row.id)
    found = left.filter(fingerprint=last.fingerprint).first() if last else left.first()
    row.current_version_id = found.pk if found else None
    row.fingerprint = found.fingerprint if found else ""
    row.stamps.pop(VERSION, None)
    if last:
        row.stamps[VERSION] = last.stamp


def _told_by_others(dataset_id: int) -> Iterator[Word]:
    """What completed runs told last of the versions of the dataset."""
    uses = RunDataset.objects.filter(
        dataset_id=dataset_id, direction=Direction.OUTPUT, run__state=RunState.COMPLETED
    ).exclude(version_stamp__in=("", EARLY))
    stamps: Mapping[UUID, str] = dict(
        uses.order_by("-version_stamp").values_list("run_id", "version_stamp")[:MAX_OTHERS]
    )
    for run_id, events in events_of_runs(stamps).items():
        told = list(told_datasets(events))
        ids = find_datasets(each.name for _, each in told)
        for event, each in told:
            if ids.get(each.name) == dataset_id and stamp_of(event) == stamps[run_id]:
                yield Word(stamps[run_id], fingerprint_of_told(each), run_id)
