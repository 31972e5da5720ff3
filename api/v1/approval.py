"""Rules of approval, and who decides for whom."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.principal import caller
from catalog.models import Dataset, Domain
from core.errors import InvalidInputError, NotFoundError
from governance.approval.rules import parse_rule
from governance.facts import load_facts
from governance.models import Delegation, RequestRule
from governance.policy.types import Principal
from governance.queries import get_visible_dataset, get_visible_domain
from governance.services.delegations import delegate_decisions, end_delegation
from governance.services.rules import may_write_rule, retire_rule, save_rule
from governance.vocabulary import is_administrator
from identity.models import User


class RequestRuleSerializer(serializers.ModelSerializer[RequestRule]):
    author = serializers.CharField(
        source="author.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = RequestRule
        fields = ["name", "version", "document", "author", "changed_at", "retired_at"]
        read_only_fields = fields


class RequestRuleViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[RequestRule]
):
    """The rules of approval that the caller may write: who must agree to which requests."""

    serializer_class = RequestRuleSerializer
    lookup_field = "name"

    def get_queryset(self) -> QuerySet[RequestRule]:
        rows = RequestRule.objects.select_related("author").order_by("pk")
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        principal = caller(self.request)
        facts = load_facts(principal)
        shown = [
            row.pk
            for row in rows
            if may_write_rule(principal, parse_rule(row.document), facts=facts)
        ]
        return rows.filter(pk__in=shown)

    @extend_schema(request=dict[str, Any], responses=RequestRuleSerializer)
    def create(self, request: Request) -> Response:
        """Put the posted rule in force, in place of the one of that name."""
        if not isinstance(request.data, dict):
            raise InvalidInputError("the body must be a rule, an object")
        row = save_rule(request.data, by=caller(request))
        return Response(RequestRuleSerializer(row).data)

    @extend_schema(request=None, responses=RequestRuleSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, name: str) -> Response:
        """Take it out of force."""
        del name
        row = retire_rule(self.get_object(), by=caller(request))
        return Response(RequestRuleSerializer(row).data)


class DelegationSerializer(serializers.ModelSerializer[Delegation]):
    person = serializers.CharField(source="person.username", read_only=True)
    delegate = serializers.CharField(
        source="delegate.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = Delegation
        fields = ["uuid", "person", "delegate", "starts_at", "ends_at", "ended_at"]
        read_only_fields = fields


class NewDelegationSerializer(serializers.Serializer[Any]):
    """`person` is the caller where it is left out. At most one of `dataset` and `domain` narrows it."""

    person = serializers.CharField(required=False)
    delegate = serializers.CharField(
        required=False, allow_null=True, help_text="null: nobody stands in"
    )
    dataset = serializers.UUIDField(required=False)
    domain = serializers.SlugField(required=False)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "dataset" in attrs and "domain" in attrs:
            raise serializers.ValidationError("give at most one of `dataset` and `domain`")
        return attrs


class DelegationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Delegation]
):
    """Who decides requests for the caller while they are away, and for whom the caller does."""

    serializer_class = DelegationSerializer
    lookup_field = "uuid"
    newest_first = True

    def get_queryset(self) -> QuerySet[Delegation]:
        rows = Delegation.objects.select_related("person", "delegate")
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        principal = caller(self.request)
        if is_administrator(principal):
            return rows
        return rows.filter(Q(person=principal.id) | Q(delegate=principal.id))

    @extend_schema(request=NewDelegationSerializer, responses={201: DelegationSerializer})
    def create(self, request: Request) -> Response:
        """Name a delegate for a time, or say that nobody stands in."""
        body = NewDelegationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted, principal = body.validated_data, caller(request)
        delegate = wanted.get("delegate")
        row = delegate_decisions(
            by=principal,
            person=_user(wanted.get("person", principal.username)),
            delegate=None if delegate is None else _user(delegate),
            starts_at=wanted["starts_at"],
            ends_at=wanted["ends_at"],
            target=_target(principal, wanted),
        )
        return Response(DelegationSerializer(row).data, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=DelegationSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, uuid: UUID) -> Response:
        """End it now, with the right that came with it."""
        del uuid
        row = end_delegation(self.get_object(), by=caller(request))
        return Response(DelegationSerializer(row).data)


def _user(name: str) -> User:
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise NotFoundError(f"there is no user `{name}`")
    return found


def _target(principal: Principal, wanted: dict[str, Any]) -> Dataset | Domain | None:
    if "dataset" in wanted:
        return get_visible_dataset(principal, wanted["dataset"])
    if "domain" in wanted:
        return get_visible_domain(principal, wanted["domain"])
    return None
