"""Jobs and their versions as Marquez's clients read them (openapi.yml, Job and JobVersion)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from api.marquez.base import MarquezSight, dataset_id, instant
from api.marquez.runs_shape import render_briefs, render_runs
from catalog.lineage.declarations import DeclaredJob, context_of, location_of
from catalog.lineage.redaction import without_lineage_facets
from catalog.models import Job, JobVersion, Run
from catalog.queries.job_pages import (
    current_job_versions,
    jobs_that_hide,
    names_of,
    neighbours_of,
    newest_runs,
    runs_among,
)
from core.clock import utc_now

LATEST_RUNS = 10
Names = Mapping[int, tuple[str, str]]


def render_jobs(
    jobs: Sequence[Job], *, sight: MarquezSight, whole_runs: bool = False
) -> list[dict[str, Any]]:
    """Jobs in the given order; at most a dozen queries, however many. `whole_runs` gives runs with facets and versions."""
    ids = [job.pk for job in jobs]
    hiding = jobs_that_hide(ids, described=sight.described)
    neighbours = neighbours_of(ids, visible=sight.visible)
    versions = current_job_versions(ids)
    latest = newest_runs(ids, each=LATEST_RUNS, runs=sight.runs)
    parents = _parents(latest, sight=sight)
    runs = _render_latest(latest, sight=sight, whole=whole_runs)
    return [
        {
            **_common(job, shown=job.pk not in hiding),
            **_parent(job, parents.get(job.pk)),
            "inputs": [dataset_id(*each) for each in neighbours[job.pk].inputs],
            "outputs": [dataset_id(*each) for each in neighbours[job.pk].outputs],
            "latestRun": next(iter(runs.get(job.pk, [])), None),
            "latestRuns": runs.get(job.pk, []),
            "currentVersion": str(versions[job.pk]) if job.pk in versions else None,
        }
        for job in jobs
    ]


def _common(job: Job, *, shown: bool) -> dict[str, Any]:
    """`shown`: the caller may view the metadata of all that the job uses, so its facets (SQL, plans) show."""
    facets = without_lineage_facets(job.facets) if shown else {}
    return {
        "id": dataset_id(job.namespace, job.name),
        "type": job_type(job),
        "name": job.name,
        "createdAt": instant(job.created_at),
        "updatedAt": instant(job.updated_at),
        "namespace": job.namespace,
        "location": location_of(facets) or None,
        "context": context_of(facets),
        "description": job.description or None,
        "facets": facets,
    }


def job_type(job: Job) -> str:
    """BATCH, STREAM or SERVICE: the three types that Marquez knows."""
    return {"STREAMING": "STREAM", "STREAM": "STREAM", "SERVICE": "SERVICE"}.get(
        job.type.upper(), "BATCH"
    )


def _ids(keys: Sequence[int], names: Names) -> list[dict[str, Any]]:
    return [dataset_id(*names[pk]) for pk in keys if pk in names]


def _render_latest(
    latest: Mapping[int, list[Run]], *, sight: MarquezSight, whole: bool
) -> dict[int, list[dict[str, Any]]]:
    rows = [run for runs in latest.values() for run in runs]
    shown: Mapping[UUID, dict[str, Any]] = (
        dict(zip([row.pk for row in rows], render_runs(rows, sight=sight), strict=True))
        if whole
        else render_briefs(rows)
    )
    return {pk: [shown[run.pk] for run in runs] for pk, runs in latest.items()}


def _parents(latest: Mapping[int, list[Run]], *, sight: MarquezSight) -> dict[int, Job]:
    """The job of the parent of each job's latest run, where the caller may know of both."""
    wanted = {pk: runs[0].parent_id for pk, runs in latest.items() if runs[0].parent_id is not None}
    found = runs_among(list(wanted.values()), runs=sight.runs) if wanted else {}
    jobs = {run.job_id for run in found.values()}
    shown = set(sight.jobs.filter(pk__in=jobs).values_list("pk", flat=True)) if jobs else set()
    return {
        pk: found[run_id].job
        for pk, run_id in wanted.items()
        if run_id in found and found[run_id].job_id in shown and found[run_id].job_id != pk
    }


def _parent(job: Job, parent: Job | None) -> dict[str, Any]:
    prefix = f"{parent.name}." if parent else ""
    return {
        "simpleName": job.name.removeprefix(prefix),
        "parentJobName": parent.name if parent else None,
        "parentJobUuid": str(parent.uuid) if parent else None,
    }


def render_job_versions(
    rows: Sequence[JobVersion], *, job: Job, sight: MarquezSight
) -> list[dict[str, Any]]:
    """Versions of one job in the given order; the code shows where all that the version used may be viewed."""
    used = {pk for row in rows for pk in (*row.inputs, *row.outputs)}
    names = names_of(used, visible=sight.visible)
    described = sight.described_keys(sorted(used))
    latest = _latest_run_of_versions(rows, sight=sight)
    return [
        {
            "id": {**dataset_id(job.namespace, job.name), "version": str(row.uuid)},
            "type": job_type(job),
            "name": job.name,
            "version": str(row.uuid),
            "createdAt": instant(row.created_at),
            "namespace": job.namespace,
            "inputs": _ids(row.inputs, names),
            "outputs": _ids(row.outputs, names),
            **_code(row, shown=described.issuperset([*row.inputs, *row.outputs])),
            "latestRun": latest.get(row.pk),
        }
        for row in rows
    ]


def _code(row: JobVersion, *, shown: bool) -> dict[str, Any]:
    code = row.code if shown else {}
    return {"location": location_of(code) or None, "context": context_of(code), "facets": code}


def _latest_run_of_versions(
    rows: Sequence[JobVersion], *, sight: MarquezSight
) -> dict[int, dict[str, Any]]:
    runs = list(
        sight.runs.filter(version_id__in=[row.pk for row in rows])
        .order_by("version_id", "-started_at", "-uuid")
        .distinct("version_id")
    )
    briefs = render_briefs(runs)
    return {run.version_id: briefs[run.pk] for run in runs if run.version_id is not None}


def echo_job(declared: DeclaredJob) -> dict[str, Any]:
    """What a client that may not see the job is told after writing it: its own words, and nothing of ours."""
    now = instant(utc_now())
    return {
        "id": dataset_id(declared.name.namespace, declared.name.name),
        "type": declared.type,
        "name": declared.name.name,
        "simpleName": declared.name.name,
        "parentJobName": None,
        "parentJobUuid": None,
        "createdAt": now,
        "updatedAt": now,
        "namespace": declared.name.namespace,
        "inputs": [dataset_id(each.namespace, each.name) for each in declared.inputs],
        "outputs": [dataset_id(each.namespace, each.name) for each in declared.outputs],
        "location": declared.location or None,
        "context": dict(declared.context),
        "description": declared.description or None,
        "latestRun": None,
        "latestRuns": [],
        "facets": {},
        "currentVersion": None,
    }
