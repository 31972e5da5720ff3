"""Models and their training: the registry and what is trained here."""

from typing import Any, cast
from uuid import UUID

import orjson
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Domain
from core.errors import InvalidInputError, LimitExceededError, PermissionDeniedError
from governance.policy.types import Action
from governance.queries import grants_held, principal_of, visible_domains
from identity.models import User
from serving import queries
from serving.artifacts import MAX_ARTIFACT_BYTES
from serving.models import ModelVersion, TrainingRun
from serving.services.registry import Provenance, register_model, set_alias
from serving.services.training import request_training
from serving.training import ALGORITHMS, MAX_FEATURES, TrainingSpec

MAX_ENTRIES = 50


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    name = serializers.CharField(source="dataset.name", read_only=True)
    dataset = serializers.UUIDField(source="dataset.uuid", read_only=True)
    version = serializers.IntegerField(source="number", read_only=True)
    created_by = serializers.SlugRelatedField(slug_field="username", read_only=True)

    class Meta:
        model = ModelVersion
        fields = [
            "uuid",
            "name",
            "dataset",
            "version",
            "alias",
            "framework",
            "size",
            "sha256",
            "inputs",
            "outputs",
            "metrics",
            "run_uuid",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields


class TrainingRunSerializer(serializers.ModelSerializer[TrainingRun]):
    requested_by = serializers.SlugRelatedField(slug_field="username", read_only=True)
    domain = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True, default=None)

    class Meta:
        model = TrainingRun
        fields = [
            "uuid",
            "model_name",
            "domain",
            "spec",
            "state",
            "attempts",
            "metrics",
            "error",
            "version",
            "requested_by",
            "created_at",
            "started_at",
            "ended_at",
        ]
        read_only_fields = fields


class DatasetName(serializers.Serializer[Any]):
    namespace = serializers.CharField(max_length=500)
    name = serializers.CharField(max_length=1000)


class ModelUpload(serializers.Serializer[Any]):
    """The part `metadata` of an upload, as JSON; the part `artifact` is the ONNX file."""

    name = serializers.CharField(max_length=100)
    domain = serializers.SlugField()
    description = serializers.CharField(max_length=4000, required=False, default="")
    training_datasets = DatasetName(many=True, required=False, default=list)
    metrics = serializers.DictField(child=serializers.FloatField(), required=False, default=dict)


class TrainingRequest(serializers.Serializer[Any]):
    """A `serving.training.TrainingSpec` and the name and domain of the model."""

    model_name = serializers.CharField(max_length=100)
    domain = serializers.SlugField()
    namespace = serializers.CharField(max_length=500, default="lakewarden")
    dataset = serializers.CharField(max_length=1000)
    features = serializers.ListField(
        child=serializers.CharField(max_length=500), min_length=1, max_length=MAX_FEATURES
    )
    label = serializers.CharField(max_length=500)  # type: ignore[assignment]
    algorithm = serializers.ChoiceField(choices=ALGORITHMS)
    parameters = serializers.DictField(child=serializers.FloatField(), required=False, default=dict)
    test_fraction = serializers.FloatField(required=False, default=0.2)
    seed = serializers.IntegerField(required=False, default=0)
    max_rows = serializers.IntegerField(required=False, default=200_000)
    purpose = serializers.CharField(max_length=500, required=False, default=None, allow_null=True)


class AliasRequest(serializers.Serializer[Any]):
    alias = serializers.CharField(max_length=40, allow_blank=True)


class ModelList(ListAPIView[ModelVersion]):
    """Versions of the models that you may see, and upload of new ones."""

    serializer_class = ModelVersionSerializer
    newest_first = True

    def get_queryset(self) -> QuerySet[ModelVersion]:
        versions = queries.visible_versions(cast("User", self.request.user))
        name = self.request.query_params.get("name")
        return versions.filter(dataset__name=name) if name else versions

    def get_parsers(self) -> list[Any]:
        return [MultiPartParser()]

    @extend_schema(
        request={"multipart/form-data": ModelUpload},
        responses={201: ModelVersionSerializer, 422: OpenApiResponse(description="not servable")},
    )
    def post(self, request: Request) -> Response:
        """Register an ONNX file as the next version of a model."""
        user = cast("User", request.user)
        body = ModelUpload(data=_metadata(request))
        body.is_valid(raise_exception=True)
        data = body.validated_data
        if max(len(data["metrics"]), len(data["training_datasets"])) > MAX_ENTRIES:
            raise LimitExceededError("too many metrics or training datasets", limit="metadata")
        datasets = [
            queries.find_visible(user, **each, action=Action.DISCOVER)
            for each in data["training_datasets"]
        ]
        version = register_model(
            actor=user,
            name=data["name"],
            domain=find_domain(user, data["domain"]),
            artifact=_artifact(request),
            description=data["description"],
            metrics=data["metrics"],
            provenance=Provenance(datasets=datasets),
        )
        return Response(ModelVersionSerializer(version).data, status=status.HTTP_201_CREATED)


class ModelAlias(APIView):
    """The alias of a version; `champion` is served when no version is named."""

    @extend_schema(request=AliasRequest, responses=ModelVersionSerializer)
    def put(self, request: Request, name: str, version: int) -> Response:
        user = cast("User", request.user)
        body = AliasRequest(data=request.data)
        body.is_valid(raise_exception=True)
        found = queries.described_version(user, name=name, version=str(version))
        set_alias(found, alias=body.validated_data["alias"], actor=user)
        return Response(ModelVersionSerializer(found).data)


class TrainingRunList(ListAPIView[TrainingRun]):
    """Training runs, newest first; POST queues one, which runs with your own rights."""

    serializer_class = TrainingRunSerializer
    newest_first = True

    def get_queryset(self) -> QuerySet[TrainingRun]:
        return queries.visible_training_runs(cast("User", self.request.user))

    @extend_schema(request=TrainingRequest, responses={202: TrainingRunSerializer})
    def post(self, request: Request) -> Response:
        user = cast("User", request.user)
        body = TrainingRequest(data=request.data)
        body.is_valid(raise_exception=True)
        data = dict(body.validated_data)
        model_name, domain = data.pop("model_name"), find_domain(user, data.pop("domain"))
        run = request_training(
            actor=user,
            model_name=model_name,
            domain=domain,
            spec=TrainingSpec.from_json(data),
        )
        return Response(TrainingRunSerializer(run).data, status=status.HTTP_202_ACCEPTED)


class TrainingRunDetail(APIView):
    @extend_schema(responses=TrainingRunSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        run = queries.get_training_run(cast("User", request.user), uuid=uuid)
        return Response(TrainingRunSerializer(run).data)


def find_domain(user: User, slug: str) -> Domain:
    """The domain of this slug; what the caller may do there is decided on what is put there.

    One answer for a domain that does not exist and one that the caller may not know of: known are those that are shown
    to them, and those on which they hold a grant.
    """
    principal = principal_of(user)
    held: list[Any] = list(grants_held(principal))
    granted = [row.content_object_id for row in held if isinstance(row.content_object, Domain)]
    shown = visible_domains(principal).order_by().values("pk")
    known = Domain.objects.filter(Q(pk__in=shown) | Q(pk__in=granted))
    domain = known.filter(slug=slug).first()
    if domain is None and user.is_superuser:
        raise InvalidInputError(f"there is no domain `{slug}`", pointer="/domain")
    if domain is None:
        raise PermissionDeniedError("this needs `write` or `manage` on it or its domain")
    return domain


def _metadata(request: Request) -> Any:
    try:
        return orjson.loads(str(request.data.get("metadata", "")))
    except orjson.JSONDecodeError:
        raise InvalidInputError(
            "the part `metadata` must be a JSON object", pointer="/metadata"
        ) from None


def _artifact(request: Request) -> bytes:
    upload = request.FILES.get("artifact")
    if not isinstance(upload, UploadedFile):
        raise InvalidInputError("the part `artifact` must be a file", pointer="/artifact")
    if (upload.size or 0) > MAX_ARTIFACT_BYTES:
        raise LimitExceededError("the artifact is too large", limit="artifact")
    return bytes(upload.read())
