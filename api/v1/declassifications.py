"""Derivations along which no label flows: who answers for the source's data declares them, and takes them back."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from api.principal import caller
from catalog.models import Field
from core.errors import NotFoundError
from governance.models import Declassification
from governance.policy.types import Action, Principal
from governance.queries import load_facts, visible_datasets
from governance.services.labels import approve_declassification, withdraw_declassification


class DeclassificationSerializer(serializers.ModelSerializer[Declassification]):
    source_field = serializers.UUIDField(source="source.uuid", read_only=True)
    target_field = serializers.UUIDField(source="target.uuid", read_only=True)
    source_name = serializers.CharField(source="source.name", read_only=True)
    target_name = serializers.CharField(source="target.name", read_only=True)
    approved_by = serializers.CharField(
        source="approved_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = Declassification
        fields = [
            "id",
            "source_field",
            "source_name",
            "target_field",
            "target_name",
            "reason",
            "approved_by",
            "approved_at",
        ]
        read_only_fields = fields


class NewDeclassificationSerializer(serializers.Serializer[Any]):
    source_field = serializers.UUIDField(help_text="the field that bears the label")
    target_field = serializers.UUIDField(help_text="the field derived from it")
    reason = serializers.CharField(max_length=2000, help_text="why nothing protected is left")


class DeclassificationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Declassification]
):
    """Those from fields of datasets that the caller administers to fields that they may know of."""

    serializer_class = DeclassificationSerializer
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Declassification]:
        if getattr(self, "swagger_fake_view", False):
            return Declassification.objects.none()
        principal = caller(self.request)
        facts = load_facts(principal)
        mine = visible_datasets(principal, action=Action.ADMINISTER, facts=facts).order_by()
        known = visible_datasets(principal, action=Action.VIEW_METADATA, facts=facts).order_by()
        rows = Declassification.objects.filter(
            source__dataset__in=mine.values("pk"), target__dataset__in=known.values("pk")
        )
        return rows.select_related("source", "target", "approved_by")

    @extend_schema(
        request=NewDeclassificationSerializer, responses={201: DeclassificationSerializer}
    )
    def create(self, request: Request) -> Response:
        """Stop labels between two fields from now on."""
        body = NewDeclassificationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted, principal = body.validated_data, caller(request)
        row = approve_declassification(
            _field(principal, wanted["source_field"]),
            _field(principal, wanted["target_field"]),
            by=principal,
            reason=wanted["reason"],
        )
        return Response(DeclassificationSerializer(row).data, status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Let labels flow again."""
        del pk
        withdraw_declassification(self.get_object(), by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _field(principal: Principal, uuid: UUID) -> Field:
    known = visible_datasets(principal, action=Action.VIEW_METADATA).order_by()
    rows = Field.objects.present().filter(uuid=uuid, dataset__in=known.values("pk"))
    found = rows.select_related("dataset").first()
    if found is None:
        raise NotFoundError("there is no such field")
    return found
