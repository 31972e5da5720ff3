"""Fields of a dataset: the list, one, and what people say of it."""

from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.v1.conditional import (
    FIELDS,
    IF_MATCH,
    IF_NONE_MATCH,
    answer,
    require_match,
    sparse,
    wanted_fields,
)
from api.v1.dataset_shapes import FieldSerializer, field_rows
from api.v1.sight import Sight
from catalog.models import Dataset, Field
from catalog.services.fields import describe_field
from catalog.services.properties import set_field_properties
from core.errors import NotFoundError
from governance.policy.types import Action


class FieldListView(APIView):
    """The fields of the current schema in its order; with `removed=true` those that are gone, too."""

    @extend_schema(
        parameters=[OpenApiParameter("removed", bool), FIELDS],
        responses=FieldSerializer(many=True),
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        row = Sight(request).dataset(uuid, action=Action.VIEW_METADATA)
        with_removed = request.query_params.get("removed") == "true"
        items = field_rows(row.fields.all() if with_removed else row.fields.present())
        names = wanted_fields(request, known=FieldSerializer().fields)
        return Response({"items": [sparse(each, names) for each in items], "next_cursor": None})


class FieldChangeSerializer(serializers.Serializer[Any]):
    description = serializers.CharField(required=False, allow_blank=True, max_length=100_000)
    properties = serializers.DictField(required=False)


class FieldView(APIView):
    """One field. Name and type come from the schema; description and properties from people."""

    @extend_schema(
        operation_id="catalog_datasets_fields_retrieve",
        parameters=[FIELDS, IF_NONE_MATCH],
        responses=FieldSerializer,
    )
    def get(self, request: Request, uuid: UUID, field: UUID) -> Response:
        row = Sight(request).dataset(uuid, action=Action.VIEW_METADATA)
        return answer(request, field_data(find_field(row, field)))

    @extend_schema(
        operation_id="catalog_datasets_fields_partial_update",
        request=FieldChangeSerializer,
        parameters=[IF_MATCH],
        responses=FieldSerializer,
    )
    @transaction.atomic
    def patch(self, request: Request, uuid: UUID, field: UUID) -> Response:
        row = Sight(request).dataset(uuid, action=Action.MANAGE)
        found = find_field(row, field, lock=True)
        require_match(request, field_data(found))
        body = FieldChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values, actor = body.validated_data, request.user.get_username()
        if "description" in values:
            describe_field(found, description=values["description"], actor=actor)
        if "properties" in values:
            set_field_properties(found, properties=values["properties"], actor=actor)
        return answer(request, field_data(find_field(row, field)))


def find_field(dataset: Dataset, uuid: UUID, *, lock: bool = False) -> Field:
    """The field of the dataset; NotFoundError if it has none of this id."""
    rows = Field.objects.filter(dataset=dataset, uuid=uuid).select_related("dataset")
    found = (rows.select_for_update(of=("self",), no_key=True) if lock else rows).first()
    if found is None:
        raise NotFoundError("there is no such field")
    return found


def field_data(row: Field) -> dict[str, Any]:
    """One field as the API shows it."""
    return field_rows(Field.objects.filter(pk=row.pk))[0]
