"""Prometheus metrics: what each request cost, and the state that operators watch."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponseBase
from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from catalog.models import Dataset, Run
from core.clock import utc_now
from governance.models import AccessRequest, AuditRecord, BreakGlass, ReviewItem, ReviewState
from identity.queries import orphaned_accounts
from ingestion.models import Source
from storage.models import Movement

# A client may send any word as a method; each label value costs memory for ever.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REQUESTS = Counter(
    "lakewarden_http_requests_total", "Requests answered", ["method", "route", "status"]
)
SECONDS = Histogram(
    "lakewarden_http_request_seconds",
    "Time to answer a request",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
THROTTLED = Counter(
    "lakewarden_throttled_requests_total", "Requests refused by a rate limit", ["limit"]
)
UNLIMITED = Counter(
    "lakewarden_unlimited_requests_total",
    "Requests let through because Redis could not count them",
)


class MetricsMiddleware:
    """Counts and times each request by its route's pattern, never by its path: paths have no bound."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        count_request(
            request.method or "",
            match.route if match else "unmatched",
            response.status_code,
            seconds=time.perf_counter() - started,
        )
        return response


def count_request(method: str, route: str, status: int, *, seconds: float) -> None:
    """Count a request that was answered; `route` is a pattern of ours, never a path."""
    REQUESTS.labels(method if method in METHODS else "other", route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)


class StateCollector(Collector):
    """Counts by state, read from the database at each scrape: one grouped statement each."""

    def collect(self) -> Iterator[Metric]:
        yield self._grouped(
            "lakewarden_datasets", "Live datasets by kind", Dataset.objects.live(), "kind"
        )
        yield self._grouped("lakewarden_runs", "Runs by state", Run.objects.all(), "state")
        yield self._grouped(
            "lakewarden_access_requests",
            "Access requests by state",
            AccessRequest.objects.all(),
            "state",
        )
        yield self._grouped(
            "lakewarden_movements",
            "Movements between tiers by state",
            Movement.objects.all(),
            "state",
        )
        yield self._grouped(
            "lakewarden_reviews",
            "Findings that are not settled, by kind",
            ReviewItem.objects.exclude(state=ReviewState.RESOLVED),
            "kind",
        )
        failing = GaugeMetricFamily(
            "lakewarden_failing_sources", "Enabled sources whose last landing failed"
        )
        failing.add_metric([], Source.objects.enabled().filter(failures__gt=0).count())
        yield failing
        yield _broken_glass()
        orphans = GaugeMetricFamily(
            "lakewarden_orphaned_service_accounts", "Active service accounts without an owner"
        )
        orphans.add_metric([], orphaned_accounts().count())
        yield orphans
        unsealed = GaugeMetricFamily(
            "lakewarden_audit_unsealed_records", "Audit records that no checkpoint covers yet"
        )
        unsealed.add_metric([], AuditRecord.objects.filter(sequence=None).count())
        yield unsealed

    def describe(self) -> list[Metric]:
        """Nothing beforehand: describing must not ask the database while the process starts."""
        return []

    @staticmethod
    def _grouped(name: str, text: str, rows: QuerySet[Any], label: str) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=[label])
        for value, count in rows.order_by().values_list(label).annotate(count=Count("pk")):
            family.add_metric([value], count)
        return family


def _broken_glass() -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "lakewarden_broken_glass", "Broken glass by what is left to do", labels=["state"]
    )
    now, rows = utc_now(), BreakGlass.objects
    family.add_metric(["in force"], rows.in_force(now).count())
    family.add_metric(["unreviewed"], rows.unreviewed().count())
    family.add_metric(["overdue"], rows.overdue(now).count())
    return family


def register_state_collector() -> None:
    """Add the state to the process's registry; called once, when the app is ready."""
    REGISTRY.register(StateCollector())
