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
from api.principal import caller
from api.v1.dataset_filters import FILTERS, read_filters, read_text
from api.v1.dataset_shapes import DatasetSerializer, listed_data
from catalog.queries.listed import ListedDataset, listed_datasets
from catalog.queries.search import MARK_START, MARK_STOP, MAX_OFFSET
from core.errors import InvalidInputError
from governance.search import Hit, search, suggest


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
    owner = FacetSerializer(many=True)
    namespace = FacetSerializer(many=True)


class SearchSerializer(serializers.Serializer[Any]):
    items = ResultSerializer(many=True)
    total = serializers.IntegerField()
    facets = FacetsSerializer()
    estimates = serializers.ListField(
        child=serializers.CharField(),
        help_text="facets whose counts are scaled up from a sample of the datasets found",
    )
    corrected = serializers.CharField(
        allow_null=True, help_text="the text that was searched, where nothing has the words of `q`"
    )
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
        size = read_page_size(request.query_params.get("page_size"))
        offset = _read_offset(request.query_params.get("cursor"))
        text = read_text(request)
        page = search(
            caller(request),
            text,
            filters=read_filters(request),
            offset=offset,
            limit=size,
        )
        rows = {row.pk: row for row in listed_datasets(hit.id for hit in page.hits)}
        return Response(
            {
                "items": [_item(rows[hit.id], hit) for hit in page.hits if hit.id in rows],
                "total": page.total,
                "facets": {
                    name: [{"value": value, "count": count} for value, count in counts]
                    for name, counts in page.facets.items()
                },
                "estimates": page.estimates,
                "corrected": page.corrected,
                "next_cursor": encode_cursor(offset + size)
                if offset + size < min(page.total, MAX_OFFSET)
                else None,
                **marquez_members(
                    request,
                    text=text,
                    found=page.found,
                    page=[rows[hit.id] for hit in page.hits if hit.id in rows],
                ),
            }
        )


class SuggestionSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["dataset", "column", "tag"])
    text = serializers.CharField()
    uuid = serializers.UUIDField(allow_null=True)


class SuggestionView(APIView):
    """What the typed letters may become: names of datasets, columns and tags that begin so. None below two letters."""

    @extend_schema(
        operation_id="search_suggestions",
        parameters=[OpenApiParameter("q", str)],
        responses=SuggestionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        found = suggest(caller(request), read_text(request))
        return Response(
            {
                "items": [
                    {"kind": each.kind, "text": each.text, "uuid": each.uuid} for each in found
                ],
                "next_cursor": None,
            }
        )


def _item(row: ListedDataset, hit: Hit) -> dict[str, Any]:
    return {
        **listed_data(row, described=hit.is_described),
        "rank": hit.rank,
        "snippet": hit.snippet,
    }


def _read_offset(raw: str | None) -> int:
    if not raw:
        return 0
    value = decode_cursor(raw)
    if not isinstance(value, int) or not 0 <= value <= MAX_OFFSET:
        raise InvalidInputError("`cursor` must be one that a former page gave")
    return value
