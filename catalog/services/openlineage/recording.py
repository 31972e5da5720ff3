"""Many events, one transaction: kept as they came, and made part of the catalog.

INVARIANT: rows are locked in one order everywhere (jobs and datasets inserted by name, events by time and digest,
then datasets, jobs and runs by key), so that two writers never wait for each other in a circle. Everything is
merged by stamp (`catalog.lineage.stamps`), so that any order of arrival gives the same state.

A batch costs two round trips where nothing new is told: one to keep the events, lock, and read narrow rows;
one to write them and commit. What is new goes the longer way, set-based as well.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import Error, IntegrityError, OperationalError, connection, transaction

from catalog.lineage.events import Event, parse_event
from catalog.lineage.packing import pack_event
from catalog.services.openlineage.batch import Batch, EntryMovedError, Item, JobRow, LastRun
from catalog.services.openlineage.cache import ENTRIES, Memory
from catalog.services.openlineage.columns import name_fields, sync_field_edges
from catalog.services.openlineage.datasets import merge_datasets_told
from catalog.services.openlineage.edges import Use, defining_uses, hash_uses, sync_dataset_edges
from catalog.services.openlineage.job_versions import set_job_versions
from catalog.services.openlineage.jobs import ensure_jobs, known_jobs, merge_jobs
from catalog.services.openlineage.names import forget_names, resolve_datasets
from catalog.services.openlineage.runs import (
    LOAD_USES,
    LOCK_RUNS,
    merge_runs,
    merge_uses,
    read_run,
    read_use,
    stored_edges,
    write_runs,
    write_uses,
)
from catalog.services.openlineage.sql import RoundTrip, fetch, send
from catalog.services.openlineage.standing import LAST_COMPLETED, moved_jobs
from identity.models import User

MAX_ATTEMPTS = 3
# Events of one transaction: more save little, and keep others waiting for the locks.
MAX_BATCH = 100

KEEP_EVENTS = """
INSERT INTO catalog_runevent (received_at, event_time, event_type, run_id, sender_id, digest, body)
SELECT now(), event_time, event_type, run_id, sender_id, digest, body
  FROM unnest(%s::timestamptz[], %s::text[], %s::uuid[], %s::bigint[], %s::bytea[], %s::bytea[])
       AS q (event_time, event_type, run_id, sender_id, digest, body)
 ORDER BY event_time, digest
    ON CONFLICT (event_time, digest) DO NOTHING RETURNING digest
"""
LOCK_DATASETS = """
SELECT id, names_epoch FROM catalog_dataset WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
LOCK_JOBS = """
SELECT id, edges_hash FROM catalog_job WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
DATASET_TELLINGS = """
SELECT dataset_id, hash, stamp FROM catalog_datasettelling WHERE dataset_id = ANY(%s::bigint[])
"""
JOB_TELLINGS = "SELECT job_id, hash, stamp FROM catalog_jobtelling WHERE job_id = ANY(%s::bigint[])"
FIND_RUNS = "SELECT uuid FROM catalog_run WHERE uuid = ANY(%s::uuid[])"
WRITE_EDGES_HASH = """
UPDATE catalog_job j SET edges_hash = q.hash FROM unnest(%s::bigint[], %s::text[]) AS q (id, hash) WHERE j.id = q.id
"""

known_parents: Memory[UUID, bool] = Memory(ENTRIES)


def record_event(*, event: Mapping[str, Any], sender: User | None) -> None:
    """Record an OpenLineage event; the same event again changes nothing.

    InvalidEventError with the JSON pointer of the fault if it would corrupt the catalog; nothing is stored then.
    """
    record_batch([Item(parse_event(event), sender.pk if sender else None)])


def record_events(items: Sequence[tuple[Event, int | None]]) -> list[Exception | None]:
    """Record parsed events, each with the id of its sender; what went wrong with each, or None.

    An event is recorded, durably unless the caller holds a transaction, when this returns None for it.
    """
    outcomes: list[Exception | None] = []
    for start in range(0, len(items), MAX_BATCH):
        part = [Item(*each) for each in items[start : start + MAX_BATCH]]
        outcomes += _try_batch(part)
    return outcomes


def _try_batch(items: list[Item]) -> list[Exception | None]:
    """All in one transaction; where that fails, halves, so that an event that cannot be stored fails alone."""
    try:
        record_batch(items)
    except (Error, EntryMovedError) as error:
        if len(items) == 1 or isinstance(error, OperationalError):
            return [error] * len(items)
        middle = len(items) // 2
        return _try_batch(items[:middle]) + _try_batch(items[middle:])
    return [None] * len(items)


def record_batch(items: list[Item]) -> None:
    """Record events in one transaction, or in that of the caller, tried again where another writer came between."""
    retried: tuple[type[Exception], ...] = (IntegrityError, EntryMovedError)
    is_ours = not connection.in_atomic_block
    if is_ours:
        # A broken deadlock, a server that was restarted: these end the caller's transaction, if there is one.
        retried = (*retried, OperationalError)
    unnamed: frozenset[int] = frozenset()
    for left in range(MAX_ATTEMPTS - 1, -1, -1):
        try:
            with transaction.atomic():
                return _record(items, commit=is_ours, unnamed=unnamed)
        except (Error, EntryMovedError) as error:
            if isinstance(error, EntryMovedError):
                unnamed |= error.datasets
            # What was remembered no longer holds, or two entries became one under us: everything is looked up anew.
            _forget(items)
            if left == 0 or not isinstance(error, retried):
                raise
    raise AssertionError


def _forget(items: Sequence[Item]) -> None:
    for item in items:
        forget_names(item.event.datasets)
        for job in (item.event.job, item.event.parent_job):
            if job is not None:
                known_jobs.drop(job)
        if item.event.parent_run_id is not None:
            known_parents.drop(item.event.parent_run_id)


def _record(items: list[Item], *, commit: bool, unnamed: frozenset[int]) -> None:
    batch = Batch(_without_repeats(items), unnamed=unnamed)
    _resolve_names(batch)
    _keep_lock_and_read(batch)
    if not batch.fresh:
        return
    merge_runs(batch)
    merge_uses(batch)
    set_job_versions(batch)
    write_runs(batch)
    merge_datasets_told(batch)
    merge_jobs(batch)
    write_uses(batch)
    _sync_edges(batch)
    if commit:
        # With the last writes, for a round trip less; Django finds nothing left to commit.
        batch.writes.send("COMMIT")
    batch.writes.run()
    _remember(batch)


def _without_repeats(items: Sequence[Item]) -> list[Item]:
    """Each event once, in the order of their keys."""
    once = {(item.event.time, item.event.digest): item for item in items}
    return [once[key] for key in sorted(once)]


def _resolve_names(batch: Batch) -> None:
    jobs = {
        job
        for item in batch.items
        for job in (item.event.job, item.event.parent_job)
        if job is not None
    }
    batch.jobs = ensure_jobs(jobs) if jobs else {}
    told = [each for item in batch.items for each in item.event.datasets]
    if told:
        found = resolve_datasets(told)
        batch.datasets = {name: dataset_id for name, (dataset_id, _) in found.items()}
        batch.epochs = dict(found.values())


def _keep_lock_and_read(batch: Batch) -> None:
    """The first round trip."""
    events = [item.event for item in batch.items]
    own_runs = sorted({event.run_id for event in events if event.run_id is not None})
    parents = {event.parent_run_id for event in events if event.parent_run_id is not None}
    batch.known_parents = {key for key in parents if known_parents.get(key)}
    unknown = sorted(parents - batch.known_parents - set(own_runs))
    datasets = sorted({*batch.datasets.values(), *batch.unnamed})
    jobs = sorted({batch.jobs[event.job] for event in events if event.job is not None})
    trip = RoundTrip()
    kept = trip.send(KEEP_EVENTS, _event_arrays(batch.items))
    locked = trip.send_if(datasets, LOCK_DATASETS)
    told = trip.send_if(datasets, DATASET_TELLINGS)
    locked_jobs = trip.send_if(jobs, LOCK_JOBS)
    told_jobs = trip.send_if(jobs if any(e.job_facets for e in events) else [], JOB_TELLINGS)
    completed = trip.send_if(jobs if datasets else [], LAST_COMPLETED)
    runs = trip.send_if(own_runs, LOCK_RUNS)
    uses = trip.send_if(own_runs, LOAD_USES)
    known = trip.send_if(unknown, FIND_RUNS)
    trip.run()
    digests = {row[0] for row in kept.rows}
    batch.fresh = [event for event in events if event.digest in digests]
    epochs = {key: epoch for key, epoch in locked.rows if key in batch.epochs}
    if epochs != batch.epochs or len(locked_jobs.rows) != len(jobs):
        raise EntryMovedError
    batch.dataset_tellings = {(row[0], row[1]): row[2] for row in told.rows}
    batch.job_tellings = {(row[0], row[1]): row[2] for row in told_jobs.rows}
    batch.job_rows = {row[0]: JobRow(*row) for row in locked_jobs.rows}
    for row in completed.rows:
        batch.job_rows[row[0]].last_completed = LastRun(*row[1:])
    batch.runs = {row[0]: read_run(row) for row in runs.rows}
    for row in uses.rows:
        use = read_use(row)
        batch.uses.setdefault(use.run_id, {})[use.dataset_id, use.direction] = use
    batch.known_parents |= {row[0] for row in known.rows}


def _event_arrays(items: Sequence[Item]) -> list[list[Any]]:
    events = [item.event for item in items]
    return [
        [event.time for event in events],
        [event.type for event in events],
        [event.run_id for event in events],
        [item.sender_id for item in items],
        [event.digest for event in events],
        [pack_event(event.raw) for event in events],
    ]


def _sync_edges(batch: Batch) -> None:
    """Bring the edges of the touched jobs in line; where the same follows as before, nothing is read or written."""
    moved = moved_jobs(batch)
    if not moved:
        return
    batch.writes.run()
    uses = defining_uses(moved)
    _name_late_fields(batch, moved=set(moved), uses=uses)
    rows = _job_rows(batch, uses.keys())
    hashes = {job_id: hash_uses(each) for job_id, each in uses.items()}
    changed = {
        job_id
        for job_id, digest in hashes.items()
        if rows[job_id].edges_hash != digest or job_id in batch.earlier_jobs
    }
    if not changed:
        return
    wanted = {job_id: uses[job_id] for job_id in sorted(changed)}
    at: dict[int, datetime] = {job_id: batch.touched_jobs[job_id] for job_id in changed}
    sync_dataset_edges(wanted, at=at)
    sync_field_edges(wanted, at=at)
    send(WRITE_EDGES_HASH, [sorted(changed), [hashes[job_id] for job_id in sorted(changed)]])


def _name_late_fields(
    batch: Batch, *, moved: Collection[int], uses: Mapping[int, Sequence[Use]]
) -> None:
    """Make the fields that column lineage names which is not in force: they are there as if it had come in time."""
    in_force = {(use.dataset_id, use.column_hash) for each in uses.values() for use in each}
    late = {
        (use.dataset_id, use.column_hash)
        for use in batch.all_uses
        if use.column_hash and batch.runs[use.run_id].job_id in moved
    } - in_force
    if late:
        name_fields(late, at=max(batch.touched_jobs.values()))


def _job_rows(batch: Batch, job_ids: Any) -> dict[int, JobRow]:
    """The locked rows, with those of jobs that a run was thought to be of."""
    missing = sorted(set(job_ids) - batch.job_rows.keys())
    if missing:
        batch.job_rows |= {row[0]: JobRow(*row) for row in fetch(LOCK_JOBS, [missing])}
    return batch.job_rows


def _remember(batch: Batch) -> None:
    """What holds once this is committed."""
    parents = [event.parent_run_id for event in batch.fresh if event.parent_run_id is not None]
    hashes = [use.column_hash for use in batch.all_uses if use.column_hash]

    def remember() -> None:
        for key in parents:
            known_parents.put(key, True)
        for digest in hashes:
            stored_edges.put(digest, True)

    transaction.on_commit(remember)
