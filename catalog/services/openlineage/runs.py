"""Runs, their state, and what each read and wrote."""

from collections.abc import Mapping
from uuid import UUID

from catalog.lineage.columns import hash_column_edges, read_column_edges
from catalog.lineage.events import TERMINAL, Event, EventDataset, Name, read_parent
from catalog.lineage.facets import nominal_times, schema_rows
from catalog.lineage.stamps import READ, WRITTEN, make_stamp, merge_facets
from catalog.models import Run, RunDataset
from catalog.models.job import RunState

# A later state wins, in whatever order the events come: FAIL and then COMPLETE of one run is a failed run.
FINALITY = {state: rank for rank, state in enumerate(RunState.values)}

UseKey = tuple[int, str]


def apply_run(event: Event, *, jobs: Mapping[Name, int]) -> tuple[Run, int | None]:
    """Merge the event into its run, made if need be; also the job that the run was thought to be of, if it changed."""
    if event.run_id is None or event.job is None:
        raise ValueError("the event is of no run")
    job_id = jobs[event.job]
    placeholders = {event.run_id: job_id}
    if event.parent_run_id is not None and event.parent_job is not None:
        placeholders.setdefault(event.parent_run_id, jobs[event.parent_job])
    Run.objects.bulk_create(
        [
            Run(uuid=key, job_id=placeholders[key], observed=event.kind == "run")
            for key in sorted(placeholders)
        ],
        ignore_conflicts=True,
    )
    run = Run.objects.select_for_update(no_key=True).get(pk=event.run_id)
    former_job_id = _apply_job_of_run(event, run=run, job_id=job_id)
    _apply_state(event, run=run)
    merge_facets(
        facets=run.facets,
        stamps=run.facet_stamps,
        incoming=event.run_facets,
        stamp=make_stamp(at=event.time, rank=WRITTEN, digest=event.digest),
    )
    run.nominal_start, run.nominal_end = nominal_times(run.facets)
    run.parent_id = _known_parent(run, event=event)
    run.save()
    return run, former_job_id


def _known_parent(run: Run, *, event: Event) -> UUID | None:
    """The parent that the newest `parent` facet names; its row was made with the event that told it."""
    _, parent_id = read_parent(run.facets)
    if parent_id in {event.parent_run_id, run.parent_id}:
        return parent_id if parent_id != run.pk else None
    return run.parent_id


def _apply_job_of_run(event: Event, *, run: Run, job_id: int) -> int | None:
    """The word of the last terminal event counts most; a parent's name in a child's event counts least."""
    stamp = make_stamp(
        at=event.time, rank=WRITTEN if event.type in TERMINAL else READ, digest=event.digest
    )
    if run.job_stamp >= stamp:
        return None
    run.job_stamp = stamp
    former, run.job_id = run.job_id, job_id
    return former if former != job_id else None


def _apply_state(event: Event, *, run: Run) -> None:
    """State by finality; `started_at` is the earliest word of the run, `ended_at` the last word of its final state."""
    if run.started_at is None or event.time < run.started_at:
        run.started_at = event.time
    if event.state is None:
        return
    rank, known = FINALITY[event.state], FINALITY[run.state]
    if rank > known:
        run.state = event.state
        run.ended_at = None
    is_end = event.kind == "job" or event.type in TERMINAL
    if rank >= known and is_end and (run.ended_at is None or event.time > run.ended_at):
        run.ended_at = event.time


def record_uses(
    event: Event, *, run: Run, resolved: Mapping[Name, int], event_id: int
) -> dict[UseKey, RunDataset]:
    """Merge what the event says the run reads and writes; all uses of the run, by dataset and direction.

    The caller holds the lock of the run's row.
    """
    uses = {(row.dataset_id, row.direction): row for row in RunDataset.objects.filter(run=run)}
    new: dict[UseKey, RunDataset] = {}
    changed: dict[UseKey, RunDataset] = {}
    for each in event.datasets:
        key = (resolved[each.name], each.direction)
        use = uses.get(key)
        if use is None:
            use = RunDataset(run=run, dataset_id=key[0], direction=key[1])
            uses[key] = new[key] = use
        if _apply_use(event, use=use, told=each, event_id=event_id) and key not in new:
            changed[key] = use
    if new:
        RunDataset.objects.bulk_create([new[key] for key in sorted(new)])
    if changed:
        RunDataset.objects.bulk_update(
            [changed[key] for key in sorted(changed)],
            ["facets", "facet_stamps", "column_event", "column_stamp", "column_hash"],
        )
    return uses


def _apply_use(event: Event, *, use: RunDataset, told: EventDataset, event_id: int) -> bool:
    rank = WRITTEN if event.type in TERMINAL or event.kind == "job" else READ
    stamp = make_stamp(at=event.time, rank=rank, digest=event.digest)
    changed = merge_facets(
        facets=use.facets, stamps=use.facet_stamps, incoming=told.use_facets, stamp=stamp
    )
    if told.direction != "output" or event.is_failed or use.column_stamp >= stamp:
        return changed
    edges = read_column_edges(
        told.facets.get("columnLineage"), schema_fields=schema_field_names(told)
    )
    if not edges:
        return changed
    use.column_event_id = event_id
    use.column_stamp = stamp
    use.column_hash = hash_column_edges(edges)
    return True


def schema_field_names(told: EventDataset) -> tuple[str, ...]:
    """The names of the fields that the event's own schema facet gives the dataset."""
    return tuple(row["name"] for row in schema_rows(told.facets.get("schema")) or ())
