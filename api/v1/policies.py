"""Policies as code: draft, publish, retire; JSON in and out, YAML on the command line."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.principal import caller
from core.errors import InvalidInputError, PermissionDeniedError
from governance.facts import load_facts
from governance.models import PolicyVersion
from governance.policy.documents import json_schema, parse_policy
from governance.policy.errors import PolicyDocumentError
from governance.policy.types import Facts, Principal
from governance.services.policies import (
    may_write_policy,
    publish_policy,
    retire_policy,
    save_policy_draft,
)


class PolicyVersionSerializer(serializers.ModelSerializer[PolicyVersion]):
    policy = serializers.CharField(source="policy.name", read_only=True)
    author = serializers.CharField(
        source="author.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = PolicyVersion
        fields = [
            "id",
            "policy",
            "number",
            "status",
            "document",
            "author",
            "created_at",
            "published_at",
            "retired_at",
        ]
        read_only_fields = fields


class PolicyViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[PolicyVersion]
):
    """Versions of the policies that the caller may write; nobody else learns what a policy protects."""

    serializer_class = PolicyVersionSerializer

    def get_queryset(self) -> QuerySet[PolicyVersion]:
        rows = PolicyVersion.objects.select_related("policy", "author")
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        principal = caller(self.request)
        facts = load_facts(principal)
        shown = [
            row.pk
            for row in rows.iterator(chunk_size=500)
            if may_read_policy(principal, row, facts=facts)
        ]
        return rows.filter(pk__in=shown)

    @extend_schema(request=dict[str, Any], responses={201: PolicyVersionSerializer})
    def create(self, request: Request) -> Response:
        """Store the posted document as a draft."""
        if not isinstance(request.data, dict):
            raise InvalidInputError("the body must be a policy document, an object")
        row = save_policy_draft(request.data, by=caller(request))
        return Response(PolicyVersionSerializer(row).data, status.HTTP_201_CREATED)

    @extend_schema(responses={200: dict})
    @action(detail=False, pagination_class=None, url_path="schema")
    def document_schema(self, request: Request) -> Response:
        """The JSON Schema of a policy document."""
        del request
        return Response(json_schema())

    @extend_schema(request=None, responses=PolicyVersionSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        del pk
        row = publish_policy(self.get_object(), by=caller(request))
        return Response(PolicyVersionSerializer(row).data)

    @extend_schema(request=None, responses=PolicyVersionSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: str) -> Response:
        del pk
        row = retire_policy(self.get_object(), by=caller(request))
        return Response(PolicyVersionSerializer(row).data)


def may_read_policy(principal: Principal, row: PolicyVersion, *, facts: Facts) -> bool:
    """Whether the caller may write, and so read, this version; an unreadable one is for superusers."""
    try:
        return may_write_policy(principal, parse_policy(row.document), facts=facts)
    except (PolicyDocumentError, PermissionDeniedError):
        return principal.is_superuser
