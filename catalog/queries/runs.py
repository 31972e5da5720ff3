"""Runs with what their events told: facets, uses, and the latest run of each job."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from catalog.models import Job, Run, RunDataset


@dataclass(frozen=True, slots=True)
class RunUse:
    """A dataset that a run read or wrote, with its `inputFacets` or `outputFacets`."""

    dataset_id: int
    direction: str
    origin: str
    facets: dict[str, Any]


def latest_runs_of(job_ids: Collection[int]) -> dict[int, Run]:
    """The run of each job that began last, by job id; one query. Runs that did not happen are left out."""
    rows = Job.objects.filter(pk__in=job_ids, latest_run__observed=True).select_related(
        "latest_run"
    )
    return {row.pk: row.latest_run for row in rows if row.latest_run is not None}


def facets_of_run(run: Run) -> dict[str, Any]:
    """The newest run facets by name."""
    return dict(run.facets)


def uses_of_run(run: Run) -> list[RunUse]:
    """What the run read and wrote, inputs first, each with its newest facets."""
    rows = RunDataset.objects.filter(run=run).order_by("direction", "dataset_id")
    return [RunUse(row.dataset_id, row.direction, row.origin, dict(row.facets)) for row in rows]
