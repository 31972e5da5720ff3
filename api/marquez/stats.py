"""How many events, datasets, jobs and sources there are over the last day or week, of those that the caller sees."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.marquez.base import MarquezSight, MarquezView, instant
from api.marquez.schemas import CountSerializer, EventCountSerializer
from api.marquez.sources import visible_sources
from catalog.queries.counting import count_by_interval, count_events
from core.clock import utc_now
from core.errors import InvalidInputError

HOURS, DAYS = 24, 7
PARAMETERS = [
    OpenApiParameter("period", str, required=True, enum=["DAY", "WEEK"]),
    OpenApiParameter("timezone", str, description="for the days of a week; UTC when not given"),
]
ASSETS: dict[str, Callable[[MarquezSight], QuerySet[Any]]] = {
    "datasets": lambda sight: sight.visible,
    "jobs": lambda sight: sight.jobs,
    "sources": visible_sources,
}


class EventStatsView(MarquezView):
    """Events by type, an hour of the last day or a day of the last week."""

    @extend_schema(
        operation_id="marquez_stats_events",
        parameters=PARAMETERS,
        responses=EventCountSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        bounds = read_bounds(request)
        counts = count_events(MarquezSight(request).events, bounds=bounds)
        return Response(
            [
                {
                    **span,
                    "start": types.get("START", 0),
                    "complete": types.get("COMPLETE", 0),
                    "fail": types.get("FAIL", 0),
                    "abort": types.get("ABORT", 0),
                }
                for span, types in zip(_spans(bounds), counts, strict=True)
            ]
        )


class AssetStatsView(MarquezView):
    """How many there were by the end of each interval; `asset` is datasets, jobs or sources."""

    asset = ""

    @extend_schema(parameters=PARAMETERS, responses=CountSerializer(many=True))
    def get(self, request: Request) -> Response:
        bounds = read_bounds(request)
        rows = ASSETS[self.asset](MarquezSight(request))
        counts = count_by_interval(rows, column="created_at", bounds=bounds)
        return Response(
            [{**span, "count": count} for span, count in zip(_spans(bounds), counts, strict=True)]
        )


def read_bounds(request: Request) -> list[datetime]:
    """The ends of the intervals, oldest first; InvalidInputError for another `period` or an unknown `timezone`."""
    period = request.query_params.get("period", "").upper()
    if period == "DAY":
        end = utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return [end - timedelta(hours=back) for back in range(HOURS, -1, -1)]
    if period != "WEEK":
        raise InvalidInputError("`period` must be DAY or WEEK")
    try:
        zone = ZoneInfo(request.query_params.get("timezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInputError("`timezone` must be one of the IANA names") from None
    today = utc_now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return [today + timedelta(days=1 - back) for back in range(DAYS, -1, -1)]


def _spans(bounds: Sequence[datetime]) -> list[dict[str, Any]]:
    return [
        {"startInterval": instant(start), "endInterval": instant(end)}
        for start, end in pairwise(bounds)
    ]
