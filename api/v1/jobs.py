"""Jobs and their runs."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.pagination import KeysetPagination, decode_cursor, encode_cursor, read_page_size
from api.v1.dataset_shapes import RunBriefSerializer, run_brief
from api.v1.sight import Sight
from catalog.models import Dataset, DatasetEdge, Job, Run, RunDataset
from catalog.models.lineage import Direction
from catalog.queries.jobs import hides_nothing, run_hides_nothing, visible_jobs, visible_runs
from catalog.queries.runs import facets_of_run, latest_runs_of
from core.errors import InvalidInputError, NotFoundError

HEAVY = ("facets", "facet_stamps")


class JobSerializer(serializers.Serializer[Any]):
    uuid = serializers.UUIDField()
    namespace = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField()
    description = serializers.CharField()
    node_id = serializers.CharField()
    latest_run = RunBriefSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class JobDetailSerializer(JobSerializer):
    """A job by itself. `facets` is null where it uses a dataset that the caller may not view."""

    inputs = serializers.ListField(child=serializers.CharField())
    outputs = serializers.ListField(child=serializers.CharField())
    facets = serializers.JSONField(allow_null=True)


class RunSerializer(RunBriefSerializer):
    """A run by itself. `facets` is null where it used a dataset that the caller may not view."""

    nominal_start = serializers.DateTimeField(allow_null=True)
    nominal_end = serializers.DateTimeField(allow_null=True)
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    inputs = serializers.ListField(child=serializers.CharField())
    outputs = serializers.ListField(child=serializers.CharField())
    facets = serializers.JSONField(allow_null=True)


class JobListView(APIView):
    """The jobs that use a dataset which the caller may discover."""

    @extend_schema(
        operation_id="catalog_jobs_list",
        parameters=[OpenApiParameter("namespace", str), OpenApiParameter("q", str)],
        responses=JobSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        found = visible_jobs(Sight(request).visible)
        params = request.query_params
        if "namespace" in params:
            found = found.filter(namespace=params["namespace"])
        if params.get("q"):
            found = found.filter(name__icontains=params["q"].replace("\x00", ""))
        pages = KeysetPagination()
        rows: list[Any] = pages.paginate_queryset(found.defer(*HEAVY), request, view=self)
        latest = latest_runs_of([row.pk for row in rows])
        return pages.get_paginated_response([_job_data(row, latest.get(row.pk)) for row in rows])


class JobView(APIView):
    """One job."""

    @extend_schema(operation_id="catalog_jobs_retrieve", responses=JobDetailSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        job = _job(sight, uuid)
        edges = DatasetEdge.objects.filter(job=job, valid_to=None)
        whole = hides_nothing(job, described=sight.described)
        return Response(
            {
                **_job_data(job, latest_runs_of([job.pk]).get(job.pk)),
                "inputs": _names(edges, Direction.INPUT, visible=sight.visible),
                "outputs": _names(edges, Direction.OUTPUT, visible=sight.visible),
                "facets": job.facets if whole else None,
            }
        )


class JobRunListView(APIView):
    """The runs of a job, newest first."""

    @extend_schema(responses=RunBriefSerializer(many=True))
    def get(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        job = _job(sight, uuid)
        found = visible_runs(sight.visible).filter(job=job).select_related("job")
        size = read_page_size(request.query_params.get("page_size"))
        rows = list(_after(found, request).order_by("-created_at", "-uuid")[: size + 1])
        last = rows[size - 1] if len(rows) > size else None
        cursor = encode_cursor([last.created_at.isoformat(), str(last.uuid)]) if last else None
        return Response({"items": [run_brief(row) for row in rows[:size]], "next_cursor": cursor})


class RunView(APIView):
    """One run."""

    @extend_schema(operation_id="catalog_runs_retrieve", responses=RunSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        runs = visible_runs(sight.visible)
        run = runs.filter(pk=uuid).select_related("job").first()
        if run is None:
            raise NotFoundError("there is no such run")
        uses = RunDataset.objects.filter(run=run)
        whole = run_hides_nothing(run, described=sight.described)
        parent = runs.filter(children=run).values_list("pk", flat=True).first()
        return Response(
            {
                **run_brief(run),
                "nominal_start": run.nominal_start,
                "nominal_end": run.nominal_end,
                "parent": parent,
                "inputs": _names(uses, Direction.INPUT, visible=sight.visible),
                "outputs": _names(uses, Direction.OUTPUT, visible=sight.visible),
                "facets": facets_of_run(run) if whole else None,
            }
        )


def _after(runs: QuerySet[Run], request: Request) -> QuerySet[Run]:
    """The runs that follow the cursor."""
    raw = request.query_params.get("cursor")
    if not raw:
        return runs
    value = decode_cursor(raw)
    try:
        created_at, uuid = value
        older = runs.filter(created_at__lt=created_at)
        return older | runs.filter(created_at=created_at, uuid__lt=UUID(uuid))
    except (TypeError, ValueError, AttributeError):
        raise InvalidInputError("`cursor` must be one that a former page gave") from None


def _job(sight: Sight, uuid: UUID) -> Job:
    found = visible_jobs(sight.visible).filter(uuid=uuid).first()
    if found is None:
        raise NotFoundError("there is no such job")
    return found


def _job_data(row: Job, latest: Run | None) -> dict[str, Any]:
    if latest is not None:
        latest.job = row
    return {
        "uuid": str(row.uuid),
        "namespace": row.namespace,
        "name": row.name,
        "type": row.type,
        "description": row.description,
        "node_id": row.node_id,
        "latest_run": run_brief(latest) if latest else None,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _names(uses: QuerySet[Any], direction: Direction, *, visible: QuerySet[Dataset]) -> list[str]:
    """Node ids of the visible datasets on one side."""
    keys = uses.filter(direction=direction).values("dataset_id")
    rows = (
        visible.filter(pk__in=keys).order_by("namespace", "name").values_list("namespace", "name")
    )
    return [f"dataset:{namespace}:{name}" for namespace, name in rows]
