"""Domains: the tree as the caller may know it."""

from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet
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
from api.v1.datasets import known_domain
from api.v1.lists import listed, page_of, paging, text_of
from api.v1.sight import Sight
from catalog.models import Domain
from catalog.services.domains import change_domain, create_domain, delete_domain
from catalog.services.properties import set_domain_properties
from core.errors import PermissionDeniedError

ORDERS = ("name", "slug")


class DomainSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    parent = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    datasets = serializers.IntegerField(help_text="directly in it, of those you may discover")
    stewards = serializers.ListField(child=serializers.CharField())
    properties = serializers.JSONField()


class NewDomainSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True, default="")
    parent = serializers.SlugField(  # type: ignore[assignment]
        required=False, allow_null=True, default=None
    )


class DomainChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, max_length=120)
    description = serializers.CharField(required=False, allow_blank=True, max_length=100_000)
    properties = serializers.DictField(required=False)


class DomainListView(APIView):
    """The domains that hold something the caller may discover; administrators make new ones."""

    @extend_schema(
        operation_id="catalog_domains_list",
        parameters=[
            OpenApiParameter("q", str, description="a part of the name"),
            OpenApiParameter("parent", str, description="slug; those right below it"),
            *paging(*ORDERS),
        ],
        responses=DomainSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        sight = Sight(request)
        shown = with_parts(sight.domains, sight=sight)
        if text := text_of(request):
            shown = shown.filter(name__icontains=text)
        if "parent" in request.query_params:
            shown = shown.filter(parent__slug=request.query_params["parent"])
        rows, cursor = page_of(shown, request, orders=ORDERS)
        return listed(
            request, rows, cursor, render=domain_data, members=members_of(DomainSerializer)
        )

    @extend_schema(request=NewDomainSerializer, responses={201: DomainSerializer})
    @transaction.atomic
    def post(self, request: Request) -> Response:
        body = NewDomainSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        sight = Sight(request)
        parent = None
        if values["parent"] is not None:
            parent = known_domain(sight, values["parent"])
            sight.require_domain(parent)
        elif not sight.principal.is_superuser:
            raise PermissionDeniedError("only administrators make domains at the top")
        domain = create_domain(
            name=values["name"],
            description=values["description"],
            parent=parent,
            actor=request.user.get_username(),
        )
        data = _shown(Sight(request), domain.slug)
        return answer(request, data, status=status.HTTP_201_CREATED)


class DomainView(APIView):
    """One domain. Its stewards, and those above it, change it; moving a domain is for the admin."""

    @extend_schema(
        operation_id="catalog_domains_retrieve",
        parameters=[FIELDS, IF_NONE_MATCH],
        responses=DomainSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        return answer(request, _shown(Sight(request), slug))

    @extend_schema(
        operation_id="catalog_domains_partial_update",
        request=DomainChangeSerializer,
        parameters=[IF_MATCH],
        responses=DomainSerializer,
    )
    @transaction.atomic
    def patch(self, request: Request, slug: str) -> Response:
        row = _locked(request, slug)
        body = DomainChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values, actor = dict(body.validated_data), request.user.get_username()
        properties = values.pop("properties", None)
        change_domain(row, changes=values, actor=actor)
        if properties is not None:
            set_domain_properties(row, properties=properties, actor=actor)
        return answer(request, _shown(Sight(request), slug))

    @extend_schema(parameters=[IF_MATCH], responses={204: None})
    @transaction.atomic
    def delete(self, request: Request, slug: str) -> Response:
        delete_domain(_locked(request, slug), actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


def with_parts(domains: QuerySet[Domain], *, sight: Sight) -> QuerySet[Any]:
    """Load what is shown of each domain, in two more queries however many there are."""
    keys = sight.visible.order_by().values("pk")
    return (
        domains.select_related("parent", "custom")
        .annotate(count=Count("datasets", filter=Q(datasets__in=keys), distinct=True))
        .prefetch_related("stewards__user", "stewards__group")
    )


def _shown(sight: Sight, slug: str) -> dict[str, Any]:
    found = known_domain(sight, slug)
    return domain_data(with_parts(Domain.objects.filter(pk=found.pk), sight=sight).get())


def _locked(request: Request, slug: str) -> Domain:
    """The domain, if the caller administers it, its row locked, and the state that `If-Match` means."""
    sight = Sight(request)
    found = known_domain(sight, slug)
    sight.require_domain(found)
    row = Domain.objects.select_for_update(of=("self",)).get(pk=found.pk)
    require_match(request, _shown(sight, slug))
    return row


def domain_data(row: Any) -> dict[str, Any]:
    """A row of `with_parts` as the API shows it."""
    return {
        "slug": row.slug,
        "name": row.name,
        "description": row.description,
        "parent": row.parent.slug if row.parent else None,
        "datasets": row.count,
        "stewards": [str(each.user or each.group) for each in row.stewards.all()],
        "properties": row.custom.values if hasattr(row, "custom") else {},
    }
