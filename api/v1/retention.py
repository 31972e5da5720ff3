"""Rules of retention, legal holds, and erasures of persons."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.principal import caller
from api.v1.request_shapes import CommentSerializer
from catalog.models import Dataset, Domain, Tag
from core.errors import InvalidInputError, NotFoundError
from governance.holds import visible_holds
from governance.models import ErasureRequest, LegalHold, RetentionRule
from governance.policy.types import Principal
from governance.queries import get_visible_dataset, get_visible_domain
from governance.retention.identifiers import Identifier, parse_identifiers
from governance.services.erasures import (
    approve_erasure,
    refuse_erasure,
    replan_erasure,
    request_erasure,
    visible_erasures,
    withdraw_erasure,
)
from governance.services.holds import MAX_TEXT, place_hold, release_hold
from governance.services.retention import (
    retire_retention_rule,
    save_retention_rule,
    visible_retention_rules,
)
from governance.vocabulary import require_administrator
from storage.services.retention import preview_retention


class RetentionRuleSerializer(serializers.ModelSerializer[RetentionRule]):
    author = serializers.CharField(
        source="author.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = RetentionRule
        fields = ["name", "version", "document", "author", "changed_at", "retired_at"]
        read_only_fields = fields


class RetentionRuleViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[RetentionRule]
):
    """The rules of retention that the caller may write: how long what is kept, and what goes when."""

    serializer_class = RetentionRuleSerializer
    lookup_field = "name"

    def get_queryset(self) -> QuerySet[RetentionRule]:
        if getattr(self, "swagger_fake_view", False):
            return RetentionRule.objects.none()
        return visible_retention_rules(caller(self.request))

    @extend_schema(request=dict[str, Any], responses=RetentionRuleSerializer)
    def create(self, request: Request) -> Response:
        """Put the posted rule in force, in place of the one of that name."""
        if not isinstance(request.data, dict):
            raise InvalidInputError("the body must be a rule, an object")
        row = save_retention_rule(request.data, by=caller(request))
        return Response(RetentionRuleSerializer(row).data)

    @extend_schema(request=None, responses=RetentionRuleSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, name: str) -> Response:
        """Take it out of force."""
        del name
        row = retire_retention_rule(self.get_object(), by=caller(request))
        return Response(RetentionRuleSerializer(row).data)


class DueSerializer(serializers.Serializer[Any]):
    rule = serializers.CharField()
    what = serializers.CharField(help_text="rows, snapshots, objects or dataset")
    before = serializers.DateTimeField()
    count = serializers.IntegerField(help_text="what one step would delete")
    kept = serializers.ListField(
        child=serializers.CharField(), help_text="why nothing goes, where something stands against"
    )
    more = serializers.BooleanField(help_text="another step is needed")


class DatasetRetentionView(APIView):
    """What the rules of retention would delete of the dataset now; for those who manage it."""

    @extend_schema(responses=DueSerializer(many=True))
    def get(self, request: Request, uuid: UUID) -> Response:
        """A dry run."""
        principal = caller(request)
        dataset = get_visible_dataset(principal, uuid)
        return Response(DueSerializer(preview_retention(dataset, by=principal), many=True).data)


class LegalHoldSerializer(serializers.ModelSerializer[LegalHold]):
    dataset = serializers.UUIDField(source="dataset.uuid", allow_null=True, default=None)
    domain = serializers.CharField(source="domain.slug", allow_null=True, default=None)
    placed_by = serializers.CharField(source="placed_by.username")
    released_by = serializers.CharField(
        source="released_by.username", allow_null=True, default=None
    )

    class Meta:
        model = LegalHold
        fields = [
            "uuid",
            "dataset",
            "domain",
            "tag",
            "is_of_person",
            "reason",
            "placed_by",
            "placed_at",
            "released_by",
            "released_at",
            "release_reason",
        ]
        read_only_fields = fields


class NewHoldSerializer(serializers.Serializer[Any]):
    """One of `dataset` (uuid), `domain` (slug), `tag` and `identifiers` (of a person)."""

    dataset = serializers.UUIDField(required=False)
    domain = serializers.SlugField(required=False)
    tag = serializers.CharField(required=False, max_length=100)
    identifiers = serializers.ListField(child=serializers.DictField(), required=False)
    reason = serializers.CharField(max_length=MAX_TEXT)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"dataset", "domain", "tag", "identifiers"} & attrs.keys()) != 1:
            raise serializers.ValidationError(
                "give one of `dataset`, `domain`, `tag` and `identifiers`"
            )
        return attrs


class ReleaseSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=MAX_TEXT)


class LegalHoldViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[LegalHold]
):
    """Legal holds: stewards see and place those of their domains, administrators all."""

    serializer_class = LegalHoldSerializer
    lookup_field = "uuid"
    newest_first = True

    def get_queryset(self) -> QuerySet[LegalHold]:
        if getattr(self, "swagger_fake_view", False):
            return LegalHold.objects.none()
        return visible_holds(caller(self.request))

    @extend_schema(request=NewHoldSerializer, responses={201: LegalHoldSerializer})
    def create(self, request: Request) -> Response:
        """Hold it from now on: nothing of it is deleted until the hold is released."""
        body = NewHoldSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        principal = caller(request)
        target = _hold_target(principal, body.validated_data)
        row = place_hold(target, by=principal, reason=body.validated_data["reason"])
        return Response(LegalHoldSerializer(row).data, status.HTTP_201_CREATED)

    @extend_schema(request=ReleaseSerializer, responses=LegalHoldSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, uuid: str) -> Response:
        """End it. What it was on a person by is forgotten."""
        del uuid
        body = ReleaseSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = release_hold(self.get_object(), by=caller(request), **body.validated_data)
        return Response(LegalHoldSerializer(row).data)


def _hold_target(
    by: Principal, wanted: dict[str, Any]
) -> Dataset | Domain | Tag | list[Identifier]:
    if "dataset" in wanted:
        return get_visible_dataset(by, wanted["dataset"])
    if "domain" in wanted:
        return get_visible_domain(by, wanted["domain"])
    # Before the tag is looked for: whether it is there is told to nobody else.
    require_administrator(by)
    if "identifiers" in wanted:
        return parse_identifiers(wanted["identifiers"])
    tag = Tag.objects.filter(name=wanted["tag"]).first()
    if tag is None:
        raise NotFoundError("there is no such tag")
    return tag


class ErasureRequestSerializer(serializers.ModelSerializer[ErasureRequest]):
    """`identifiers` is how many were given: the values are shown to nobody."""

    requested_by = serializers.CharField(source="requested_by.username")
    decided_by = serializers.CharField(source="decided_by.username", allow_null=True, default=None)

    class Meta:
        model = ErasureRequest
        fields = [
            "uuid",
            "state",
            "identifiers",
            "everywhere",
            "reason",
            "requested_by",
            "created_at",
            "due_at",
            "plan",
            "planned_at",
            "decided_by",
            "decided_at",
            "comment",
            "last_error",
            "finished_at",
        ]
        read_only_fields = fields


class NewErasureRequestSerializer(serializers.Serializer[Any]):
    """`identifiers`: a list of {"label" or "column", "value"}; a column is namespace:name#field."""

    identifiers = serializers.ListField(child=serializers.DictField())
    reason = serializers.CharField(max_length=MAX_TEXT)
    due_at = serializers.DateTimeField()
    everywhere = serializers.BooleanField(default=False)


class ErasureViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ErasureRequest]
):
    """Erasures of persons, for administrators: asked for, planned by a worker, approved by another, certified."""

    serializer_class = ErasureRequestSerializer
    lookup_field = "uuid"
    newest_first = True

    def get_queryset(self) -> QuerySet[ErasureRequest]:
        if getattr(self, "swagger_fake_view", False):
            return ErasureRequest.objects.none()
        return visible_erasures(caller(self.request))

    @extend_schema(request=NewErasureRequestSerializer, responses={201: ErasureRequestSerializer})
    def create(self, request: Request) -> Response:
        """Ask for one; a worker makes its plan, which changes nothing."""
        principal = caller(request)
        require_administrator(principal)
        body = NewErasureRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = request_erasure(by=principal, **body.validated_data)
        return Response(ErasureRequestSerializer(row).data, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={202: ErasureRequestSerializer})
    @action(detail=True, methods=["post"])
    def plan(self, request: Request, uuid: str) -> Response:
        """Have a worker plan it anew; what was approved is to be approved again."""
        del uuid
        row = replan_erasure(self.get_object(), by=caller(request))
        return Response(ErasureRequestSerializer(row).data, status.HTTP_202_ACCEPTED)

    @extend_schema(request=CommentSerializer, responses=ErasureRequestSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, uuid: str) -> Response:
        """Let it be carried out; by another administrator than who asked."""
        del uuid
        return self._decide(request, approve_erasure)

    @extend_schema(request=CommentSerializer, responses=ErasureRequestSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, uuid: str) -> Response:
        """End it, with a reason; by another administrator than who asked."""
        del uuid
        return self._decide(request, refuse_erasure)

    @extend_schema(request=None, responses=ErasureRequestSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, uuid: str) -> Response:
        """End it before anything was erased."""
        del uuid
        row = withdraw_erasure(self.get_object(), by=caller(request))
        return Response(ErasureRequestSerializer(row).data)

    @extend_schema(responses=dict[str, Any])
    @action(detail=True, methods=["get"])
    def certificate(self, request: Request, uuid: str) -> Response:
        """What was erased, signed; it holds no personal data. 404 until the erasure is done."""
        del request, uuid
        row = self.get_object()
        if row.certificate is None:
            raise NotFoundError("there is no certificate yet")
        return Response(row.certificate)

    def _decide(self, request: Request, decide: Any) -> Response:
        body = CommentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = decide(self.get_object(), by=caller(request), **body.validated_data)
        return Response(ErasureRequestSerializer(row).data)
