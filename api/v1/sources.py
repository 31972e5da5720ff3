"""Sources: make, steer, look at, and upload to."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.principal import caller
from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from identity.models import User
from identity.queries import answers_for
from ingestion.models import LandingBatch, Source
from ingestion.models.source import SourceKind
from ingestion.queries import may_steer, source_status, visible_sources
from ingestion.services.file_landing import ingest_upload
from ingestion.services.sources import (
    create_source,
    replay_from,
    set_enabled,
    trigger_landing,
)

MAX_COLUMNS = 2000


class SourceSerializer(serializers.ModelSerializer[Source]):
    owner = serializers.CharField(source="owner.username", read_only=True)
    dataset = serializers.UUIDField(source="dataset.uuid", read_only=True, default=None)
    dead_letters = serializers.UUIDField(source="dead_letters.uuid", read_only=True, default=None)

    class Meta:
        model = Source
        fields = [
            "uuid",
            "name",
            "kind",
            "config",
            "namespace",
            "table",
            "format",
            "columns",
            "partition_by",
            "tier",
            "enabled",
            "owner",
            "dataset",
            "dead_letters",
            "failures",
            "last_error_code",
            "last_error_at",
            "retry_at",
            "created_at",
        ]
        read_only_fields = fields


class PartitionStatusSerializer(serializers.Serializer[Any]):
    partition = serializers.IntegerField()
    next_offset = serializers.IntegerField()
    high_watermark = serializers.IntegerField()
    lag = serializers.IntegerField()


class SourceStatusSerializer(SourceSerializer):
    """`landed` and `rejected` count since the source was made; `lag` is as of the last look.

    `last_error` is why the last landing failed, for those who may write or manage what it lands in; else null.
    """

    landed = serializers.IntegerField(source="status.landed", read_only=True)
    rejected = serializers.IntegerField(source="status.rejected", read_only=True)
    lag = serializers.IntegerField(source="status.lag", read_only=True)
    partitions = PartitionStatusSerializer(source="status.partitions", many=True, read_only=True)
    last_error = serializers.CharField(source="told_error", read_only=True, allow_null=True)

    class Meta(SourceSerializer.Meta):
        fields = [
            *SourceSerializer.Meta.fields,
            "last_error",
            "landed",
            "rejected",
            "lag",
            "partitions",
        ]


class NewSourceSerializer(serializers.Serializer[Any]):
    name = serializers.SlugField(max_length=100)
    kind = serializers.ChoiceField(SourceKind.choices)
    config = serializers.DictField(required=False, default=dict)
    namespace = serializers.CharField(max_length=300)
    table = serializers.CharField(max_length=200)
    format = serializers.CharField(max_length=20)
    columns = serializers.ListField(
        child=serializers.DictField(), required=False, default=list, max_length=MAX_COLUMNS
    )
    partition_by = serializers.ListField(
        child=serializers.DictField(), required=False, default=list, max_length=20
    )
    owner = serializers.CharField(required=False, help_text="default: the caller")
    enabled = serializers.BooleanField(required=False, default=True)


class ReplaySerializer(serializers.Serializer[Any]):
    offsets = serializers.DictField(
        child=serializers.IntegerField(min_value=0), help_text="next offset by partition"
    )


class LandingBatchSerializer(serializers.ModelSerializer[LandingBatch]):
    class Meta:
        model = LandingBatch
        fields = [
            "uuid",
            "from_offsets",
            "to_offsets",
            "snapshot_id",
            "dead_letter_snapshot_id",
            "landed",
            "rejected",
            "size",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class SourceViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Source]
):
    serializer_class = SourceSerializer
    lookup_field = "name"
    lookup_value_regex = r"[A-Za-z0-9_-]+"

    def get_queryset(self) -> QuerySet[Source]:
        if getattr(self, "swagger_fake_view", False):
            return Source.objects.none()
        return visible_sources(caller(self.request))

    @extend_schema(responses=SourceStatusSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del args, kwargs
        source: Any = self.get_object()
        source.status = source_status(source)
        steers = may_steer(caller(request), source)
        source.told_error = source.last_error if steers else None
        return Response(SourceStatusSerializer(source).data)

    @extend_schema(request=NewSourceSerializer, responses={201: SourceSerializer})
    def create(self, request: Request) -> Response:
        body = NewSourceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = dict(body.validated_data)
        owner = _find_owner(request, values.pop("owner", None))
        source = create_source(principal=caller(request), owner=owner, **values)
        return Response(SourceSerializer(source).data, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={202: None})
    @action(detail=True, methods=["post"])
    def land(self, request: Request, name: str) -> Response:
        """Ask for a landing now; a worker does it."""
        del name
        trigger_landing(self.get_object(), principal=caller(request))
        return Response(status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, name: str) -> Response:
        del name
        set_enabled(self.get_object(), enabled=False, principal=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, name: str) -> Response:
        del name
        set_enabled(self.get_object(), enabled=True, principal=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=ReplaySerializer, responses=ReplaySerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, name: str) -> Response:
        """Set the next offsets; answers those that were left. What lies behind lands again."""
        del name
        body = ReplaySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data["offsets"]
        if not given or not all(key.isdecimal() for key in given):
            raise InvalidInputError("`offsets` must map partitions to offsets")
        offsets = {int(key): value for key, value in given.items()}
        left = replay_from(self.get_object(), offsets=offsets, principal=caller(request))
        return Response({"offsets": {str(key): value for key, value in left.items()}})

    @extend_schema(responses=LandingBatchSerializer(many=True))
    @action(detail=True, methods=["get"])
    def batches(self, request: Request, name: str) -> Response:
        """The landings of the source, newest first."""
        del name
        self.newest_first = True
        source = self.get_object()
        page = self.paginate_queryset(LandingBatch.objects.filter(source=source))  # type: ignore[arg-type]
        del request
        return self.get_paginated_response(LandingBatchSerializer(page, many=True).data)


class RawBody(BaseParser):
    """Leaves the body unread, whatever its type: the landing reads it up to its own limit."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        del media_type, parser_context
        return stream


class UploadView(APIView):
    """`PUT` a file to a source that takes files; the body is the file. Sending the same file again lands nothing."""

    parser_classes = [RawBody]

    @extend_schema(request=OpenApiTypes.BINARY, responses={201: LandingBatchSerializer})
    def put(self, request: Request, name: str, filename: str) -> Response:
        principal = caller(request)
        source = visible_sources(principal).filter(name=name).first()
        if source is None:
            raise NotFoundError("there is no such source")
        # The body itself, before Django's parsing, so that nothing buffers more than the landing allows.
        batch = ingest_upload(
            source,
            filename=filename,
            stream=request._request,  # type: ignore[arg-type]  # noqa: SLF001 - it has `read`
            principal=principal,
        )
        return Response(LandingBatchSerializer(batch).data, status.HTTP_201_CREATED)


def _find_owner(request: Request, username: str | None) -> User:
    caller_: User = request.user  # type: ignore[assignment]
    if username is None or username == caller_.username:
        return caller_
    owner = User.objects.filter(username=username, is_active=True).first()
    if owner is None or not (caller_.is_superuser or answers_for(caller_, owner)):
        raise PermissionDeniedError("a source is owned by you or by a service account of yours")
    return owner
