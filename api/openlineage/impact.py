"""`GET /api/v1/catalog/lineage/impact`: what breaks if this node does, who owns it, and when it runs next."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse

from api.openlineage.access import principal_from
from api.openlineage.questions import Question, read_question
from api.openlineage.reading import render_answer
from api.openlineage.rendering import cut_of, run_data
from api.openlineage.sights import Sights
from api.openlineage.tables import find_tables, start_node
from catalog.lineage.schedule import expect_next
from catalog.queries.lineage import describe, name_jobs, split_keys
from catalog.queries.lineage.describing import JobRow
from catalog.queries.lineage.job_runs import last_starts, latest_runs
from catalog.queries.lineage.owners import dataset_owners, job_owners
from core.clock import utc_now
from processing.models import Pipeline

# Starts that an expectation is concluded from.
STARTS = 20
MODEL = "model"


def get_impact(request: HttpRequest) -> HttpResponse:
    """Everything downstream of a node that the caller may discover, nearest first."""
    sights = Sights(principal_from(request))
    question = read_question(request.GET, direction="downstream")
    return render_answer(answer_impact(question, sights=sights), "json")


def answer_impact(question: Question, *, sights: Sights) -> dict[str, Any]:
    """Datasets, models and jobs downstream, each with its owners, and jobs with their next start.

    NotFoundError if the caller sees no such node. Owners are told of what the caller may view. `hidden` counts the nodes
    on the way that the caller may trace and not discover; where no policy allows that, what is behind them is not in it.
    """
    start = start_node(question, sights=sights)
    found = find_tables(start, replace(question, direction="downstream"), sights=sights)
    distances = {key: d for key, d in found.walk.distances.items() if key != start.key}
    datasets, jobs = split_keys([key for key in distances if key not in found.anonymous])
    rows = describe(datasets, described=sights.described, fields=False)
    owners = dataset_owners([pk for pk, row in rows.items() if row.described])
    things = [
        {
            "id": row.node_id,
            "uuid": row.uuid,
            "namespace": row.namespace,
            "name": row.name,
            "kind": row.kind,
            "tags": row.tags,
            "owners": owners.get(pk, []),
            "distance": distances[2 * pk],
        }
        for pk, row in ((pk, rows[pk]) for pk in datasets if pk in rows)
    ]
    names = {2 * pk: row.node_id for pk, row in rows.items()}
    told = _jobs(jobs, distances=distances, sights=sights)
    names |= {key: each["id"] for key, each in told.items()}
    return {
        "datasets": [each for each in things if each["kind"] != MODEL],
        "models": [each for each in things if each["kind"] == MODEL],
        "jobs": list(told.values()),
        "hidden": len(found.anonymous),
        **cut_of(found, budget=question.budget, names=names),
    }


def _jobs(
    ids: list[int], *, distances: dict[int, int], sights: Sights
) -> dict[int, dict[str, Any]]:
    """The jobs by key."""
    rows = name_jobs(ids)
    runs = latest_runs(ids, visible=sights.visible)
    owners = job_owners(ids, described=sights.described)
    expected = _next_starts(rows, sights=sights)
    return {
        2 * pk + 1: {
            "id": rows[pk].node_id,
            "uuid": rows[pk].uuid,
            "namespace": rows[pk].namespace,
            "name": rows[pk].name,
            "owners": owners.get(pk, []),
            "latestRun": run_data(runs.get(pk)),
            "nextRun": expected.get(pk),
            "distance": distances[2 * pk + 1],
        }
        for pk in ids
        if pk in rows
    }


def _next_starts(rows: dict[int, JobRow], *, sights: Sights) -> dict[int, dict[str, Any]]:
    """When each job is expected next: by the schedule of its pipeline, else by the rhythm of its last runs."""
    now = utc_now()
    found: dict[int, dict[str, Any]] = {}
    last = last_starts(list(rows), number=STARTS, visible=sights.visible)
    for pk, starts in last.items():
        guess = expect_next(starts, now=now)
        if guess is not None:
            seconds = guess.interval.total_seconds()
            found[pk] = {
                "at": guess.at,
                "basis": "runs",
                "intervalSeconds": seconds,
                "overdue": guess.overdue,
            }
    for pk, pipeline in _pipelines(rows).items():
        found[pk] = {
            "at": pipeline.next_run_at,
            "basis": "schedule",
            "intervalSeconds": pipeline.interval.total_seconds() if pipeline.interval else None,
            "overdue": pipeline.next_run_at is not None and pipeline.next_run_at < now,
        }
    return found


def _pipelines(rows: dict[int, JobRow]) -> dict[int, Pipeline]:
    """The scheduled pipelines that are jobs of the answer, by job; one query."""
    by_name = {(row.namespace, row.name): pk for pk, row in rows.items()}
    planned = Pipeline.objects.filter(
        enabled=True,
        next_run_at__isnull=False,
        namespace__in={row.namespace for row in rows.values()},
        name__in={row.name for row in rows.values()},
    ).only("namespace", "name", "interval", "next_run_at")
    return {
        by_name[each.namespace, each.name]: each
        for each in planned
        if (each.namespace, each.name) in by_name
    }
