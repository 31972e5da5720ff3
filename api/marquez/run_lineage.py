"""The runs from which a run's inputs came, and theirs, upstream (openapi.yml, UpstreamRunLineage)."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.marquez.base import MarquezSight, MarquezView, instant, read_depth
from api.marquez.runs_shape import time_of_use
from api.marquez.schemas import UpstreamRunsSerializer
from catalog.models import Run
from catalog.models.lineage import Direction
from catalog.queries.job_pages import VersionRef, inputs_of_runs, names_of, runs_among, versions_at
from core.errors import InvalidInputError

DEFAULT_DEPTH = 20
MAX_DEPTH = 100
RUN_BUDGET = 1_000


@dataclass
class Upstream:
    """The runs found so far, nearest first, and what each read; `cut`: the budget left some out."""

    runs: dict[UUID, Run] = field(default_factory=dict)
    inputs: dict[UUID, list[dict[str, Any]]] = field(default_factory=dict)
    cut: bool = False


class UpstreamRunsView(MarquezView):
    """The run and those upstream of it, nearest first, up to a budget of 1000 runs."""

    @extend_schema(
        operation_id="marquez_run_lineage_retrieve",
        parameters=[
            OpenApiParameter("runId", str, required=True),
            OpenApiParameter("depth", int),
        ],
        responses=UpstreamRunsSerializer,
    )
    def get(self, request: Request) -> Response:
        sight = MarquezSight(request)
        try:
            run_id = UUID(request.query_params.get("runId", ""))
        except ValueError:
            raise InvalidInputError("`runId` must be a UUID") from None
        depth = read_depth(request, default=DEFAULT_DEPTH, most=MAX_DEPTH)
        found = walk_upstream(sight.run(run_id), depth=depth, sight=sight)
        rows = [_data(run, found.inputs.get(run.pk, [])) for run in found.runs.values()]
        return Response({"runs": rows, "cut": found.cut})


def walk_upstream(start: Run, *, depth: int, sight: MarquezSight) -> Upstream:
    """Level by level, five queries each; only runs and datasets in sight are on the way."""
    found = Upstream(runs={start.pk: start})
    frontier = [start]
    for level in range(depth + 1):
        makers = _read_inputs(frontier, found=found, sight=sight)
        wanted = [run for run_id, run in makers.items() if run_id not in found.runs]
        if level == depth or not wanted:
            break
        room = RUN_BUDGET - len(found.runs)
        found.cut |= len(wanted) > room
        frontier = wanted[:room]
        found.runs |= {run.pk: run for run in frontier}
    return found


def _read_inputs(runs: list[Run], *, found: Upstream, sight: MarquezSight) -> dict[UUID, Run]:
    """Note what `runs` read; the runs in sight that made it, in the order of what they made."""
    by_id = {run.pk: run for run in runs}
    reads = [(by_id[run_id], pk) for run_id, pk in inputs_of_runs(by_id.keys())]
    names = names_of({pk for _, pk in reads}, visible=sight.described)
    at = {(run.pk, pk): (pk, time_of_use(run, Direction.INPUT)) for run, pk in reads if pk in names}
    versions = versions_at(at.values())
    made_by = dict.fromkeys(each.run_id for each in versions.values() if each.run_id is not None)
    shown = runs_among(list(made_by), runs=sight.runs) if made_by else {}
    for (run_id, pk), key in at.items():
        if (version := versions.get(key)) is not None:
            found.inputs.setdefault(run_id, []).append(_input(names[pk], version, shown=shown))
    return {run_id: shown[run_id] for run_id in made_by if run_id in shown}


def _input(name: tuple[str, str], version: VersionRef, *, shown: Container[UUID]) -> dict[str, Any]:
    return {
        "namespace": name[0],
        "name": name[1],
        "version": str(version.uuid),
        "producedByRunId": str(version.run_id) if version.run_id in shown else None,
    }


def _data(run: Run, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "job": {
            "namespace": run.job.namespace,
            "name": run.job.name,
            "version": str(run.version.uuid) if run.version else None,
        },
        "run": {
            "id": str(run.pk),
            "start": instant(run.started_at),
            "end": instant(run.ended_at),
            "status": run.state,
        },
        "inputs": inputs,
    }
