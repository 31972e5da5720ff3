"""How many things there were at the end of each of many intervals, and how many events fell into each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate, pairwise
from typing import Any

from django.db.models import Case, Count, IntegerField, QuerySet, When

from catalog.models import RunEvent


def count_by_interval(rows: QuerySet[Any], *, column: str, bounds: Sequence[datetime]) -> list[int]:
    """How many of `rows` had come by the end of each interval between two `bounds`; one query."""
    found = dict(
        rows.filter(**{f"{column}__lt": bounds[-1]})
        .order_by()
        .annotate(bucket=_bucket(column, bounds))
        .values_list("bucket")
        .annotate(count=Count("pk"))
    )
    return list(accumulate(found.get(index, 0) for index in range(len(bounds))))[1:]


def count_events(
    events: QuerySet[RunEvent], *, bounds: Sequence[datetime]
) -> list[Mapping[str, int]]:
    """Events by type in each interval between two `bounds`; one query."""
    rows = (
        events.filter(event_time__gte=bounds[0], event_time__lt=bounds[-1])
        .order_by()
        .annotate(bucket=_bucket("event_time", bounds))
        .values_list("bucket", "event_type")
        .annotate(count=Count("pk"))
    )
    found: list[dict[str, int]] = [{} for _ in pairwise(bounds)]
    for bucket, event_type, count in rows:
        found[bucket - 1][event_type] = count
    return list(found)


def _bucket(column: str, bounds: Sequence[datetime]) -> Any:
    """0 before the first bound, 1 from there to the second, and so on."""
    return Case(
        *[When(**{f"{column}__lt": bound}, then=index) for index, bound in enumerate(bounds)],
        default=len(bounds),
        output_field=IntegerField(),
    )
