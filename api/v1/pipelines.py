"""Pipelines and their runs."""

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.v1.models import find_domain
from core.errors import InvalidInputError
from identity.models import User
from processing import queries
from processing.models import Pipeline, PipelineKind, PipelineRun
from processing.services.pipelines import create_pipeline, replace_definition, switch_pipeline
from processing.services.runs import cancel_run, trigger_run


class PipelineSerializer(serializers.ModelSerializer[Pipeline]):
    domain = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    owner = serializers.SlugRelatedField(slug_field="username", read_only=True)
    run_as = serializers.SlugRelatedField(slug_field="username", read_only=True)
    inputs = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)
    outputs = serializers.SlugRelatedField(
        slug_field="name", many=True, read_only=True, source="output_datasets"
    )

    class Meta:
        model = Pipeline
        fields = [
            "uuid",
            "namespace",
            "name",
            "description",
            "kind",
            "definition",
            "inputs",
            "outputs",
            "domain",
            "owner",
            "run_as",
            "interval",
            "next_run_at",
            "enabled",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class RunSummarySerializer(serializers.ModelSerializer[PipelineRun]):
    pipeline = serializers.CharField(source="pipeline.name", read_only=True)
    requested_by = serializers.SlugRelatedField(slug_field="username", read_only=True)

    class Meta:
        model = PipelineRun
        fields = [
            "uuid",
            "pipeline",
            "state",
            "attempts",
            "requested_by",
            "error",
            "metrics",
            "created_at",
            "started_at",
            "ended_at",
        ]
        read_only_fields = fields


class PipelineRunSerializer(RunSummarySerializer):
    class Meta(RunSummarySerializer.Meta):
        fields = [*RunSummarySerializer.Meta.fields, "definition", "log_tail"]
        read_only_fields = fields


class PipelineRequest(serializers.Serializer[Any]):
    """`definition` is an object: `steps`, each with `name`, `sql`, `output`, `mode`, `partitioned_by` and `checks`."""

    name = serializers.CharField(max_length=100)
    domain = serializers.SlugField()
    kind = serializers.ChoiceField(choices=PipelineKind.choices, default=PipelineKind.SQL)
    definition = serializers.DictField()
    run_as = serializers.CharField(max_length=150, required=False, default=None, allow_null=True)
    description = serializers.CharField(max_length=4000, required=False, default="")
    interval_seconds = serializers.IntegerField(
        required=False, default=None, allow_null=True, min_value=60, max_value=31_536_000
    )


class PipelineChange(serializers.Serializer[Any]):
    definition = serializers.DictField(required=False)
    enabled = serializers.BooleanField(required=False)


class PipelineList(ListAPIView[Pipeline]):
    """Pipelines of which you may see all that they read and write."""

    serializer_class = PipelineSerializer

    def get_queryset(self) -> QuerySet[Pipeline]:
        pipelines = queries.visible_pipelines(cast("User", self.request.user))
        name = self.request.query_params.get("name")
        return pipelines.filter(name=name) if name else pipelines

    @extend_schema(request=PipelineRequest, responses={201: PipelineSerializer})
    def post(self, request: Request) -> Response:
        user = cast("User", request.user)
        body = PipelineRequest(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        seconds = data["interval_seconds"]
        pipeline = create_pipeline(
            actor=user,
            name=data["name"],
            domain=find_domain(user, data["domain"]),
            kind=data["kind"],
            definition=data["definition"],
            run_as=_find_runner(data["run_as"]),
            description=data["description"],
            interval=None if seconds is None else timedelta(seconds=seconds),
        )
        return Response(PipelineSerializer(pipeline).data, status=status.HTTP_201_CREATED)


class PipelineDetail(APIView):
    @extend_schema(responses=PipelineSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        pipeline = queries.get_pipeline(cast("User", request.user), uuid=uuid)
        return Response(PipelineSerializer(pipeline).data)

    @extend_schema(request=PipelineChange, responses=PipelineSerializer)
    def patch(self, request: Request, uuid: UUID) -> Response:
        """Give the pipeline another definition, or switch it on or off."""
        user = cast("User", request.user)
        pipeline = queries.get_pipeline(user, uuid=uuid)
        body = PipelineChange(data=request.data)
        body.is_valid(raise_exception=True)
        if "definition" in body.validated_data:
            replace_definition(pipeline, actor=user, definition=body.validated_data["definition"])
        if "enabled" in body.validated_data:
            switch_pipeline(pipeline, actor=user, enabled=body.validated_data["enabled"])
        return Response(PipelineSerializer(pipeline).data)


class PipelineRunList(ListAPIView[PipelineRun]):
    """Runs of a pipeline, newest first; POST asks for one."""

    serializer_class = RunSummarySerializer
    newest_first = True

    def get_queryset(self) -> QuerySet[PipelineRun]:
        user = cast("User", self.request.user)
        pipeline = queries.get_pipeline(user, uuid=self.kwargs["uuid"])
        return pipeline.runs.select_related("pipeline", "requested_by")

    @extend_schema(request=None, responses={202: RunSummarySerializer})
    def post(self, request: Request, uuid: UUID) -> Response:
        user = cast("User", request.user)
        run = trigger_run(queries.get_pipeline(user, uuid=uuid), actor=user)
        return Response(RunSummarySerializer(run).data, status=status.HTTP_202_ACCEPTED)


class RunDetail(APIView):
    @extend_schema(responses=PipelineRunSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        return Response(
            PipelineRunSerializer(queries.get_run(cast("User", request.user), uuid=uuid)).data
        )


class RunCancellation(APIView):
    @extend_schema(request=None, responses=PipelineRunSerializer)
    def post(self, request: Request, uuid: UUID) -> Response:
        user = cast("User", request.user)
        run = queries.get_run(user, uuid=uuid)
        cancel_run(run, actor=user)
        return Response(PipelineRunSerializer(run).data)


def _find_runner(username: str | None) -> User | None:
    if username is None:
        return None
    runner = User.objects.filter(username=username, is_service=True, is_active=True).first()
    if runner is None:
        raise InvalidInputError("`run_as` must be a service account", pointer="/run_as")
    return runner
