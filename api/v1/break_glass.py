"""Broken glass: read at once in an emergency, see what was broken, review it."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.principal import caller
from core.clock import utc_now
from governance.glass import find_target, reviews_to_close, visible_breakings
from governance.models import BreakGlass, Verdict
from governance.services.break_glass import MAX_TEXT, break_glass, review_break_glass


class BreakGlassSerializer(serializers.ModelSerializer[BreakGlass]):
    dataset = serializers.UUIDField(source="dataset.uuid", allow_null=True, default=None)
    domain = serializers.CharField(source="domain.slug", allow_null=True, default=None)
    user = serializers.CharField(source="user.username")
    is_in_force = serializers.BooleanField()
    is_overdue = serializers.BooleanField(help_text="the review should have been closed by now")
    reviewed_by = serializers.CharField(
        source="reviewed_by.username", allow_null=True, default=None
    )

    class Meta:
        model = BreakGlass
        fields = [
            "uuid",
            "dataset",
            "domain",
            "user",
            "reason",
            "grant",
            "created_at",
            "expires_at",
            "ended_at",
            "is_in_force",
            "review_due_at",
            "is_overdue",
            "reviewed_at",
            "reviewed_by",
            "verdict",
            "review_comment",
        ]
        read_only_fields = fields


class NewBreakGlassSerializer(serializers.Serializer[Any]):
    """One of `dataset` (uuid) and `domain` (slug)."""

    dataset = serializers.UUIDField(required=False)
    domain = serializers.SlugField(required=False)
    reason = serializers.CharField(max_length=MAX_TEXT)
    minutes = serializers.IntegerField(
        required=False, min_value=1, help_text="at most, and by default, what the settings say"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("dataset" in attrs) == ("domain" in attrs):
            raise serializers.ValidationError("give one of `dataset` and `domain`")
        return attrs

    def validate_minutes(self, value: int) -> int:
        if value > settings.LAKEWARDEN.break_glass_minutes:
            raise serializers.ValidationError(
                f"at most {settings.LAKEWARDEN.break_glass_minutes} are allowed here"
            )
        return value


class VerdictSerializer(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(Verdict.choices)
    comment = serializers.CharField(max_length=MAX_TEXT)


class BreakGlassViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[BreakGlass]
):
    """The caller's own breakings, and those of what the caller may approve on.

    `?inbox=1` lists the open reviews that the caller may close, `?overdue=1` those that should be closed already.
    """

    serializer_class = BreakGlassSerializer
    lookup_field = "uuid"
    newest_first = True

    def get_queryset(self) -> QuerySet[BreakGlass]:
        if getattr(self, "swagger_fake_view", False):
            return BreakGlass.objects.none()
        principal, given = caller(self.request), self.request.query_params
        inbox = given.get("inbox") == "1"
        rows = reviews_to_close(principal) if inbox else visible_breakings(principal)
        return rows.overdue(utc_now()) if given.get("overdue") == "1" else rows

    @extend_schema(request=NewBreakGlassSerializer, responses={201: BreakGlassSerializer})
    def create(self, request: Request) -> Response:
        """Read at once, for a short time. A token needs the scope `admin`."""
        body = NewBreakGlassSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted, principal = body.validated_data, caller(request)
        target = find_target(
            principal, dataset=str(wanted.get("dataset", "")), domain=wanted.get("domain", "")
        )
        row = break_glass(
            target, by=principal, reason=wanted["reason"], minutes=wanted.get("minutes")
        )
        return Response(BreakGlassSerializer(row).data, status.HTTP_201_CREATED)

    @extend_schema(request=VerdictSerializer, responses=BreakGlassSerializer)
    @action(detail=True, methods=["post"])
    def review(self, request: Request, uuid: str) -> Response:
        """Close the review; `abuse` takes back at once what still holds."""
        del uuid
        body = VerdictSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = review_break_glass(self.get_object(), by=caller(request), **body.validated_data)
        return Response(BreakGlassSerializer(row).data)
