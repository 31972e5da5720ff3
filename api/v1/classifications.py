"""Suggested labels of a dataset's fields: for those who manage it, to run, accept and reject."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.v1.lists import listed, page_of, paging
from api.v1.sight import Sight
from core.errors import InvalidInputError
from governance.models import Classification, ClassificationState
from governance.policy.types import Action
from governance.queries import visible_classifications
from governance.services.classifications import MAX_DECISIONS, decide_classifications
from query.classification import classify_dataset


class ClassificationSerializer(serializers.ModelSerializer[Classification]):
    field = serializers.UUIDField(source="field.uuid", allow_null=True, default=None)
    field_name = serializers.CharField(  # type: ignore[assignment]  # the stubs know a member of this name
        source="field.name", allow_null=True, default=None
    )
    evidence = serializers.ListField(
        child=serializers.CharField(), help_text="sentences; none quotes a value"
    )
    decided_by = serializers.CharField(source="decided_by.username", allow_null=True, default=None)

    class Meta:
        model = Classification
        fields = [
            "uuid",
            "field",
            "field_name",
            "label",
            "confidence",
            "evidence",
            "detector_version",
            "state",
            "suggested_at",
            "decided_at",
            "decided_by",
        ]
        read_only_fields = fields


class ClassificationListSerializer(serializers.Serializer[Any]):
    items = ClassificationSerializer(many=True)


class DecisionsSerializer(serializers.Serializer[Any]):
    """Which suggestions are accepted and which rejected; all are decided, or none."""

    accept = serializers.ListField(
        child=serializers.UUIDField(), required=False, default=list, max_length=MAX_DECISIONS
    )
    reject = serializers.ListField(
        child=serializers.UUIDField(), required=False, default=list, max_length=MAX_DECISIONS
    )


class ClassificationListView(APIView):
    """What is suggested for the dataset; `POST` samples it anew and answers what then waits for a decision."""

    @extend_schema(
        parameters=[
            OpenApiParameter("state", str, enum=ClassificationState.values),
            *paging("confidence"),
        ],
        responses=ClassificationSerializer(many=True),
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        dataset = sight.dataset(uuid, action=Action.MANAGE)
        rows = visible_classifications(sight.principal, facts=sight.facts).filter(dataset=dataset)
        state = request.query_params.get("state")
        if state and state not in ClassificationState.values:
            raise InvalidInputError(f"`state` must be of {', '.join(ClassificationState.values)}")
        rows = rows.filter(state=state) if state else rows
        found, cursor = page_of(rows, request, orders=["confidence"])
        return listed(
            request,
            found,
            cursor,
            render=lambda row: ClassificationSerializer(row).data,
            members=ClassificationSerializer().fields,
        )

    @extend_schema(request=None, responses=ClassificationListSerializer)
    def post(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        dataset = sight.dataset(uuid, action=Action.MANAGE)
        return _answer(classify_dataset(dataset, by=sight.principal))


class ClassificationDecisionsView(APIView):
    """Many suggestions decided at once."""

    @extend_schema(request=DecisionsSerializer, responses=ClassificationListSerializer)
    def post(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        dataset = sight.dataset(uuid, action=Action.MANAGE)
        body = DecisionsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _answer(decide_classifications(dataset, by=sight.principal, **body.validated_data))


class ClassificationDecisionView(APIView):
    """One suggestion: `accept` puts its label on the field, `reject` is remembered in the domain."""

    @extend_schema(request=None, responses=ClassificationSerializer)
    def post(self, request: Request, uuid: UUID, classification: UUID, verdict: str) -> Response:
        sight = Sight(request)
        dataset = sight.dataset(uuid, action=Action.MANAGE)
        chosen = {verdict: [classification]}
        row = decide_classifications(dataset, by=sight.principal, **chosen)[0]
        return Response(ClassificationSerializer(row).data)


def _answer(rows: list[Classification]) -> Response:
    return Response({"items": ClassificationSerializer(rows, many=True).data})
