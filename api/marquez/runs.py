"""Runs: planned, moved from state to state, and read with their facets."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api.marquez.base import (
    LINEAGE,
    PAGE,
    MarquezSight,
    MarquezView,
    instant,
    read_instant,
    read_window,
)
from api.marquez.bodies import RunBody, read_body
from api.marquez.declaring import movable_run
from api.marquez.jobs import JobView
from api.marquez.runs_shape import render_run, render_runs
from api.marquez.schemas import (
    FacetsResultSerializer,
    MarquezRunListSerializer,
    MarquezRunSerializer,
)
from api.openlineage.access import require_sender
from catalog.lineage.declarations import run_event, run_facets
from catalog.lineage.events import Name
from catalog.lineage.redaction import without_lineage_facets
from catalog.models import Run
from catalog.queries.job_pages import runs_that_hide
from catalog.queries.runs import facets_of_run, job_facets_of_run, schemas_written
from catalog.services.openlineage import record_event
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError
from core.ids import uuid7

# The call of Marquez, the OpenLineage event that says the same, and the state that follows.
TRANSITIONS = {
    "start": ("START", "RUNNING"),
    "complete": ("COMPLETE", "COMPLETED"),
    "fail": ("FAIL", "FAILED"),
    "abort": ("ABORT", "ABORTED"),
}


@extend_schema_view(put=extend_schema(exclude=True), delete=extend_schema(exclude=True))
class JobRunListView(JobView):
    """The runs of a job, newest first; POST plans one."""

    suffix = "/runs"
    token_scopes = {"PUT": LINEAGE, "POST": LINEAGE}

    @extend_schema(
        operation_id="marquez_job_runs_list", parameters=PAGE, responses=MarquezRunListSerializer
    )
    def get(self, request: Request, namespace: str, job: str) -> Response:
        sight = MarquezSight(request)
        row = sight.find_job(namespace, job)
        if row is None:
            return super().get(request, namespace, job)
        limit, offset = read_window(request)
        found = sight.runs.filter(job=row)
        rows = list(
            found.select_related("job", "version").order_by("-created_at", "-uuid")[
                offset : offset + limit
            ]
        )
        return Response({"runs": render_runs(rows, sight=sight), "totalCount": found.count()})

    @extend_schema(
        operation_id="marquez_job_runs_create",
        request=RunBody,
        responses={201: MarquezRunSerializer},
    )
    def post(self, request: Request, namespace: str, job: str) -> Response:
        """Plan a run, in the state NEW. A job that nobody knows yet is made by it."""
        sender = require_sender(request)
        values = read_body(request, RunBody)
        run_id = values.get("id") or uuid7()
        sight = MarquezSight(request)
        row = sight.find_job(namespace, job)
        name = Name(row.namespace, row.name) if row else Name(namespace, job)
        if (
            Run.objects.filter(pk=run_id)
            .exclude(job__namespace=name.namespace, job__name=name.name)
            .exists()
        ):
            raise ConflictError("a run with this id is known already")
        event = run_event(
            name,
            run_id=str(run_id),
            event_type="OTHER",
            at=utc_now(),
            facets=run_facets(
                nominal_start=_time(values, "nominalStartTime"),
                nominal_end=_time(values, "nominalEndTime"),
                args=values.get("args"),
            ),
        )
        record_event(event=event, sender=sender)
        return Response(_answer_write(request, run_id, state="NEW"), status=status.HTTP_201_CREATED)


def _time(values: dict[str, Any], name: str) -> Any:
    text = values.get(name)
    return read_instant(text, name=name) if text else None


def _answer_write(request: Request, run_id: UUID, *, state: str) -> dict[str, Any]:
    """The run as the caller may see it after the write, or no more than what they said."""
    sight = MarquezSight(request)
    run = sight.runs.filter(pk=run_id).select_related("job", "version").first()
    if run is not None:
        return render_run(run, sight=sight)
    now = instant(utc_now())
    return {
        "id": str(run_id),
        "createdAt": now,
        "updatedAt": now,
        "nominalStartTime": None,
        "nominalEndTime": None,
        "state": state,
        "startedAt": None,
        "endedAt": None,
        "durationMs": None,
        "args": {},
        "facets": {},
    }


class RunView(MarquezView):
    """One run."""

    @extend_schema(operation_id="marquez_runs_retrieve", responses=MarquezRunSerializer)
    def get(self, request: Request, run: UUID) -> Response:
        sight = MarquezSight(request)
        return Response(render_run(sight.run(run), sight=sight))


class RunTransitionView(MarquezView):
    """Say that a run started, completed, failed or was aborted, now or `at` a time."""

    token_scopes = {"POST": LINEAGE}
    transition = ""

    @extend_schema(
        parameters=[OpenApiParameter("at", str)], request=None, responses=MarquezRunSerializer
    )
    def post(self, request: Request, run: UUID) -> Response:
        sender = require_sender(request)
        at = request.query_params.get("at")
        event_type, state = TRANSITIONS[self.transition]
        found = movable_run(run, sender=sender, sight=MarquezSight(request))
        event = run_event(
            Name(found.job.namespace, found.job.name),
            run_id=str(found.pk),
            event_type=event_type,
            at=read_instant(at, name="at") if at else utc_now(),
            # A run that completed made versions of what it wrote: the event names it again, as producers do.
            outputs=_outputs(found) if event_type == "COMPLETE" else (),
        )
        record_event(event=event, sender=sender)
        return Response(_answer_write(request, found.pk, state=state))


def _outputs(run: Run) -> list[dict[str, Any]]:
    """What the run is known to have written, with the schema that it had when the run wrote it."""
    return [
        {
            "namespace": name.namespace,
            "name": name.name,
            "facets": {"schema": schema} if schema else {},
        }
        for name, schema in schemas_written(run).items()
    ]


@extend_schema_view(post=extend_schema(operation_id="marquez_runs_start"))
class RunStartView(RunTransitionView):
    transition = "start"


@extend_schema_view(post=extend_schema(operation_id="marquez_runs_complete"))
class RunCompleteView(RunTransitionView):
    transition = "complete"


@extend_schema_view(post=extend_schema(operation_id="marquez_runs_fail"))
class RunFailView(RunTransitionView):
    transition = "fail"


@extend_schema_view(post=extend_schema(operation_id="marquez_runs_abort"))
class RunAbortView(RunTransitionView):
    transition = "abort"


class RunFacetsView(MarquezView):
    """The facets of a run, or of its job as the run's events told them; empty where the run used what is hidden."""

    @extend_schema(
        operation_id="marquez_run_facets_retrieve",
        parameters=[OpenApiParameter("type", str, required=True, enum=["run", "job"])],
        responses=FacetsResultSerializer,
    )
    def get(self, request: Request, run: UUID) -> Response:
        sight = MarquezSight(request)
        found = sight.run(run)
        kind = request.query_params.get("type", "").lower()
        if kind not in {"run", "job"}:
            raise InvalidInputError("`type` must be run or job")
        facets: dict[str, Any] = {}
        if not runs_that_hide([found.pk], described=sight.described):
            facets = facets_of_run(found) if kind == "run" else job_facets_of_run(found)
        return Response({"runId": str(found.pk), "facets": without_lineage_facets(facets)})
