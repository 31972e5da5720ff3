"""Sources: declared by people, or implied by the namespaces of datasets."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.marquez.base import (
    LINEAGE,
    PAGE,
    MarquezSight,
    MarquezView,
    instant,
    read_window,
)
from api.marquez.bodies import SourceBody, read_body
from api.marquez.namespaces import may_change
from api.marquez.schemas import MarquezSourceSerializer, SourceListSerializer
from api.openlineage.access import require_sender
from catalog.connection_urls import without_credentials
from catalog.models import DataSource
from catalog.queries.namespaces import SourceEntry, find_source, list_sources
from catalog.services.sources import save_source
from core.clock import utc_now
from core.errors import NotFoundError, PermissionDeniedError
from governance.policy.types import Action

# Of a source that nobody declared, by the scheme of the namespace: `postgres://db:5432` is POSTGRES.
UNKNOWN = "UNKNOWN"


class SourceListView(MarquezView):
    """The sources of what the caller may view, and those that they declared."""

    @extend_schema(
        operation_id="marquez_sources_list", parameters=PAGE, responses=SourceListSerializer
    )
    def get(self, request: Request) -> Response:
        sight = MarquezSight(request)
        limit, offset = read_window(request)
        found = list_sources(
            datasets=sight.visible,
            rows=visible_sources(sight),
            limit=limit,
            offset=offset,
            most=sight.sees_most,
        )
        return Response({"sources": [_data(each) for each in found]})


class SourceView(MarquezView):
    """One source."""

    token_scopes = {"PUT": LINEAGE}

    @extend_schema(operation_id="marquez_sources_retrieve", responses=MarquezSourceSerializer)
    def get(self, request: Request, source: str) -> Response:
        sight = MarquezSight(request)
        found = find_source(source, datasets=sight.visible, rows=visible_sources(sight))
        if found is None:
            raise NotFoundError("there is no such source")
        return Response(_data(found))

    @extend_schema(
        operation_id="marquez_sources_update", request=SourceBody, responses=MarquezSourceSerializer
    )
    def put(self, request: Request, source: str) -> Response:
        """Declare the source; credentials in its URL are not kept. Only who declared it, and administrators, change it."""
        sender = require_sender(request)
        values = read_body(request, SourceBody)
        row = DataSource.objects.filter(name=source).first()
        if row is not None and not may_change(row, sender=sender):
            return Response(_answer_unchanged(MarquezSight(request), row, values))
        row = save_source(
            name=source,
            kind=values["type"],
            connection_url=values["connectionUrl"],
            description=values.get("description"),
            by=sender,
        )
        return Response(_data(SourceEntry(row.name, row, row.created_at, row.updated_at)))


def visible_sources(sight: MarquezSight) -> QuerySet[DataSource]:
    """The declared sources that the caller sees: their own, and those of datasets whose metadata they may view."""
    rows = DataSource.objects.all()
    if sight.sees_everything:
        return rows
    linked = DataSource.datasets.through.objects.filter(
        datasource=OuterRef("pk"), dataset__in=sight.described.order_by().only("pk")
    )
    mine = (
        Q(created_by_id=sight.principal.id)
        if sight.principal.token_allows(Action.DISCOVER)
        else Q(pk__in=[])
    )
    return rows.filter(mine | Exists(linked))


def _answer_unchanged(
    sight: MarquezSight, row: DataSource, values: dict[str, Any]
) -> dict[str, Any]:
    """For who may not change the row: the row if it says the same, their own words if they may not see it."""
    bare = without_credentials(values["connectionUrl"])
    kind, told = values["type"].upper(), values.get("description")
    if not visible_sources(sight).filter(pk=row.pk).exists():
        now = instant(utc_now())
        return {
            "type": kind,
            "name": row.name,
            "createdAt": now,
            "updatedAt": now,
            "connectionUrl": bare,
            "description": told,
        }
    if (kind, bare) != (row.type, row.connection_url) or told not in {None, row.description}:
        raise PermissionDeniedError("somebody else declared this source")
    return _data(SourceEntry(row.name, row, row.created_at, row.updated_at))


def _data(entry: SourceEntry) -> dict[str, Any]:
    row = entry.row
    scheme = entry.name.partition(":")[0] if "://" in entry.name else ""
    return {
        "type": row.type if row else scheme.upper() or UNKNOWN,
        "name": entry.name,
        "createdAt": instant(entry.created_at),
        "updatedAt": instant(entry.updated_at),
        "connectionUrl": row.connection_url if row else without_credentials(entry.name),
        "description": (row.description or None) if row else None,
    }
