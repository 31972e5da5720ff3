"""Search: ranked results with counts, facets and snippets, all within what the caller may see."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.marquez.schemas import SearchResultSerializer
from api.marquez.search import marquez_members
from api.pagination import decode_cursor, encode_cursor, read_page_size
from api.v1.dataset_shapes import DatasetSerializer, dataset_data, with_parts
from api.v1.datasets import FILTERS, narrow
from api.v1.sight import Sight
from catalog.queries.search import MARK_START, MARK_STOP, MAX_OFFSET, search_datasets
from core.errors import InvalidInputError


class ResultSerializer(DatasetSerializer):
    rank = serializers.FloatField()
    snippet = serializers.CharField(help_text=f"matches stand between {MARK_START} and {MARK_STOP}")


class FacetSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    count = serializers.IntegerField()


class FacetsSerializer(serializers.Serializer[Any]):
    kind = FacetSerializer(many=True)
    domain = FacetSerializer(many=True)
    tag = FacetSerializer(many=True)


class SearchSerializer(serializers.Serializer[Any]):
    items = ResultSerializer(many=True)
    total = serializers.IntegerField()
    facets = FacetsSerializer()
    next_cursor = serializers.CharField(allow_null=True)
    totalCount = serializers.IntegerField(help_text="for Marquez's clients")  # noqa: N815
    results = SearchResultSerializer(many=True, help_text="for Marquez's clients")


class SearchView(APIView):
    """Datasets by words, best first. Columns, tags and owners match only where the caller may view the metadata."""

    @extend_schema(
        parameters=[
            *FILTERS,
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses=SearchSerializer,
    )
    def get(self, request: Request) -> Response:
        sight = Sight(request)
        found, text = narrow(request, sight)
        size = read_page_size(request.query_params.get("page_size"))
        offset = _read_offset(request.query_params.get("cursor"))
        page = search_datasets(
            text, found=found, described=sight.described, offset=offset, limit=size
        )
        return Response(
            {
                "items": self._items(page.rows, sight=sight),
                "total": page.total,
                "facets": page.facets,
                "next_cursor": encode_cursor(offset + size)
                if offset + size < min(page.total, MAX_OFFSET)
                else None,
                **marquez_members(
                    request,
                    sight=sight,
                    text=text,
                    found=found,
                    page=page.rows,
                    total=page.total,
                ),
            }
        )

    def _items(self, rows: list[Any], *, sight: Sight) -> list[dict[str, Any]]:
        keys = [row.pk for row in rows]
        described = sight.described_keys(keys)
        full = {row.pk: row for row in with_parts(sight.visible.filter(pk__in=keys))}
        return [
            {
                **dataset_data(full[row.pk], described=row.pk in described),
                "rank": row.rank,
                "snippet": row.snippet,
            }
            for row in rows
            if row.pk in full
        ]


def _read_offset(raw: str | None) -> int:
    if not raw:
        return 0
    value = decode_cursor(raw)
    if not isinstance(value, int) or not 0 <= value <= MAX_OFFSET:
        raise InvalidInputError("`cursor` must be one that a former page gave")
    return value
