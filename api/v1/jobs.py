"""Jobs and their runs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.v1.conditional import (
    FIELDS,
    IF_MATCH,
    IF_NONE_MATCH,
    answer,
    members_of,
    require_match,
)
from api.v1.dataset_shapes import RunBriefSerializer, run_brief
from api.v1.lists import listed, page_of, paging, read_instant, text_of
from api.v1.sight import Sight
from catalog.lineage.redaction import without_lineage_facets
from catalog.models import Dataset, DatasetEdge, Job, JobProperties, Run, RunDataset
from catalog.models.job import RunState
from catalog.models.lineage import Direction
from catalog.queries.job_pages import newest_runs
from catalog.queries.jobs import hides_nothing, run_hides_nothing
from catalog.queries.runs import facets_of_run
from catalog.services.jobs import describe_job
from catalog.services.properties import set_job_properties
from core.errors import NotFoundError, PermissionDeniedError
from governance.jobs import manageable_jobs

HEAVY = ("facets", "facet_stamps")
RUN_ORDERS = ("created_at",)
RUN_HEAVY = ("job__facets", "job__facet_stamps")
ORDERS = ("name", "namespace", "created_at", "updated_at")


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
    """A job by itself. `facets` is empty where it uses a dataset that the caller may not view: nothing tells that it does."""

    inputs = serializers.ListField(child=serializers.CharField())
    outputs = serializers.ListField(child=serializers.CharField())
    properties = serializers.JSONField()
    facets = serializers.JSONField()


class RunSerializer(RunBriefSerializer):
    """A run by itself. `facets` is empty where it used a dataset that the caller may not view."""

    nominal_start = serializers.DateTimeField(allow_null=True)
    nominal_end = serializers.DateTimeField(allow_null=True)
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    inputs = serializers.ListField(child=serializers.CharField())
    outputs = serializers.ListField(child=serializers.CharField())
    facets = serializers.JSONField()


class JobChangeSerializer(serializers.Serializer[Any]):
    description = serializers.CharField(required=False, allow_blank=True, max_length=100_000)
    properties = serializers.DictField(required=False)


class JobListView(APIView):
    """The jobs that use a dataset which the caller may discover, or none, and the caller sent their newest run."""

    @extend_schema(
        operation_id="catalog_jobs_list",
        parameters=[
            OpenApiParameter("namespace", str),
            OpenApiParameter("q", str, description="a part of the name"),
            OpenApiParameter("type", str),
            OpenApiParameter("updated_since", datetime, description="not before this instant"),
            *paging(*ORDERS),
        ],
        responses=JobSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        sight = Sight(request)
        found = sight.jobs
        params = request.query_params
        for name in ("namespace", "type"):
            if name in params:
                found = found.filter(**{name: params[name]})
        if text := text_of(request):
            found = found.filter(name__icontains=text)
        if "updated_since" in params:
            since = read_instant(params["updated_since"], name="updated_since")
            found = found.filter(updated_at__gte=since)
        rows, cursor = page_of(found.defer(*HEAVY), request, orders=ORDERS)
        latest = newest_runs([row.pk for row in rows], each=1, runs=sight.runs)
        return listed(
            request,
            rows,
            cursor,
            render=lambda row: _job_data(row, latest),
            members=members_of(JobSerializer),
        )


class JobView(APIView):
    """One job. Who manages all that it writes changes what people say of it."""

    @extend_schema(
        operation_id="catalog_jobs_retrieve",
        parameters=[FIELDS, IF_NONE_MATCH],
        responses=JobDetailSerializer,
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        return answer(request, _job_detail(sight, _job(sight, uuid)))

    @extend_schema(
        operation_id="catalog_jobs_partial_update",
        request=JobChangeSerializer,
        parameters=[IF_MATCH],
        responses=JobDetailSerializer,
    )
    @transaction.atomic
    def patch(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        found = _job(sight, uuid)
        if not manageable_jobs(sight.principal, {found.pk}, facts=sight.facts):
            raise PermissionDeniedError("you may not `manage` what this job writes")
        row = Job.objects.select_for_update(no_key=True).get(pk=found.pk)
        require_match(request, _job_detail(sight, row))
        body = JobChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values, actor = body.validated_data, request.user.get_username()
        if "description" in values:
            describe_job(row, description=values["description"], actor=actor)
        if "properties" in values:
            set_job_properties(row, properties=values["properties"], actor=actor)
        return answer(request, _job_detail(sight, _job(sight, uuid)))


def _job_detail(sight: Sight, job: Job) -> dict[str, Any]:
    edges = DatasetEdge.objects.filter(job=job, valid_to=None)
    whole = hides_nothing(job, described=sight.described)
    custom = JobProperties.objects.filter(job=job).first()
    return {
        **_job_data(job, newest_runs([job.pk], each=1, runs=sight.runs)),
        "inputs": _names(edges, Direction.INPUT, visible=sight.visible),
        "outputs": _names(edges, Direction.OUTPUT, visible=sight.visible),
        "properties": custom.values if custom else {},
        "facets": without_lineage_facets(job.facets) if whole else {},
    }


class JobRunListView(APIView):
    """The runs of a job, newest first unless `order` says otherwise."""

    @extend_schema(
        operation_id="catalog_jobs_runs_list",
        parameters=[
            OpenApiParameter("state", str, enum=RunState.values),
            OpenApiParameter("since", datetime, description="told of not before this instant"),
            *paging(*RUN_ORDERS),
        ],
        responses=RunBriefSerializer(many=True),
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        found = sight.runs.filter(job=_job(sight, uuid))
        params = request.query_params
        if "state" in params:
            found = found.filter(state=params["state"])
        if "since" in params:
            found = found.filter(created_at__gte=read_instant(params["since"], name="since"))
        rows, cursor = page_of(
            found.select_related("job").defer(*RUN_HEAVY),
            request,
            orders=RUN_ORDERS,
            default="-created_at",
        )
        members = members_of(RunBriefSerializer)
        return listed(request, rows, cursor, render=run_brief, members=members)


class RunView(APIView):
    """One run."""

    @extend_schema(
        operation_id="catalog_runs_retrieve",
        parameters=[FIELDS, IF_NONE_MATCH],
        responses=RunSerializer,
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        runs = sight.runs
        run = runs.filter(pk=uuid).select_related("job").first()
        if run is None:
            raise NotFoundError("there is no such run")
        uses = RunDataset.objects.filter(run=run)
        whole = run_hides_nothing(run, described=sight.described)
        parent = runs.filter(children=run).values_list("pk", flat=True).first()
        return answer(
            request,
            {
                **run_brief(run),
                "nominal_start": run.nominal_start,
                "nominal_end": run.nominal_end,
                "parent": parent,
                "inputs": _names(uses, Direction.INPUT, visible=sight.visible),
                "outputs": _names(uses, Direction.OUTPUT, visible=sight.visible),
                "facets": facets_of_run(run) if whole else {},
            },
        )


def _job(sight: Sight, uuid: UUID) -> Job:
    found = sight.jobs.filter(uuid=uuid).first()
    if found is None:
        raise NotFoundError("there is no such job")
    return found


def _job_data(row: Job, newest: Mapping[int, Sequence[Run]]) -> dict[str, Any]:
    latest = next(iter(newest.get(row.pk, ())), None)
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
