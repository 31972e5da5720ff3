"""Tags: those in use, and putting them on datasets and fields."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.v1.sight import Sight
from catalog.models import Field, Tag
from catalog.queries.search import tag_counts
from catalog.services import tags as services
from core.errors import NotFoundError
from governance.policy.types import Action


class TagSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    datasets = serializers.IntegerField(help_text="datasets that bear it, of those you may view")


class TagListView(APIView):
    """The tags on what the caller may view, most used first."""

    @extend_schema(responses=TagSerializer(many=True))
    def get(self, request: Request) -> Response:
        counts = tag_counts(Sight(request).described)
        told = dict(
            Tag.objects.filter(name__in=[name for name, _ in counts]).values_list(
                "name", "description"
            )
        )
        items = [
            {"name": name, "description": told[name], "datasets": count} for name, count in counts
        ]
        return Response({"items": items, "next_cursor": None})


class DatasetTagView(APIView):
    """A tag of a dataset: PUT sets it, DELETE takes it off."""

    @extend_schema(request=None, responses={204: None})
    def put(self, request: Request, uuid: UUID, tag: str) -> Response:
        row = Sight(request).dataset(uuid, action=Action.MANAGE)
        services.tag_dataset(row, tag=tag, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uuid: UUID, tag: str) -> Response:
        row = Sight(request).dataset(uuid, action=Action.MANAGE)
        services.untag_dataset(row, tag=tag, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


class FieldTagView(APIView):
    """A tag of a field: PUT sets it, DELETE takes it off."""

    @extend_schema(request=None, responses={204: None})
    def put(self, request: Request, uuid: UUID, field: UUID, tag: str) -> Response:
        found = _field(request, uuid, field)
        services.tag_field(found, tag=tag, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uuid: UUID, field: UUID, tag: str) -> Response:
        found = _field(request, uuid, field)
        services.untag_field(found, tag=tag, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _field(request: Request, uuid: UUID, field: UUID) -> Field:
    row = Sight(request).dataset(uuid, action=Action.MANAGE)
    found = Field.objects.filter(dataset=row, uuid=field).select_related("dataset").first()
    if found is None:
        raise NotFoundError("there is no such field")
    return found
