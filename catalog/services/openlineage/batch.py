"""What one transaction records: events, and the rows that they bear on, held under lock."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from catalog.lineage.events import Event, EventDataset, Name
from catalog.services.openlineage.sql import RoundTrip

UseKey = tuple[int, str]  # dataset, direction


class EntryMovedError(Exception):
    """An entry changed between finding and locking it, or `datasets` must be locked too; finding again helps."""

    def __init__(self, datasets: Iterable[int] = ()) -> None:
        super().__init__()
        self.datasets = frozenset(datasets)


@dataclass(slots=True, eq=False)
class Item:
    """An event to be recorded."""

    event: Event
    sender_id: int | None


@dataclass(slots=True, eq=False)
class RunRow:
    """A row of `catalog_run`."""

    uuid: UUID
    job_id: int
    state: str = "NEW"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    nominal_start: datetime | None = None
    nominal_end: datetime | None = None
    parent_id: UUID | None = None
    job_stamp: str = ""
    nominal_stamp: str = ""
    parent_stamp: str = ""
    code_hash: str = ""
    code_stamp: str = ""
    observed: bool = True
    last_event_at: datetime | None = None
    version_id: int | None = None
    is_new: bool = True
    # Whether an event of the batch is of this run, as opposed to one whose parent it is.
    is_told: bool = False
    # Of the stored row, as the batch found it.
    former_job_id: int | None = None
    former_state: str = ""


@dataclass(slots=True, eq=False)
class UseRow:
    """A row of `catalog_rundataset`."""

    run_id: UUID
    dataset_id: int
    direction: str
    origin: str = "declared"
    column_hash: str = ""
    column_stamp: str = ""
    version_stamp: str = ""
    is_new: bool = True
    changed: bool = False


@dataclass(slots=True, eq=False)
class JobRow:
    """What the event path reads of a row of `catalog_job`."""

    id: int
    edges_hash: str
    # The run that completed last and used anything.
    last_completed: "LastRun | None" = None


@dataclass(frozen=True, slots=True)
class LastRun:
    """What orders completed runs."""

    uuid: UUID
    started_at: datetime
    ended_at: datetime


@dataclass(slots=True, eq=False)
class Batch:
    """One transaction's work."""

    items: list[Item]
    # Datasets that no event at hand names, and that are written all the same (`versions.told_before`).
    unnamed: frozenset[int] = frozenset()
    # The events that were not recorded before.
    fresh: list[Event] = field(default_factory=list)
    datasets: dict[Name, int] = field(default_factory=dict)
    # `names_epoch` of each dataset when its name was looked up.
    epochs: dict[int, int] = field(default_factory=dict)
    jobs: dict[Name, int] = field(default_factory=dict)
    job_rows: dict[int, JobRow] = field(default_factory=dict)
    runs: dict[UUID, RunRow] = field(default_factory=dict)
    # Parents that are stored already; they are named, and not changed.
    known_parents: set[UUID] = field(default_factory=set)
    uses: dict[UUID, dict[UseKey, UseRow]] = field(default_factory=dict)
    # (dataset or job, hash) → stamp: what is known to be told (`tellings`).
    dataset_tellings: dict[tuple[int, bytes], str] = field(default_factory=dict)
    job_tellings: dict[tuple[int, bytes], str] = field(default_factory=dict)
    # Jobs whose edges may have changed → the time of the last event that may have changed them.
    touched_jobs: dict[int, datetime] = field(default_factory=dict)
    # Writes on their way: they go together, with the commit if the transaction is ours.
    writes: RoundTrip = field(default_factory=RoundTrip)
    # Of these an earlier beginning became known.
    earlier_jobs: set[int] = field(default_factory=set)

    @property
    def told_runs(self) -> list[RunRow]:
        """The runs that the fresh events are of, once they are merged."""
        return sorted((row for row in self.runs.values() if row.is_told), key=lambda row: row.uuid)

    def touch(self, job_id: int, at: datetime) -> None:
        """Note that the edges of the job may have to change."""
        known = self.touched_jobs.get(job_id)
        if known is None or known < at:
            self.touched_jobs[job_id] = at

    @property
    def all_uses(self) -> Iterator[UseRow]:
        """What all the runs read and write."""
        return (row for rows in self.uses.values() for row in rows.values())


def told_datasets(events: Iterable[Event]) -> Iterator[tuple[Event, EventDataset]]:
    """What events tell of datasets, inputs before outputs in each; what a failed run meant to write is left out."""
    for event in events:
        for each in event.datasets:
            if not (event.is_failed and each.direction == "output"):
                yield event, each
