"""Access requests: ask, see, decide."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.principal import caller
from governance.models import AccessRequest
from governance.queries import get_visible_dataset, requests_to_decide, visible_requests
from governance.services.requests import (
    approve_request,
    deny_request,
    request_access,
    withdraw_request,
)

SECONDS_A_YEAR = 366 * 24 * 3600
MAX_COLUMNS = 5000


class AccessRequestSerializer(serializers.ModelSerializer[AccessRequest]):
    dataset = serializers.UUIDField(source="dataset.uuid", read_only=True)
    dataset_name = serializers.CharField(source="dataset.name", read_only=True)
    requester = serializers.CharField(source="requester.username", read_only=True)
    decided_by = serializers.CharField(
        source="decided_by.username", read_only=True, allow_null=True, default=None
    )
    duration_seconds = serializers.SerializerMethodField()

    class Meta:
        model = AccessRequest
        fields = [
            "uuid",
            "dataset",
            "dataset_name",
            "requester",
            "purpose",
            "columns",
            "row_filter",
            "duration_seconds",
            "state",
            "created_at",
            "decided_at",
            "decided_by",
            "decision_comment",
            "expires_at",
        ]
        read_only_fields = fields

    def get_duration_seconds(self, row: AccessRequest) -> int:
        return int(row.duration.total_seconds())


class NewAccessRequestSerializer(serializers.Serializer[Any]):
    dataset = serializers.UUIDField()
    purpose = serializers.CharField(max_length=2000)
    columns = serializers.ListField(
        child=serializers.CharField(max_length=500),
        required=False,
        allow_null=True,
        min_length=1,
        max_length=MAX_COLUMNS,
        help_text="fields wanted; null: all",
    )
    row_filter = serializers.CharField(required=False, allow_null=True, max_length=4096)
    duration_seconds = serializers.IntegerField(min_value=1, max_value=SECONDS_A_YEAR)


class ApprovalSerializer(serializers.Serializer[Any]):
    comment = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)
    duration_seconds = serializers.IntegerField(
        required=False, min_value=1, max_value=SECONDS_A_YEAR, help_text="at most what was asked"
    )


class DenialSerializer(serializers.Serializer[Any]):
    comment = serializers.CharField(max_length=2000)


class AccessRequestViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[AccessRequest]
):
    """The caller's own requests, and those that the caller may decide. `?state=` and `?inbox=1` narrow the list."""

    serializer_class = AccessRequestSerializer
    lookup_field = "uuid"
    newest_first = True

    def get_queryset(self) -> QuerySet[AccessRequest]:
        if getattr(self, "swagger_fake_view", False):
            return AccessRequest.objects.none()
        principal, given = caller(self.request), self.request.query_params
        if given.get("inbox") == "1":
            return requests_to_decide(principal)
        rows = visible_requests(principal)
        return rows.filter(state=given["state"]) if given.get("state") else rows

    @extend_schema(request=NewAccessRequestSerializer, responses={201: AccessRequestSerializer})
    def create(self, request: Request) -> Response:
        body = NewAccessRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted, principal = body.validated_data, caller(request)
        row = request_access(
            get_visible_dataset(principal, wanted["dataset"]),
            by=principal,
            purpose=wanted["purpose"],
            duration=timedelta(seconds=wanted["duration_seconds"]),
            row_filter=wanted.get("row_filter"),
            columns=wanted.get("columns"),
        )
        return Response(AccessRequestSerializer(row).data, status.HTTP_201_CREATED)

    @extend_schema(request=ApprovalSerializer, responses=AccessRequestSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, uuid: str) -> Response:
        del uuid
        body = ApprovalSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        seconds = body.validated_data.get("duration_seconds")
        row = approve_request(
            self.get_object(),
            by=caller(request),
            comment=body.validated_data["comment"],
            duration=None if seconds is None else timedelta(seconds=seconds),
        )
        return Response(AccessRequestSerializer(row).data)

    @extend_schema(request=DenialSerializer, responses=AccessRequestSerializer)
    @action(detail=True, methods=["post"])
    def deny(self, request: Request, uuid: str) -> Response:
        del uuid
        body = DenialSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = deny_request(
            self.get_object(), by=caller(request), comment=body.validated_data["comment"]
        )
        return Response(AccessRequestSerializer(row).data)

    @extend_schema(request=None, responses=AccessRequestSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, uuid: str) -> Response:
        del uuid
        row = withdraw_request(self.get_object(), by=caller(request))
        return Response(AccessRequestSerializer(row).data)
