"""Glossary terms, and what bears them."""

from typing import Any
from uuid import UUID

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
from api.v1.datasets import known_domain
from api.v1.fields import find_field
from api.v1.lists import listed, page_of, paging, read_uuid, text_of
from api.v1.sight import Sight
from catalog.models import Dataset, Field, GlossaryTerm
from catalog.queries.glossary import matching_terms, with_term
from catalog.services import glossary as services
from core.errors import NotFoundError, UnprocessableError
from governance.policy.types import Action
from governance.vocabulary import visible_terms

ORDERS = ("name", "created_at", "updated_at")


class TermSerializer(serializers.Serializer[Any]):
    """A term. `parent` is null where the caller may not know of it."""

    uuid = serializers.UUIDField()
    domain = serializers.CharField()
    name = serializers.CharField()
    definition = serializers.CharField()
    synonyms = serializers.ListField(child=serializers.CharField())
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class TermDetailSerializer(TermSerializer):
    children = serializers.ListField(child=serializers.UUIDField())
    datasets = serializers.IntegerField(help_text="that bear it, of those you may view")


class TermChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, max_length=200)
    definition = serializers.CharField(required=False, allow_blank=True, max_length=100_000)
    synonyms = serializers.ListField(
        required=False, child=serializers.CharField(max_length=200), max_length=100
    )
    parent = serializers.UUIDField(required=False, allow_null=True)  # type: ignore[assignment]


class NewTermSerializer(TermChangeSerializer):
    name = serializers.CharField(max_length=200)
    domain = serializers.SlugField()


class TermListView(APIView):
    """The terms of the domains that the caller may know of, and those on what they may view."""

    @extend_schema(
        operation_id="catalog_terms_list",
        parameters=[
            OpenApiParameter("q", str, description="in name, definition or synonyms"),
            OpenApiParameter("domain", str, description="slug"),
            OpenApiParameter("parent", UUID, description="those right below it"),
            *paging(*ORDERS),
        ],
        responses=TermSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        terms = _visible(Sight(request))
        found = matching_terms(terms, text_of(request)).select_related("domain", "parent")
        params = request.query_params
        if "domain" in params:
            found = found.filter(domain__slug=params["domain"])
        if "parent" in params:
            parent = read_uuid(params["parent"], name="parent")
            found = found.filter(parent__in=terms.filter(uuid=parent).values("pk"))
        rows, cursor = page_of(found, request, orders=ORDERS)
        shown = _shown_parents(terms, rows)
        return listed(
            request,
            rows,
            cursor,
            render=lambda row: _term_data(row, shown=shown),
            members=members_of(TermSerializer),
        )

    @extend_schema(request=NewTermSerializer, responses={201: TermDetailSerializer})
    @transaction.atomic
    def post(self, request: Request) -> Response:
        """Make a term; for stewards of its domain."""
        body = NewTermSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = dict(body.validated_data)
        sight = Sight(request)
        domain = known_domain(sight, values.pop("domain"))
        sight.require_domain(domain)
        values["parent"] = _parent(sight, values.get("parent"))
        term = services.create_term(domain=domain, actor=request.user.get_username(), **values)
        return answer(request, _detail(sight, term.uuid), status=status.HTTP_201_CREATED)


class TermView(APIView):
    """One term; changed and removed by stewards of its domain."""

    @extend_schema(
        operation_id="catalog_terms_retrieve",
        parameters=[FIELDS, IF_NONE_MATCH],
        responses=TermDetailSerializer,
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        return answer(request, _detail(Sight(request), uuid))

    @extend_schema(
        operation_id="catalog_terms_partial_update",
        request=TermChangeSerializer,
        parameters=[IF_MATCH],
        responses=TermDetailSerializer,
    )
    @transaction.atomic
    def patch(self, request: Request, uuid: UUID) -> Response:
        sight = Sight(request)
        row = _locked(request, sight, uuid)
        body = TermChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changes = dict(body.validated_data)
        if "parent" in changes:
            changes["parent"] = _parent(sight, changes["parent"])
        services.change_term(row, changes=changes, actor=request.user.get_username())
        return answer(request, _detail(sight, uuid))

    @extend_schema(parameters=[IF_MATCH], responses={204: None})
    @transaction.atomic
    def delete(self, request: Request, uuid: UUID) -> Response:
        row = _locked(request, Sight(request), uuid)
        services.delete_term(row, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


class DatasetTermView(APIView):
    """A term of a dataset: PUT says that the dataset holds what it means, DELETE takes that back."""

    @extend_schema(request=None, responses={204: None})
    def put(self, request: Request, uuid: UUID, term: UUID) -> Response:
        row, found = _linked(request, uuid, term)
        services.link_dataset(row, term=found, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uuid: UUID, term: UUID) -> Response:
        row, found = _linked(request, uuid, term)
        services.unlink_dataset(row, term=found, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


class FieldTermView(APIView):
    """A term of a field: PUT sets it, DELETE takes it off."""

    @extend_schema(request=None, responses={204: None})
    def put(self, request: Request, uuid: UUID, field: UUID, term: UUID) -> Response:
        row, found = _linked_field(request, uuid, field, term)
        services.link_field(row, term=found, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uuid: UUID, field: UUID, term: UUID) -> Response:
        row, found = _linked_field(request, uuid, field, term)
        services.unlink_field(row, term=found, actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _visible(sight: Sight) -> QuerySet[GlossaryTerm]:
    return visible_terms(sight.principal, facts=sight.facts)


def find_term(sight: Sight, uuid: UUID) -> GlossaryTerm:
    """The term, if the caller may know of it; NotFoundError otherwise."""
    found = _visible(sight).filter(uuid=uuid).select_related("domain", "parent").first()
    if found is None:
        raise NotFoundError("there is no such term")
    return found


def _linked(request: Request, uuid: UUID, term: UUID) -> tuple[Dataset, GlossaryTerm]:
    sight = Sight(request)
    return sight.dataset(uuid, action=Action.MANAGE), find_term(sight, term)


def _linked_field(
    request: Request, uuid: UUID, field: UUID, term: UUID
) -> tuple[Field, GlossaryTerm]:
    row, found = _linked(request, uuid, term)
    return find_field(row, field), found


def _parent(sight: Sight, uuid: UUID | None) -> GlossaryTerm | None:
    if uuid is None:
        return None
    found = _visible(sight).filter(uuid=uuid).first()
    if found is None:
        raise UnprocessableError("there is no such term", pointer="/parent")
    return found


def _locked(request: Request, sight: Sight, uuid: UUID) -> GlossaryTerm:
    """The term, if the caller stewards its domain, its row locked, in the state that `If-Match` means."""
    found = find_term(sight, uuid)
    sight.require_domain(found.domain)
    row = services.lock_term(
        GlossaryTerm.objects.filter(pk=found.pk).select_related("domain", "parent")
    )
    if row is None:
        raise NotFoundError("there is no such term")
    require_match(request, _detail(sight, uuid))
    return row


def _shown_parents(terms: QuerySet[GlossaryTerm], rows: list[GlossaryTerm]) -> set[int]:
    """Which parents the caller may know of; one query."""
    parents = [row.parent_id for row in rows if row.parent_id is not None]
    return set(terms.filter(pk__in=parents).values_list("pk", flat=True)) if parents else set()


def _term_data(row: GlossaryTerm, *, shown: set[int]) -> dict[str, Any]:
    return {
        "uuid": str(row.uuid),
        "domain": row.domain.slug,
        "name": row.name,
        "definition": row.definition,
        "synonyms": row.synonyms,
        "parent": str(row.parent.uuid) if row.parent and row.parent.pk in shown else None,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _detail(sight: Sight, uuid: UUID) -> dict[str, Any]:
    row, terms = find_term(sight, uuid), _visible(sight)
    children = terms.filter(parent=row).order_by("name", "pk").values_list("uuid", flat=True)
    bearing = with_term(sight.described, row.uuid)
    return {
        **_term_data(row, shown=_shown_parents(terms, [row])),
        "children": [str(each) for each in children],
        "datasets": bearing.count(),
    }
