"""Declarations of custom properties. Administrators write them; who describes entries needs to read them."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.principal import caller
from api.v1.conditional import (
    FIELDS,
    IF_MATCH,
    IF_NONE_MATCH,
    answer,
    members_of,
    require_match,
)
from api.v1.lists import listed, page_of, paging
from catalog.models import PropertyDefinition
from catalog.models.properties import PropertyTarget
from catalog.services import properties as services
from core.errors import NotFoundError
from governance.vocabulary import require_administrator

ORDERS = ("name", "updated_at")


class PropertySerializer(serializers.ModelSerializer[PropertyDefinition]):
    class Meta:
        model = PropertyDefinition
        fields = ["name", "applies_to", "schema", "description", "created_at", "updated_at"]
        read_only_fields = fields


class PropertyChangeSerializer(serializers.Serializer[Any]):
    schema = serializers.JSONField(help_text="JSON Schema (draft 2020-12) of one value")
    description = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=10_000
    )


class NewPropertySerializer(PropertyChangeSerializer):
    name = serializers.CharField(max_length=100)
    applies_to = serializers.ChoiceField(choices=PropertyTarget.choices)


class PropertyListView(APIView):
    """The declared properties."""

    @extend_schema(
        operation_id="catalog_properties_list",
        parameters=[
            OpenApiParameter("applies_to", str, enum=PropertyTarget.values),
            *paging(*ORDERS),
        ],
        responses=PropertySerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        found = PropertyDefinition.objects.all()
        if "applies_to" in request.query_params:
            found = found.filter(applies_to=request.query_params["applies_to"])
        rows, cursor = page_of(found, request, orders=ORDERS)
        return listed(request, rows, cursor, render=_data, members=members_of(PropertySerializer))

    @extend_schema(request=NewPropertySerializer, responses={201: PropertySerializer})
    def post(self, request: Request) -> Response:
        """Declare a property; for administrators."""
        require_administrator(caller(request))
        body = NewPropertySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = services.define_property(actor=request.user.get_username(), **body.validated_data)
        return answer(request, _data(row), status=status.HTTP_201_CREATED)


class PropertyView(APIView):
    """One declaration; replaced and removed by administrators. Values that are there stay as they are."""

    @extend_schema(
        operation_id="catalog_properties_retrieve",
        parameters=[FIELDS, IF_NONE_MATCH],
        responses=PropertySerializer,
    )
    def get(self, request: Request, applies_to: str, name: str) -> Response:
        return answer(request, _data(_find(applies_to, name)))

    @extend_schema(
        operation_id="catalog_properties_update",
        request=PropertyChangeSerializer,
        parameters=[IF_MATCH],
        responses=PropertySerializer,
    )
    @transaction.atomic
    def put(self, request: Request, applies_to: str, name: str) -> Response:
        row = _locked(request, applies_to, name)
        body = PropertyChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.change_property(row, actor=request.user.get_username(), **body.validated_data)
        return answer(request, _data(_find(applies_to, name)))

    @extend_schema(parameters=[IF_MATCH], responses={204: None})
    @transaction.atomic
    def delete(self, request: Request, applies_to: str, name: str) -> Response:
        row = _locked(request, applies_to, name)
        services.remove_property(row, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _find(applies_to: str, name: str) -> PropertyDefinition:
    found = PropertyDefinition.objects.filter(applies_to=applies_to, name=name).first()
    if found is None:
        raise NotFoundError("no such property is declared")
    return found


def _locked(request: Request, applies_to: str, name: str) -> PropertyDefinition:
    require_administrator(caller(request))
    found = _find(applies_to, name)
    row = PropertyDefinition.objects.select_for_update().get(pk=found.pk)
    require_match(request, _data(row))
    return row


def _data(row: PropertyDefinition) -> dict[str, Any]:
    return dict(PropertySerializer(row).data)
