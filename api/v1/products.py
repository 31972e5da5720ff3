"""Data products, their owners and ports."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
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
    members_of,
    require_match,
)
from api.v1.dataset_shapes import OwnerSerializer
from api.v1.datasets import find_subject, known_domain
from api.v1.lists import listed, page_of, paging, text_of
from api.v1.sight import Sight
from catalog.models import DataProduct
from catalog.models.product import PortDirection, ProductStatus
from catalog.services import products as services
from core.errors import NotFoundError
from governance.vocabulary import visible_products
from identity.models import User

ORDERS = ("name", "created_at", "updated_at")


class PortSerializer(serializers.Serializer[Any]):
    uuid = serializers.UUIDField(help_text="of the dataset")
    namespace = serializers.CharField()
    name = serializers.CharField()
    direction = serializers.ChoiceField(choices=PortDirection.choices)


class ProductSerializer(serializers.Serializer[Any]):
    uuid = serializers.UUIDField()
    domain = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(choices=ProductStatus.choices)
    owners = OwnerSerializer(many=True)
    ports = PortSerializer(many=True, help_text="of the datasets that you may discover")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ProductChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, max_length=100_000)
    status = serializers.ChoiceField(required=False, choices=ProductStatus.choices)


class NewProductSerializer(ProductChangeSerializer):
    name = serializers.CharField(max_length=200)
    domain = serializers.SlugField()


class ProductListView(APIView):
    """The products of the domains that the caller may know of, and those that they own."""

    @extend_schema(
        operation_id="catalog_products_list",
        parameters=[
            OpenApiParameter("q", str, description="a part of the name"),
            OpenApiParameter("domain", str, description="slug"),
            OpenApiParameter("status", str, enum=ProductStatus.values),
            *paging(*ORDERS),
        ],
        responses=ProductSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        sight = Sight(request)
        found = _with_parts(visible_products(sight.principal, facts=sight.facts))
        params = request.query_params
        if text := text_of(request):
            found = found.filter(name__icontains=text)
        if "domain" in params:
            found = found.filter(domain__slug=params["domain"])
        if "status" in params:
            found = found.filter(status=params["status"])
        rows, cursor = page_of(found, request, orders=ORDERS)
        shown = _shown_datasets(sight, rows)
        return listed(
            request,
            rows,
            cursor,
            render=lambda row: _product_data(row, shown=shown),
            members=members_of(ProductSerializer),
        )

    @extend_schema(request=NewProductSerializer, responses={201: ProductSerializer})
    @transaction.atomic
    def post(self, request: Request) -> Response:
        """Make a product; for stewards of its domain."""
        body = NewProductSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = dict(body.validated_data)
        sight = Sight(request)
        domain = known_domain(sight, values.pop("domain"))
        sight.require_domain(domain)
        made = services.create_product(domain=domain, actor=request.user.get_username(), **values)
        return answer(request, _detail(sight, made.uuid), status=status.HTTP_201_CREATED)


class ProductView(APIView):
    """One product; changed and removed by stewards of its domain."""

    @extend_schema(
        operation_id="catalog_products_retrieve",
        parameters=[FIELDS, IF_NONE_MATCH],
        responses=ProductSerializer,
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        return answer(request, _detail(Sight(request), uuid))

    @extend_schema(
        operation_id="catalog_products_partial_update",
        request=ProductChangeSerializer,
        parameters=[IF_MATCH],
        responses=ProductSerializer,
    )
    @transaction.atomic
    def patch(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        row = _locked(request, sight, uuid)
        body = ProductChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.change_product(
            row, changes=dict(body.validated_data), actor=request.user.get_username()
        )
        return answer(request, _detail(sight, uuid))

    @extend_schema(parameters=[IF_MATCH], responses={204: None})
    @transaction.atomic
    def delete(self, request: Request, uuid: UUID) -> Response:
        row = _locked(request, Sight(request), uuid)
        services.delete_product(row, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProductOwnerView(APIView):
    """Who answers for a product: PUT adds, DELETE takes away."""

    @extend_schema(request=None, responses={204: None})
    def put(self, request: Request, uuid: UUID, kind: str, name: str) -> Response:
        row, owner = _stewarded(request, uuid), find_subject(kind, name)
        services.add_product_owner(row, owner=owner, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uuid: UUID, kind: str, name: str) -> Response:
        row = _stewarded(request, uuid)
        owner: User | Group = find_subject(kind, name)
        services.remove_product_owner(row, owner=owner, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProductPortView(APIView):
    """A port of a product, a dataset that the steward may discover: PUT adds, DELETE takes away."""

    @extend_schema(request=None, responses={204: None})
    def put(self, request: Request, uuid: UUID, direction: str, dataset: UUID) -> Response:
        row = _stewarded(request, uuid)
        services.add_port(
            row,
            dataset=Sight(request).dataset(dataset),
            direction=_direction(direction),
            actor=request.user.get_username(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uuid: UUID, direction: str, dataset: UUID) -> Response:
        row = _stewarded(request, uuid)
        services.remove_port(
            row,
            dataset=Sight(request).dataset(dataset),
            direction=_direction(direction),
            actor=request.user.get_username(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


def _direction(plural: str) -> str:
    return PortDirection.INPUT if plural == "inputs" else PortDirection.OUTPUT


def find_product(sight: Sight, uuid: UUID) -> DataProduct:
    """The product, if the caller may know of it; NotFoundError otherwise."""
    rows = visible_products(sight.principal, facts=sight.facts)
    found = rows.filter(uuid=uuid).select_related("domain").first()
    if found is None:
        raise NotFoundError("there is no such product")
    return found


def _stewarded(request: Request, uuid: UUID) -> DataProduct:
    sight = Sight(request)
    found = find_product(sight, uuid)
    sight.require_domain(found.domain)
    return found


def _locked(request: Request, sight: Sight, uuid: UUID) -> DataProduct:
    """The product, if the caller stewards its domain, its row locked, in the state that `If-Match` means."""
    found = find_product(sight, uuid)
    sight.require_domain(found.domain)
    row = (
        DataProduct.objects.select_for_update(of=("self",))
        .select_related("domain")
        .get(pk=found.pk)
    )
    require_match(request, _detail(sight, uuid))
    return row


def _with_parts(rows: QuerySet[DataProduct]) -> QuerySet[DataProduct]:
    return rows.select_related("domain").prefetch_related(
        "owners__user", "owners__group", "ports__dataset"
    )


def _shown_datasets(sight: Sight, rows: list[DataProduct]) -> set[int]:
    """Which of the ports' datasets the caller may discover; one query."""
    named = {port.dataset_id for row in rows for port in row.ports.all()}
    return set(sight.visible.filter(pk__in=named).values_list("pk", flat=True))


def _product_data(row: DataProduct, *, shown: set[int]) -> dict[str, Any]:
    ports = [each for each in row.ports.all() if each.dataset_id in shown]
    return {
        "uuid": str(row.uuid),
        "domain": row.domain.slug,
        "name": row.name,
        "description": row.description,
        "status": row.status,
        "owners": [
            {"kind": "user" if each.user_id else "group", "name": str(each)}
            for each in sorted(row.owners.all(), key=lambda each: each.pk)
        ],
        "ports": [
            {
                "uuid": str(each.dataset.uuid),
                "namespace": each.dataset.namespace,
                "name": each.dataset.name,
                "direction": each.direction,
            }
            for each in sorted(ports, key=lambda each: each.pk)
        ],
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _detail(sight: Sight, uuid: UUID) -> dict[str, Any]:
    found = find_product(sight, uuid)
    row = _with_parts(DataProduct.objects.filter(pk=found.pk)).get()
    return _product_data(row, shown=_shown_datasets(sight, [row]))
