"""Datasets: list, one, and changes to the entry."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction
from drf_spectacular.utils import extend_schema
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
from api.v1.dataset_filters import FILTERS, next_rows, read_filters, read_text
from api.v1.dataset_shapes import (
    DatasetDetailSerializer,
    DatasetSerializer,
    dataset_detail,
    listed_data,
    with_parts,
)
from api.v1.lists import CountedPages, listed, page_of, paging
from api.v1.sight import Sight
from catalog.models import Dataset, Domain
from catalog.models.dataset import DatasetKind, DatasetStructure
from catalog.queries.listed import listed_datasets
from catalog.services import datasets as services
from core.errors import ConflictError, NotFoundError, PermissionDeniedError
from governance.policy.types import Action
from governance.search import matching_ids
from governance.services.grants import require_other_owner
from governance.vocabulary import is_administrator
from identity.models import User

ORDERS = ("name", "namespace", "created_at", "updated_at")


class NewFieldSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=500)
    type = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)
    description = serializers.CharField(required=False, allow_blank=True, default="")
    nullable = serializers.BooleanField(required=False, default=True)


class NewDatasetSerializer(serializers.Serializer[Any]):
    namespace = serializers.CharField(max_length=500)
    name = serializers.CharField(max_length=1000)
    kind = serializers.ChoiceField(choices=DatasetKind.choices, default=DatasetKind.TABLE)
    structure = serializers.ChoiceField(
        choices=DatasetStructure.choices, default=DatasetStructure.STRUCTURED
    )
    media_type = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)
    description = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=100_000
    )
    domain = serializers.SlugField(required=False, allow_null=True, default=None)
    properties = serializers.DictField(required=False, default=dict)
    fields = NewFieldSerializer(many=True, required=False, default=list)  # type: ignore[assignment]


def _create(values: dict[str, Any], *, sight: Sight, actor: str) -> Dataset:
    """INVARIANT: a name that a hidden entry has and one that the caller may not make are refused in the same words."""
    domain = None if values["domain"] is None else known_domain(sight, values["domain"])
    if domain is not None:
        sight.require_domain(domain)
    elif not is_administrator(sight.principal):
        raise PermissionDeniedError("only administrators make datasets outside of domains")
    name = {"namespace": values["namespace"], "name": values["name"]}
    taken = services.find_dataset(**name)
    if taken is not None and taken.deleted_at is None:
        if sight.visible.filter(pk=taken.pk).exists():
            raise ConflictError("there is a dataset of this name")
        raise PermissionDeniedError("you may not manage a dataset of this name")
    about = {key: values[key] for key in ("kind", "structure", "media_type", "description")}
    row = services.ensure_dataset(**name, **about, domain=domain, actor=actor)
    if values["properties"]:
        services.set_properties(row, properties=values["properties"], actor=actor)
    if values["fields"]:
        services.record_version(dataset=row, schema=values["fields"], actor=actor)
    return row


class DatasetListView(APIView):
    """The datasets that the caller may discover, and their exact number under the filters."""

    pagination_class = CountedPages

    @extend_schema(
        operation_id="catalog_datasets_list",
        parameters=[*FILTERS, *paging(*ORDERS)],
        responses=DatasetSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        view = matching_ids(caller(request), read_text(request), filters=read_filters(request))
        few = next_rows(view.found, request, orders=ORDERS)
        rows, cursor = page_of(few.only("pk", *ORDERS), request, orders=ORDERS)
        return listed(
            request,
            listed_datasets(row.pk for row in rows),
            cursor,
            render=lambda row: listed_data(row, described=row.pk in view.described),
            members=members_of(DatasetSerializer),
            total=len(view.found),
        )

    @extend_schema(
        operation_id="catalog_datasets_create",
        request=NewDatasetSerializer,
        responses={201: DatasetDetailSerializer},
    )
    @transaction.atomic
    def post(self, request: Request) -> Response:
        """Make an entry in a domain that the caller administers; administrators make them anywhere."""
        body = NewDatasetSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        sight = Sight(request)
        row = _create(body.validated_data, sight=sight, actor=request.user.get_username())
        return answer(request, _shown(Sight(request), row.uuid), status=status.HTTP_201_CREATED)


class DatasetChangeSerializer(serializers.Serializer[Any]):
    description = serializers.CharField(required=False, allow_blank=True, max_length=100_000)
    domain = serializers.SlugField(required=False, allow_null=True)
    properties = serializers.DictField(required=False)


class DatasetView(APIView):
    """One dataset. What needs the permission to view metadata is null without it."""

    @extend_schema(
        operation_id="catalog_datasets_retrieve",
        parameters=[FIELDS, IF_NONE_MATCH],
        responses=DatasetDetailSerializer,
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        return answer(request, _shown(Sight(request), uuid))

    @extend_schema(
        request=DatasetChangeSerializer,
        responses=DatasetDetailSerializer,
        parameters=[IF_MATCH],
    )
    @transaction.atomic
    def patch(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        found = sight.dataset(uuid, action=Action.MANAGE)
        row = Dataset.objects.select_for_update(of=("self",)).get(pk=found.pk)
        require_match(request, _shown(sight, row.uuid))
        body = DatasetChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        _change(row, body.validated_data, sight=sight, actor=request.user.get_username())
        return answer(request, _shown(Sight(request), row.uuid))

    @extend_schema(parameters=[IF_MATCH], responses={204: None})
    @transaction.atomic
    def delete(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        found = sight.dataset(uuid, action=Action.ADMINISTER)
        row = Dataset.objects.select_for_update(of=("self",)).get(pk=found.pk)
        require_match(request, _shown(sight, row.uuid))
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


def _shown(sight: Sight, uuid: UUID) -> dict[str, Any]:
    """The entry as the caller may see it now, which a change may have altered; NotFoundError where it is not shown."""
    shown = with_parts(sight.visible.filter(uuid=uuid)).select_related("current_version")
    fresh = shown.defer(None).defer("facet_stamps").first()
    if fresh is None:
        raise NotFoundError("there is no such dataset")
    described = bool(sight.described_keys([fresh.pk]))
    return dict(
        DatasetDetailSerializer(dataset_detail(fresh, described=described, runs=sight.runs)).data
    )


class OwnerView(APIView):
    """Owners of a dataset: PUT adds one, DELETE takes one away."""

    @extend_schema(request=None, responses={204: None})
    def put(self, request: Request, uuid: UUID, kind: str, name: str) -> Response:
        row = Sight(request).dataset(uuid, action=Action.MANAGE)
        owner = find_subject(kind, name)
        require_other_owner(caller(request), row, owner)
        services.add_owner(row, owner=owner, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uuid: UUID, kind: str, name: str) -> Response:
        row = Sight(request).dataset(uuid, action=Action.MANAGE)
        owner = find_subject(kind, name)
        services.remove_owner(row, owner=owner, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


def find_subject(kind: str, name: str) -> User | Group:
    """The active user or the group (`users`, `groups`) of this name; NotFoundError if there is none."""
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
