"""What an answer tells of a page of jobs or runs: one query a question, however many rows the page has.

`visible` may be discovered, of `described` the metadata may be viewed; both come from `governance`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Exists, Min, OuterRef, QuerySet

from catalog.models import (
    Dataset,
    DatasetEdge,
    Job,
    JobRemoval,
    JobVersion,
    Run,
    RunDataset,
    RunEvent,
)
from catalog.models.lineage import Direction
from catalog.queries.newest import newest_shown

# Through the index `run_by_job_and_start`. A run of which only a child spoke has not started.
NEWEST_RUNS = """
SELECT j.id, r.uuid FROM unnest(%(jobs)s::bigint[]) AS j (id)
 CROSS JOIN LATERAL (
    SELECT uuid FROM catalog_run
     WHERE job_id = j.id AND observed AND started_at IS NOT NULL
     ORDER BY started_at DESC, uuid DESC OFFSET %(skip)s LIMIT %(each)s
 ) AS r
"""

# The version in force at a time; before the first one, that first one.
VERSIONS_AT = """
SELECT q.dataset_id, q.at, v.uuid, v.run_id
  FROM unnest(%(datasets)s::bigint[], %(times)s::timestamptz[]) AS q (dataset_id, at)
 CROSS JOIN LATERAL (
    SELECT uuid, run_id FROM catalog_datasetversion
     WHERE dataset_id = q.dataset_id
     ORDER BY created_at > q.at, CASE WHEN created_at <= q.at THEN -number ELSE number END LIMIT 1
 ) AS v
"""


@dataclass(frozen=True, slots=True)
class VersionRef:
    """A dataset version, and the run that made it."""

    uuid: UUID
    run_id: UUID | None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """(namespace, name) of the datasets that a job reads and writes."""

    inputs: list[tuple[str, str]]
    outputs: list[tuple[str, str]]


def present_jobs(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Those that nobody deleted, or of which an event came since.

    INVARIANT: each event of a job writes the row of the run that it tells of, also a JobEvent's.
    """
    later = Run.objects.filter(job=OuterRef("job_id"), updated_at__gt=OuterRef("removed_at"))
    removed = JobRemoval.objects.filter(~Exists(later), job=OuterRef("pk"))
    return jobs.filter(~Exists(removed))


def jobs_that_hide(job_ids: Collection[int], *, described: QuerySet[Dataset]) -> frozenset[int]:
    """The jobs that use a dataset whose metadata the caller may not view: their facets (SQL, plans) are not shown."""
    edges = DatasetEdge.objects.filter(job_id__in=job_ids, valid_to=None)
    hidden = edges.exclude(dataset__in=described.order_by().only("pk"))
    return frozenset(hidden.order_by().values_list("job_id", flat=True).distinct())


def runs_that_hide(run_ids: Collection[UUID], *, described: QuerySet[Dataset]) -> frozenset[UUID]:
    """The runs that used a dataset whose metadata the caller may not view."""
    uses = RunDataset.objects.filter(run_id__in=run_ids)
    hidden = uses.exclude(dataset__in=described.order_by().only("pk"))
    return frozenset(hidden.order_by().values_list("run_id", flat=True).distinct())


def neighbours_of(job_ids: Collection[int], *, visible: QuerySet[Dataset]) -> dict[int, Neighbours]:
    """The visible datasets at the edges in force of each job, by name."""
    rows = (
        DatasetEdge.objects.filter(
            job_id__in=job_ids, valid_to=None, dataset__in=visible.order_by().only("pk")
        )
        .order_by("dataset__namespace", "dataset__name")
        .values_list("job_id", "direction", "dataset__namespace", "dataset__name")
    )
    found = {job_id: Neighbours([], []) for job_id in job_ids}
    for job_id, direction, namespace, name in rows:
        side = found[job_id].inputs if direction == Direction.INPUT else found[job_id].outputs
        side.append((namespace, name))
    return found


def current_job_versions(job_ids: Collection[int]) -> dict[int, UUID]:
    """The newest version of each job."""
    rows = (
        JobVersion.objects.filter(job_id__in=job_ids)
        .order_by("job_id", "-number")
        .distinct("job_id")
        .values_list("job_id", "uuid")
    )
    return dict(rows)


def newest_runs(
    job_ids: Collection[int], *, each: int, runs: QuerySet[Run]
) -> dict[int, list[Run]]:
    """The `each` runs of each job that began last, of `runs` (visible to the caller), newest first."""

    def page(wanted: Sequence[int], skip: int, size: int) -> list[tuple[int, Run | None]]:
        with connection.cursor() as cursor:
            cursor.execute(NEWEST_RUNS, {"jobs": sorted(wanted), "skip": skip, "each": size})
            rows = cursor.fetchall()
        found = runs_among([run_id for _, run_id in rows], runs=runs) if rows else {}
        return [(job_id, found.get(run_id)) for job_id, run_id in rows]

    return newest_shown(sorted(job_ids), each=each, page=page)


def versions_at(
    pairs: Iterable[tuple[int, datetime]],
) -> dict[tuple[int, datetime], VersionRef]:
    """The version that each dataset (by id) had at that time; none for a dataset without versions."""
    wanted = sorted(set(pairs))
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            VERSIONS_AT,
            {"datasets": [pk for pk, _ in wanted], "times": [at for _, at in wanted]},
        )
        return {(pk, at): VersionRef(uuid, run) for pk, at, uuid, run in cursor.fetchall()}


def start_times(run_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """When each run said that it started (its first START); a run may have been planned before."""
    rows = (
        RunEvent.objects.filter(run_id__in=run_ids, event_type="START")
        .order_by()
        .values_list("run_id")
        .annotate(first=Min("event_time"))
    )
    return {run_id: first for run_id, first in rows if run_id is not None}


def inputs_of_runs(run_ids: Collection[UUID]) -> list[tuple[UUID, int]]:
    """Each (run, dataset) where the run read the dataset."""
    rows = RunDataset.objects.filter(run_id__in=run_ids, direction=Direction.INPUT)
    return list(rows.order_by("run_id", "dataset_id").values_list("run_id", "dataset_id"))


def runs_among(run_ids: Collection[UUID], *, runs: QuerySet[Run]) -> dict[UUID, Run]:
    """Those of `runs` (visible to the caller) that have one of these ids, with their jobs."""
    rows = runs.filter(pk__in=run_ids).select_related("job", "version")
    return {row.pk: row for row in rows}


def names_of(
    dataset_ids: Collection[int], *, visible: QuerySet[Dataset]
) -> dict[int, tuple[str, str]]:
    """(namespace, name) of those that are visible, by id."""
    rows = visible.filter(pk__in=dataset_ids).order_by().values_list("pk", "namespace", "name")
    return {pk: (namespace, name) for pk, namespace, name in rows}
