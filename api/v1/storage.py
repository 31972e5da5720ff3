"""Tiers, tier policies, movements, and the files and objects of datasets."""

import re
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.pagination import decode_cursor, encode_cursor, read_page_size
from catalog.models import Dataset
from core.errors import InvalidInputError
from governance.policy.types import Action
from governance.queries import get_visible_dataset, principal_of
from identity.models import User
from storage import queries
from storage.models import (
    DataFile,
    Movement,
    MovementState,
    StorageLocation,
    Tier,
    TieringRun,
    TierPolicy,
)
from storage.services.object_reads import list_objects, read_object
from storage.services.tiering import (
    DEFAULT_GRACE_SECONDS,
    MAX_GRACE_SECONDS,
    create_tier_policy,
    delete_tier_policy,
    request_tiering,
    update_tier_policy,
)

MAX_PURPOSE = 500
MAX_PREFIX = 1000
MEDIA_TYPE = re.compile(r"\A[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*\Z", re.IGNORECASE)
PURPOSE = OpenApiParameter("purpose", OpenApiTypes.STR, description="what the data is read for")


class PricedTierSerializer(serializers.ModelSerializer[Tier]):
    """Prices are in US dollars: a GiB and month, a GiB read, an object moved in."""

    location = serializers.SlugRelatedField(slug_field="name", read_only=True)

    class Meta:
        model = Tier
        fields = [
            "name",
            "rank",
            "location",
            "storage_class",
            "keep_price",
            "read_price",
            "move_price",
            "minimum_days",
            "first_byte_ms",
        ]
        read_only_fields = fields


class LocationSerializer(serializers.ModelSerializer[StorageLocation]):
    class Meta:
        model = StorageLocation
        fields = ["name", "backend", "root", "endpoint", "region"]
        read_only_fields = fields


class MovementSerializer(serializers.ModelSerializer[Movement]):
    dataset = serializers.SerializerMethodField()
    key = serializers.CharField(source="held_object.key", read_only=True, default=None)
    run = serializers.SlugRelatedField(slug_field="uuid", read_only=True)
    source_tier = serializers.SlugRelatedField(slug_field="name", read_only=True)
    target_tier = serializers.SlugRelatedField(slug_field="name", read_only=True)

    class Meta:
        model = Movement
        fields = [
            "uuid",
            "dataset",
            "key",
            "run",
            "source_uri",
            "target_uri",
            "source_tier",
            "target_tier",
            "size",
            "sha256",
            "state",
            "reason",
            "error",
            "attempts",
            "planned_at",
            "switched_at",
            "remove_after",
            "finished_at",
        ]
        read_only_fields = fields

    def get_dataset(self, movement: Movement) -> UUID | None:
        holder = movement.table or movement.held_object
        return holder.dataset.uuid if holder else None


class TierPolicySerializer(serializers.ModelSerializer[TierPolicy]):
    dataset = serializers.SlugRelatedField(slug_field="uuid", read_only=True)
    target = serializers.SlugRelatedField(slug_field="name", read_only=True)

    class Meta:
        model = TierPolicy
        fields = ["uuid", "dataset", "condition", "target", "enabled"]
        read_only_fields = fields


class TierPolicyRequest(serializers.Serializer[Any]):
    """`condition`: `partition` {column: {operator: value}}, `idle_days`, `age_days`, `keys` (globs)."""

    dataset = serializers.UUIDField()
    condition = serializers.JSONField()
    target = serializers.CharField(max_length=10)
    enabled = serializers.BooleanField(default=True)


class TierPolicyChange(serializers.Serializer[Any]):
    condition = serializers.JSONField(required=False)
    target = serializers.CharField(max_length=10, required=False)
    enabled = serializers.BooleanField(required=False)


class TieringRunSerializer(serializers.ModelSerializer[TieringRun]):
    """`report` is the plan: files and bytes a tier, and the cost in US dollars, before and after."""

    dataset = serializers.SlugRelatedField(slug_field="uuid", read_only=True)
    requested_by = serializers.SlugRelatedField(slug_field="username", read_only=True)
    states = serializers.SerializerMethodField()

    class Meta:
        model = TieringRun
        fields = ["uuid", "dataset", "requested_by", "dry_run", "report", "states", "created_at"]
        read_only_fields = fields

    def get_states(self, run: TieringRun) -> dict[str, dict[str, int]]:
        return queries.run_states(run)


class TieringRunRequest(serializers.Serializer[Any]):
    dataset = serializers.UUIDField()
    dry_run = serializers.BooleanField(default=False)
    grace_seconds = serializers.IntegerField(
        default=DEFAULT_GRACE_SECONDS, min_value=0, max_value=MAX_GRACE_SECONDS
    )


class FileSerializer(serializers.ModelSerializer[DataFile]):
    tier = serializers.SlugRelatedField(slug_field="name", read_only=True)

    class Meta:
        model = DataFile
        fields = [
            "path",
            "tier",
            "size",
            "records",
            "partition",
            "added_at",
            "last_read_at",
            "reads",
        ]
        read_only_fields = fields


class ObjectPage(serializers.Serializer[Any]):
    items = serializers.ListField(child=serializers.DictField())
    next_cursor = serializers.CharField(allow_null=True)


class TierList(ListAPIView[Tier]):
    """The tiers, hottest first, with their prices."""

    queryset = Tier.objects.select_related("location").order_by("pk")
    serializer_class = PricedTierSerializer


class LocationList(ListAPIView[StorageLocation]):
    """The storage locations; for staff."""

    queryset = StorageLocation.objects.order_by("pk")
    serializer_class = LocationSerializer
    permission_classes = [IsAdminUser]


class MovementList(ListAPIView[Movement]):
    """Movements of the datasets that you manage, newest first; `state` and `dataset` narrow them."""

    serializer_class = MovementSerializer
    newest_first = True

    def get_queryset(self) -> QuerySet[Movement]:
        rows = queries.manageable_movements(_user(self.request))
        state = self.request.query_params.get("state")
        if state and state not in MovementState.values:
            raise InvalidInputError(f"`state` must be one of {', '.join(MovementState.values)}")
        dataset = self.request.query_params.get("dataset")
        if dataset:
            found = _dataset(self.request, dataset)
            rows = rows.filter(table__dataset=found) | rows.filter(held_object__dataset=found)
        return rows.filter(state=state) if state else rows


class TierPolicyList(ListAPIView[TierPolicy]):
    """Tier policies of the datasets that you manage."""

    serializer_class = TierPolicySerializer

    def get_queryset(self) -> QuerySet[TierPolicy]:
        return queries.manageable_policies(_user(self.request))

    @extend_schema(request=TierPolicyRequest, responses={201: TierPolicySerializer})
    def post(self, request: Request) -> Response:
        """Add a policy; needs `manage` on the dataset."""
        data = _body(TierPolicyRequest, request)
        policy = create_tier_policy(
            user=_user(request),
            dataset=_dataset(request, data["dataset"]),
            condition=data["condition"],
            target=data["target"],
            enabled=data["enabled"],
        )
        return Response(TierPolicySerializer(policy).data, status=status.HTTP_201_CREATED)


class TierPolicyDetail(APIView):
    @extend_schema(responses=TierPolicySerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        return Response(TierPolicySerializer(queries.get_policy(_user(request), uuid)).data)

    @extend_schema(request=TierPolicyChange, responses=TierPolicySerializer)
    def patch(self, request: Request, uuid: UUID) -> Response:
        policy = update_tier_policy(
            user=_user(request),
            policy=queries.get_policy(_user(request), uuid),
            **_body(TierPolicyChange, request),
        )
        return Response(TierPolicySerializer(policy).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uuid: UUID) -> Response:
        policy = queries.get_policy(_user(request), uuid)
        delete_tier_policy(user=_user(request), policy=policy)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TieringRunList(ListAPIView[TieringRun]):
    """Tiering runs of the datasets that you manage, newest first."""

    serializer_class = TieringRunSerializer
    newest_first = True

    def get_queryset(self) -> QuerySet[TieringRun]:
        return queries.manageable_runs(_user(self.request))

    @extend_schema(
        request=TieringRunRequest, responses={200: TieringRunSerializer, 202: TieringRunSerializer}
    )
    def post(self, request: Request) -> Response:
        """Plan, and unless `dry_run` start moving; needs `manage` on the dataset."""
        data = _body(TieringRunRequest, request)
        run = request_tiering(
            user=_user(request),
            dataset=_dataset(request, data["dataset"]),
            dry_run=data["dry_run"],
            grace_seconds=data["grace_seconds"],
        )
        code = status.HTTP_200_OK if run.dry_run else status.HTTP_202_ACCEPTED
        return Response(TieringRunSerializer(run).data, status=code)


class TieringRunDetail(APIView):
    @extend_schema(responses=TieringRunSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        """The run, and how many of its movements are in which state now."""
        return Response(TieringRunSerializer(queries.get_run(_user(request), uuid)).data)


class FileList(ListAPIView[DataFile]):
    """The data files of a table and their tiers, for those who manage it or may read all of it."""

    serializer_class = FileSerializer

    def get_queryset(self) -> QuerySet[DataFile]:
        return queries.visible_files(
            _user(self.request), _dataset(self.request, self.kwargs["uuid"])
        )


class ObjectList(APIView):
    @extend_schema(
        parameters=[
            PURPOSE,
            OpenApiParameter("prefix", OpenApiTypes.STR, description="how keys start"),
            OpenApiParameter("cursor", OpenApiTypes.STR),
            OpenApiParameter("page_size", OpenApiTypes.INT),
        ],
        responses=ObjectPage,
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        """The objects of a collection as you may see them: row filter and masks are applied."""
        cursor = request.query_params.get("cursor")
        after = decode_cursor(cursor) if cursor else 0
        if not isinstance(after, int):
            raise InvalidInputError("`cursor` must be one that a former page gave")
        listing = list_objects(
            user=_user(request),
            dataset=_dataset(request, uuid),
            prefix=_text(request, "prefix", MAX_PREFIX) or "",
            after=after,
            limit=read_page_size(request.query_params.get("page_size")),
            purpose=_text(request, "purpose", MAX_PURPOSE),
        )
        next_cursor = None if listing.next_after is None else encode_cursor(listing.next_after)
        return Response({"items": listing.items, "next_cursor": next_cursor})


class ObjectBytes(APIView):
    @extend_schema(parameters=[PURPOSE], responses={(200, "*/*"): OpenApiTypes.BINARY})
    def get(self, request: Request, uuid: UUID, key: str) -> HttpResponseBase:
        """The bytes of an object, streamed, as an attachment that no browser takes for a page."""
        content = read_object(
            user=_user(request),
            dataset=_dataset(request, uuid),
            key=key,
            purpose=_text(request, "purpose", MAX_PURPOSE),
        )
        known = MEDIA_TYPE.match(content.media_type)
        response = StreamingHttpResponse(
            content.chunks,
            content_type=content.media_type if known else "application/octet-stream",
        )
        response["Content-Length"] = str(content.size)
        response["ETag"] = f'"{content.sha256}"'
        response["X-Content-Type-Options"] = "nosniff"
        response["Cache-Control"] = "private, no-store"
        name = content.key.rsplit("/", 1)[-1]
        response["Content-Disposition"] = (
            content_disposition_header(as_attachment=True, filename=name) or "attachment"
        )
        return response


def _user(request: Any) -> User:
    return cast("User", request.user)


def _dataset(request: Any, uuid: Any) -> Dataset:
    """The dataset if the caller may see its entry; what they may do with it is decided further on."""
    return get_visible_dataset(principal_of(_user(request)), str(uuid), action=Action.VIEW_METADATA)


def _body(form: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    body = form(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _text(request: Request, name: str, limit: int) -> str | None:
    text = request.query_params.get(name)
    if text is not None and len(text) > limit:
        raise InvalidInputError(f"`{name}` has at most {limit} characters")
    return text
