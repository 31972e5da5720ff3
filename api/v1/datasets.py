"""Datasets: list, one, and changes to the entry."""

import hashlib
from typing import Any
from uuid import UUID

import orjson
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.pagination import KeysetPagination
from api.v1.dataset_shapes import (
    DatasetDetailSerializer,
    DatasetSerializer,
    FieldSerializer,
    VersionSerializer,
    dataset_data,
    dataset_detail,
    field_rows,
    with_parts,
)
from api.v1.sight import Sight
from catalog.models import Dataset, DatasetVersion, Domain
from catalog.queries.search import MAX_QUERY, matching, tagged
from catalog.services import datasets as services
from core.errors import InvalidInputError, LakewardenError, NotFoundError
from governance.policy.types import Action
from identity.models import User

MAX_DOMAIN_DEPTH = 12
FILTERS = [
    OpenApiParameter("q", str, description="full text, or a part of the name"),
    OpenApiParameter("namespace", str),
    OpenApiParameter("kind", str),
    OpenApiParameter("domain", str, description="slug; what lies below it counts too"),
    OpenApiParameter("tag", str, description="on the dataset or on a field"),
]


class PreconditionFailedError(LakewardenError):
    """The entry changed since the caller read it."""

    code = "precondition-failed"
    status = 412


def narrow(request: Request, sight: Sight) -> tuple[QuerySet[Dataset], str]:
    """The datasets that the request's filters leave of the visible ones, and its search text."""
    params = request.query_params
    text = params.get("q", "").strip().replace("\x00", "")
    if len(text) > MAX_QUERY:
        raise InvalidInputError(f"`q` has at most {MAX_QUERY} characters")
    found = matching(text, visible=sight.visible, described=sight.described)
    if "namespace" in params:
        found = found.filter(namespace=params["namespace"])
    if "kind" in params:
        found = found.filter(kind=params["kind"])
    if "domain" in params:
        found = found.filter(_in_domain(params["domain"]))
    if "tag" in params:
        found = tagged(found, params["tag"], described=sight.described)
    return found, text


def _in_domain(slug: str) -> Q:
    """In the domain or below it; the tree is at most 12 deep."""
    condition, path = Q(), "domain__slug"
    for _ in range(MAX_DOMAIN_DEPTH):
        condition |= Q(**{path: slug})
        path = path.replace("__slug", "__parent__slug")
    return condition


def etag_of(row: Dataset) -> str:
    """Changes with what `PATCH` can change, so that two editors cannot overwrite each other unseen."""
    state = [str(row.uuid), row.description, row.domain_id, row.properties]
    return f'"{hashlib.sha256(orjson.dumps(state, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]}"'


class DatasetListView(APIView):
    """The datasets that the caller may discover."""

    @extend_schema(
        operation_id="catalog_datasets_list",
        parameters=FILTERS,
        responses=DatasetSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        sight = Sight(request)
        found, _ = narrow(request, sight)
        pages = KeysetPagination()
        rows: list[Any] = pages.paginate_queryset(with_parts(found), request, view=self)
        described = sight.described_keys([row.pk for row in rows])
        return pages.get_paginated_response(
            [dataset_data(row, described=row.pk in described) for row in rows]
        )


class DatasetChangeSerializer(serializers.Serializer[Any]):
    description = serializers.CharField(required=False, allow_blank=True, max_length=100_000)
    domain = serializers.SlugField(required=False, allow_null=True)
    properties = serializers.DictField(required=False)


class DatasetView(APIView):
    """One dataset. What needs the permission to view metadata is null without it."""

    @extend_schema(operation_id="catalog_datasets_retrieve", responses=DatasetDetailSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        return _answer(sight, sight.dataset(uuid))

    @extend_schema(
        request=DatasetChangeSerializer,
        responses=DatasetDetailSerializer,
        parameters=[
            OpenApiParameter(
                "If-Match", str, "header", description="the ETag that was read; 412 if it moved on"
            )
        ],
    )
    @transaction.atomic
    def patch(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        found = sight.dataset(uuid, action=Action.MANAGE)
        row = Dataset.objects.select_for_update(of=("self",)).get(pk=found.pk)
        wanted = request.headers.get("If-Match", "*")
        if wanted not in {"*", etag_of(row)}:
            raise PreconditionFailedError("the dataset changed since it was read; read it again")
        body = DatasetChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        _change(row, body.validated_data, sight=sight, actor=request.user.get_username())
        return _answer(sight, row)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uuid: UUID) -> Response:
        row = Sight(request).dataset(uuid, action=Action.ADMINISTER)
        services.delete_dataset(row, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _change(row: Dataset, values: dict[str, Any], *, sight: Sight, actor: str) -> None:
    if "description" in values:
        services.describe(row, description=values["description"], actor=actor)
    if "properties" in values:
        services.set_properties(row, properties=values["properties"], actor=actor)
    if "domain" in values:
        _move(row, slug=values["domain"], sight=sight, actor=actor)


def _move(row: Dataset, *, slug: str | None, sight: Sight, actor: str) -> None:
    """Moving changes whose grants and policies hold, so it takes who administers the old and the new domain."""
    domain = None if slug is None else known_domain(sight, slug)
    for each in (row.domain, domain):
        if each is not None and row.domain != domain:
            sight.require_domain(each)
    services.move_to_domain(row, domain=domain, actor=actor)


def _answer(sight: Sight, row: Dataset) -> Response:
    """The entry as the caller may see it now, which a change may have altered."""
    shown = with_parts(sight.visible.filter(pk=row.pk)).select_related("current_version")
    fresh = shown.defer(None).defer("facet_stamps", "search_text", "search_vector").first()
    if fresh is None:
        raise NotFoundError("there is no such dataset")
    described = bool(sight.described_keys([fresh.pk]))
    data = DatasetDetailSerializer(dataset_detail(fresh, described=described)).data
    return Response(data, headers={"ETag": etag_of(fresh)})


class FieldListView(APIView):
    """The fields of the current schema in its order; with `removed=true` those that are gone, too."""

    @extend_schema(
        parameters=[OpenApiParameter("removed", bool)], responses=FieldSerializer(many=True)
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        row = Sight(request).dataset(uuid, action=Action.VIEW_METADATA)
        with_removed = request.query_params.get("removed") == "true"
        fields = row.fields.all() if with_removed else row.fields.present()
        return Response({"items": field_rows(fields), "next_cursor": None})


class VersionListView(APIView):
    """The versions of a dataset, newest first."""

    newest_first = True

    @extend_schema(
        operation_id="catalog_datasets_versions_list", responses=VersionSerializer(many=True)
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        row = Sight(request).dataset(uuid, action=Action.VIEW_METADATA)
        pages = KeysetPagination()
        rows = pages.paginate_queryset(row.versions.all(), request, view=self)
        return pages.get_paginated_response(VersionSerializer(rows, many=True).data)


class VersionView(APIView):
    """One version."""

    @extend_schema(operation_id="catalog_datasets_versions_retrieve", responses=VersionSerializer)
    def get(self, request: Request, uuid: UUID, number: int) -> Response:
        row = Sight(request).dataset(uuid, action=Action.VIEW_METADATA)
        version = DatasetVersion.objects.filter(dataset=row, number=number).first()
        if version is None:
            raise NotFoundError("there is no such version")
        return Response(VersionSerializer(version).data)


class OwnerView(APIView):
    """Owners of a dataset: PUT adds one, DELETE takes one away."""

    @extend_schema(request=None, responses={204: None})
    def put(self, request: Request, uuid: UUID, kind: str, name: str) -> Response:
        row = Sight(request).dataset(uuid, action=Action.MANAGE)
        owner = _subject(kind, name)
        services.add_owner(row, owner=owner, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uuid: UUID, kind: str, name: str) -> Response:
        row = Sight(request).dataset(uuid, action=Action.MANAGE)
        owner = _subject(kind, name)
        services.remove_owner(row, owner=owner, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _subject(kind: str, name: str) -> User | Group:
    found: User | Group | None = (
        Group.objects.filter(name=name).first()
        if kind == "groups"
        else User.objects.filter(username=name, is_active=True).first()
    )
    if found is None:
        raise NotFoundError(f"there is no such {kind.removesuffix('s')}")
    return found


def known_domain(sight: Sight, slug: str) -> Domain:
    """The domain of this slug, if the caller may know of it; NotFoundError otherwise."""
    found = sight.domains.filter(slug=slug).first()
    if found is None:
        raise NotFoundError("there is no such domain")
    return found
