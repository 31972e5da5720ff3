"""`GET /api/v1/catalog/dcat`: the catalog as DCAT-AP 3.0, for portals that harvest it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rdflib import Graph
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from api.principal import caller
from api.v1.dataset_filters import FILTERS, next_rows, read_filters, read_text
from api.v1.lists import page_of
from api.v1.streams import asker
from catalog.models import Dataset
from catalog.queries.dcat import PREFIXES, DcatPlace, graph_of, load_page
from governance.effective.look import View
from governance.effective.pages import page_rows
from governance.search import matching_ids
from governance.services.audit import record_export

PATH = "/api/v1/catalog/dcat"
BATCH = 500


class TypeOnly(BaseRenderer):
    """Lets the type be asked for; the view writes the text itself."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        del accepted_media_type
        rendered: bytes = JSONRenderer().render(data, None, renderer_context)
        return rendered


class JsonLdRenderer(TypeOnly):
    media_type = "application/ld+json"
    format = "jsonld"


class TurtleRenderer(TypeOnly):
    media_type = "text/turtle"
    format = "turtle"
    charset = "utf-8"


class NTriplesRenderer(TypeOnly):
    media_type = "application/n-triples"
    format = "nt"
    charset = "utf-8"


class DcatView(APIView):
    """What the caller may discover: JSON-LD or Turtle a page at a time, N-Triples as one stream, by `Accept` or `format`.

    A page that others follow says so by `hydra:next` and by the header `Link`.
    """

    renderer_classes = [JsonLdRenderer, TurtleRenderer, NTriplesRenderer]

    @extend_schema(
        operation_id="catalog_dcat",
        parameters=[
            *FILTERS,
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
            OpenApiParameter("format", str, enum=["jsonld", "turtle", "nt"]),
        ],
        responses={
            (200, "application/ld+json"): OpenApiTypes.OBJECT,
            (200, "text/turtle"): OpenApiTypes.STR,
            (200, "application/n-triples"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request) -> HttpResponse | StreamingHttpResponse:
        chosen = request.accepted_renderer.format
        asked = request.query_params.dict()
        record_export(principal=caller(request), form=f"dcat-{chosen}", asked=asked)
        if chosen == "nt":
            return StreamingHttpResponse(_triples(request), content_type="application/n-triples")
        view = _view(request)
        rows, cursor = page_of(load_page(next_rows(view.found, request)), request, orders=())
        place = _place(request, cursor)
        graph = graph_of(rows, described=_described(view, rows), place=place)
        response = _rendered(graph, chosen)
        if place.next_page is not None:
            response["Link"] = f'<{place.next_page}>; rel="next"'
        return response


def _view(request: Request) -> View:
    return matching_ids(caller(request), read_text(request), filters=read_filters(request))


def _described(view: View, rows: list[Dataset]) -> frozenset[int]:
    return frozenset(row.pk for row in rows if row.pk in view.described)


def _rendered(graph: Graph, chosen: str) -> HttpResponse:
    if chosen == "turtle":
        return HttpResponse(graph.serialize(format="turtle"), content_type="text/turtle")
    text = graph.serialize(format="json-ld", context=PREFIXES, indent=None)
    return HttpResponse(text, content_type="application/ld+json")


def _place(request: Request, cursor: str | None) -> DcatPlace:
    site = _site()
    here = request.query_params.urlencode()
    params = {**request.query_params.dict(), "cursor": cursor}
    return DcatPlace(
        site=site,
        page=f"{site}{PATH}{'?' if here else ''}{here}",
        next_page=f"{site}{PATH}?{urlencode(params)}" if cursor else None,
    )


def _site() -> str:
    return settings.LAKEWARDEN.url.geturl().rstrip("/")


def _triples(request: Request) -> Iterator[bytes]:
    """All of it, a batch at a time, each with the caller's rights of that moment; memory does not grow."""
    ask, place = asker(request), DcatPlace(site=_site(), page="", next_page=None)
    last = 0
    while True:
        ask()
        view = _view(request)
        few = page_rows(view.found, after=last, count=BATCH).filter(pk__gt=last)
        rows: list[Dataset] = list(load_page(few).order_by("pk")[:BATCH])
        if rows or not last:
            graph = graph_of(rows, described=_described(view, rows), place=place)
            yield graph.serialize(format="nt").encode()
        if len(rows) < BATCH:
            return
        last = rows[-1].pk
