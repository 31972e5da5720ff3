"""Findings that wait for eyes: see them, say that one looks, settle them."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.principal import caller
from core.errors import InvalidInputError
from governance.models import ReviewItem, ReviewKind, ReviewState
from governance.reviews import tell_evidence, visible_reviews
from governance.services.reviews import acknowledge_review, resolve_review


class ReviewSerializer(serializers.ModelSerializer[ReviewItem]):
    dataset = serializers.UUIDField(source="dataset.uuid", read_only=True)
    dataset_name = serializers.CharField(source="dataset.name", read_only=True)
    evidence = serializers.SerializerMethodField()
    decided_by = serializers.CharField(
        source="decided_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = ReviewItem
        fields = [
            "uuid",
            "kind",
            "dataset",
            "dataset_name",
            "key",
            "evidence",
            "state",
            "raised_at",
            "decided_at",
            "decided_by",
            "comment",
        ]
        read_only_fields = fields

    @extend_schema_field({"type": "object"})
    def get_evidence(self, row: ReviewItem) -> dict[str, Any]:
        return tell_evidence(caller(self.context["request"]), row)


class AcknowledgementSerializer(serializers.Serializer[Any]):
    comment = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class ResolutionSerializer(serializers.Serializer[Any]):
    comment = serializers.CharField(max_length=2000, help_text="how it was settled")


class ReviewViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ReviewItem]
):
    """Findings on the datasets that the caller administers. `?state=` and `?kind=` narrow the list."""

    serializer_class = ReviewSerializer
    lookup_field = "uuid"
    newest_first = True

    def get_queryset(self) -> QuerySet[ReviewItem]:
        if getattr(self, "swagger_fake_view", False):
            return ReviewItem.objects.none()
        given = self.request.query_params
        rows = visible_reviews(caller(self.request))
        for name, known in (("state", ReviewState.values), ("kind", ReviewKind.values)):
            if name in given:
                if given[name] not in known:
                    raise InvalidInputError(f"`{name}` must be one of {', '.join(known)}")
                rows = rows.filter(**{name: given[name]})
        return rows

    @extend_schema(
        parameters=[
            OpenApiParameter("state", enum=ReviewState.values),
            OpenApiParameter("kind", enum=ReviewKind.values),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(request=AcknowledgementSerializer, responses=ReviewSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, uuid: str) -> Response:
        """Say that one looks into it."""
        del uuid
        body = AcknowledgementSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = acknowledge_review(
            self.get_object(), by=caller(request), comment=body.validated_data["comment"]
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(request=ResolutionSerializer, responses=ReviewSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, uuid: str) -> Response:
        """Settle it."""
        del uuid
        body = ResolutionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = resolve_review(
            self.get_object(), by=caller(request), comment=body.validated_data["comment"]
        )
        return Response(self.get_serializer(row).data)
