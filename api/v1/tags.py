"""Tags: those in use, and putting them on datasets and fields."""

from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
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
from api.v1.fields import find_field
from api.v1.lists import text_of
from api.v1.sight import Sight
from catalog.models import Field, Tag
from catalog.queries.search import tag_counts, tagged
from catalog.services import tags as services
from core.errors import ConflictError, NotFoundError, PermissionDeniedError
from governance.policy.types import Action
from governance.queries import administered_domains
from governance.vocabulary import is_administrator, require_administrator


class TagSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    datasets = serializers.IntegerField(help_text="datasets that bear it, of those you may view")


class NewTagSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=10_000
    )


class TagChangeSerializer(serializers.Serializer[Any]):
    description = serializers.CharField(allow_blank=True, max_length=10_000)


class TagListView(APIView):
    """The tags on what the caller may view, most used first."""

    @extend_schema(
        operation_id="catalog_tags_list",
        parameters=[OpenApiParameter("q", str, description="a part of the name"), FIELDS],
        responses=TagSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        text = text_of(request)
        counts = [pair for pair in tag_counts(Sight(request).described) if text in pair[0]]
        told = _descriptions([name for name, _ in counts])
        items = [
            {"name": name, "description": told[name], "datasets": count} for name, count in counts
        ]
        names = wanted_fields(request, known=TagSerializer().fields)
        return Response({"items": [sparse(each, names) for each in items], "next_cursor": None})

    @extend_schema(request=NewTagSerializer, responses={201: TagSerializer})
    def post(self, request: Request) -> Response:
        """Add a word to the vocabulary: for those who steward a domain. ConflictError if it is there."""
        sight = Sight(request)
        if not (
            is_administrator(sight.principal)
            or administered_domains(sight.principal, facts=sight.facts)
        ):
            raise PermissionDeniedError("stewards of a domain make tags")
        body = NewTagSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        if Tag.objects.filter(name=values["name"]).exists():
            raise ConflictError("there is a tag of this name")
        tag = services.ensure_tag(
            name=values["name"],
            description=values["description"],
            actor=request.user.get_username(),
        )
        data = {"name": tag.name, "description": tag.description, "datasets": 0}
        return answer(request, data, status=status.HTTP_201_CREATED)


class TagView(APIView):
    """One tag, for those who view something that bears it, and for administrators, who describe and remove it."""

    @extend_schema(
        operation_id="catalog_tags_retrieve",
        parameters=[FIELDS, IF_NONE_MATCH],
        responses=TagSerializer,
    )
    def get(self, request: Request, tag: str) -> Response:
        return answer(request, _tag_data(Sight(request), tag))

    @extend_schema(
        operation_id="catalog_tags_partial_update",
        request=TagChangeSerializer,
        parameters=[IF_MATCH],
        responses=TagSerializer,
    )
    @transaction.atomic
    def patch(self, request: Request, tag: str) -> Response:
        row = _locked_tag(request, tag)
        body = TagChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.describe_tag(
            row,
            description=body.validated_data["description"],
            actor=request.user.get_username(),
        )
        return answer(request, _tag_data(Sight(request), tag))

    @extend_schema(parameters=[IF_MATCH], responses={204: None})
    @transaction.atomic
    def delete(self, request: Request, tag: str) -> Response:
        services.remove_tag(_locked_tag(request, tag), actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _descriptions(names: list[str]) -> dict[str, str]:
    return dict(Tag.objects.filter(name__in=names).values_list("name", "description"))


def _tag_data(sight: Sight, name: str) -> dict[str, Any]:
    """The tag with the count of what the caller may view; NotFoundError to who views nothing that bears it."""
    count = tagged(sight.described, name).count()
    row = Tag.objects.filter(name=name).first()
    if row is None or not (count or is_administrator(sight.principal)):
        raise NotFoundError("there is no such tag")
    return {"name": row.name, "description": row.description, "datasets": count}


def _locked_tag(request: Request, name: str) -> Tag:
    sight = Sight(request)
    data = _tag_data(sight, name)
    require_administrator(sight.principal)
    row = Tag.objects.select_for_update().get(name=name)
    require_match(request, {**data, "description": row.description})
    return row


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
    return find_field(Sight(request).dataset(uuid, action=Action.MANAGE), field)
