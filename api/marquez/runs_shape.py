"""Runs as Marquez's clients read them (openapi.yml, Run and IncompleteRun)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from api.marquez.base import MarquezSight, instant
from catalog.lineage.declarations import arguments_of, context_of
from catalog.models import Run
from catalog.models.job import RunState
from catalog.models.lineage import Direction
from catalog.queries.job_pages import (
    VersionRef,
    jobs_that_hide,
    names_of,
    runs_that_hide,
    start_times,
    versions_at,
)
from catalog.queries.runs import RunUse, events_of_runs, merge_run_facets, uses_of_runs

# Events of a run that are read for a page of runs, newest first: what only an older one told is left out.
EVENTS_A_RUN = 50
ENDED = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.ABORTED})


@dataclass(frozen=True)
class UsedDatasets:
    """What the uses of a page of runs are of: names of the datasets that are described, and versions."""

    names: Mapping[int, tuple[str, str]]
    versions: Mapping[tuple[int, datetime], VersionRef]


def render_brief(run: Run, *, started_at: datetime | None) -> dict[str, Any]:
    """An IncompleteRun; `started_at` is the time of its START event, where there is one."""
    started = None if run.state == RunState.NEW else started_at or run.started_at
    ended = run.ended_at if run.state in ENDED else None
    return {
        "id": str(run.uuid),
        "createdAt": instant(run.created_at),
        "updatedAt": instant(run.updated_at),
        "nominalStartTime": instant(run.nominal_start),
        "nominalEndTime": instant(run.nominal_end),
        "state": run.state,
        "startedAt": instant(started),
        "endedAt": instant(ended),
        "durationMs": round((ended - started).total_seconds() * 1000)
        if ended is not None and started is not None
        else None,
        "args": {},
        "facets": {},
    }


def render_briefs(runs: Sequence[Run]) -> dict[UUID, dict[str, Any]]:
    """IncompleteRuns by id; one query."""
    started = start_times([run.pk for run in runs])
    return {run.pk: render_brief(run, started_at=started.get(run.pk)) for run in runs}


def render_runs(runs: Sequence[Run], *, sight: MarquezSight) -> list[dict[str, Any]]:
    """Runs with their facets and dataset versions, in the given order; at most eight queries, however many runs.

    `runs` are visible and have their job and version loaded. The facets of a run show only where the caller may
    view the metadata of all that it used.
    """
    ids = [run.pk for run in runs]
    briefs = render_briefs(runs)
    hiding = runs_that_hide(ids, described=sight.described)
    events = events_of_runs(ids, each=EVENTS_A_RUN)
    facets = {pk: merge_run_facets(events[pk]) for pk in ids if pk not in hiding}
    job_hiding = jobs_that_hide({run.job_id for run in runs}, described=sight.described)
    uses = uses_of_runs(events)
    used = _used(runs, uses, sight=sight)
    return [
        {
            **briefs[run.pk],
            "facets": facets.get(run.pk, {}),
            "args": arguments_of(facets.get(run.pk, {})),
            "context": {} if run.job_id in job_hiding else context_of(run.job.facets),
            "jobVersion": _job_version(run),
            "inputDatasetVersions": _versions(run, uses[run.pk], Direction.INPUT, used=used),
            "outputDatasetVersions": _versions(run, uses[run.pk], Direction.OUTPUT, used=used),
        }
        for run in runs
    ]


def render_run(run: Run, *, sight: MarquezSight) -> dict[str, Any]:
    """One run, whole."""
    return render_runs([run], sight=sight)[0]


def _job_version(run: Run) -> dict[str, Any] | None:
    if run.version is None:
        return None
    return {
        "namespace": run.job.namespace,
        "name": run.job.name,
        "version": str(run.version.uuid),
    }


def _used(
    runs: Sequence[Run], uses: Mapping[UUID, list[RunUse]], *, sight: MarquezSight
) -> UsedDatasets:
    ids = {use.dataset_id for each in uses.values() for use in each}
    names = names_of(ids, visible=sight.described)
    pairs = [
        (use.dataset_id, time_of_use(run, use.direction))
        for run in runs
        for use in uses[run.pk]
        if use.dataset_id in names
    ]
    return UsedDatasets(names, versions_at(pairs))


def time_of_use(run: Run, direction: str) -> datetime:
    """When the version that counts was in force: a run reads what was there when it began, and leaves what it wrote."""
    began = run.started_at or run.created_at
    return began if direction == Direction.INPUT else run.ended_at or run.updated_at


def _versions(
    run: Run, uses: list[RunUse], direction: Direction, *, used: UsedDatasets
) -> list[dict[str, Any]]:
    found = []
    for use in uses:
        if use.direction != direction or use.dataset_id not in used.names:
            continue
        version = used.versions.get((use.dataset_id, time_of_use(run, direction)))
        if version is None:
            continue
        namespace, name = used.names[use.dataset_id]
        found.append(
            {
                "datasetVersionId": {
                    "namespace": namespace,
                    "name": name,
                    "version": str(version.uuid),
                },
                "facets": use.facets,
            }
        )
    return found
