"""The OpenLineage events as they came, within what the caller may read whole."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from api.marquez.base import PAGE, MarquezSight, MarquezView, read_instant, read_window
from api.marquez.schemas import LineageEventListSerializer
from catalog.lineage.redaction import without_foreign_columns
from catalog.models import RunEvent
from core.errors import InvalidInputError

# For a parameter of time: how it narrows.
BOUNDS = {"before": "event_time__lt", "after": "event_time__gte"}


class EventListView(MarquezView):
    """Events by their time, newest first, or `sort=asc` oldest first; of one namespace of jobs, or of all."""

    @extend_schema(
        operation_id="marquez_events_list",
        parameters=[
            OpenApiParameter("sort", str, enum=["asc", "desc"]),
            OpenApiParameter("before", str),
            OpenApiParameter("after", str),
            *PAGE,
        ],
        responses=LineageEventListSerializer,
    )
    def get(self, request: Request, namespace: str | None = None) -> Response:
        sight = MarquezSight(request)
        limit, offset = read_window(request)
        found = _narrow(request, sight.events)
        if namespace is not None:
            found = found.filter(run__job__namespace=namespace)
        rows = found.order_by(*_order(request))[offset : offset + limit]
        return Response(
            {
                "events": [_payload(row, whole=sight.sees_everything) for row in rows],
                "totalCount": found.count(),
            }
        )


@extend_schema_view(get=extend_schema(operation_id="marquez_any_events_list"))
class AnyEventListView(EventListView):
    """What Marquez's Python client calls for all events: the same."""


@extend_schema_view(get=extend_schema(operation_id="marquez_namespace_events_list"))
class NamespaceEventListView(EventListView):
    """Events of the jobs of one namespace."""


def _narrow(request: Request, events: QuerySet[RunEvent]) -> QuerySet[RunEvent]:
    for name, lookup in BOUNDS.items():
        text = request.query_params.get(name)
        if text:
            events = events.filter(**{lookup: read_instant(text, name=name)})
    return events


def _order(request: Request) -> tuple[str, str]:
    """`sort` as Marquez takes it, or `sortDirection`, as its document names it."""
    params = request.query_params
    direction = (params.get("sortDirection") or params.get("sort") or "desc").lower()
    if direction not in {"asc", "desc"}:
        raise InvalidInputError("`sort` must be asc or desc")
    sign = "-" if direction == "desc" else ""
    return f"{sign}event_time", f"{sign}pk"


def _payload(row: RunEvent, *, whole: bool) -> Any:
    """The event; column lineage from datasets that it does not list itself is left out for all but administrators."""
    return row.payload if whole else without_foreign_columns(row.payload)
