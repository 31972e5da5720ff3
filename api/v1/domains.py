"""Domains: the tree as the caller may know it."""

from typing import Any

from django.db.models import Count, Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.pagination import KeysetPagination
from api.v1.datasets import known_domain
from api.v1.sight import Sight
from catalog.models import Domain
from catalog.services.domains import create_domain
from core.errors import PermissionDeniedError


class DomainSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    parent = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    datasets = serializers.IntegerField(help_text="directly in it, of those you may discover")
    stewards = serializers.ListField(child=serializers.CharField())


class NewDomainSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True, default="")
    parent = serializers.SlugField(  # type: ignore[assignment]
        required=False, allow_null=True, default=None
    )


class DomainListView(APIView):
    """The domains that hold something the caller may discover; administrators make new ones."""

    @extend_schema(responses=DomainSerializer(many=True))
    def get(self, request: Request) -> Response:
        sight = Sight(request)
        keys = sight.visible.order_by().values("pk")
        shown = (
            sight.domains.select_related("parent")
            .annotate(count=Count("datasets", filter=Q(datasets__in=keys), distinct=True))
            .prefetch_related("stewards__user", "stewards__group")
        )
        pages = KeysetPagination()
        rows: list[Any] = pages.paginate_queryset(shown, request, view=self)
        return pages.get_paginated_response([_data(row, count=row.count) for row in rows])

    @extend_schema(request=NewDomainSerializer, responses={201: DomainSerializer})
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
        return Response(_data(domain, count=0), status.HTTP_201_CREATED)


def _data(row: Domain, *, count: int) -> dict[str, Any]:
    return {
        "slug": row.slug,
        "name": row.name,
        "description": row.description,
        "parent": row.parent.slug if row.parent else None,
        "datasets": count,
        "stewards": [str(each.user or each.group) for each in row.stewards.all()],
    }
