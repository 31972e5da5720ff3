"""Liveness, readiness and metrics: what an operator's probes ask."""

import time
from collections.abc import Callable

import redis
import structlog
from confluent_kafka.admin import AdminClient
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from core.errors import LakewardenError, UnauthenticatedError

logger = structlog.get_logger(__name__)

PROBE_SECONDS = 3.0


def probe_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def probe_redis() -> None:
    with redis.Redis.from_url(
        settings.LAKEWARDEN.redis_url,
        socket_timeout=PROBE_SECONDS,
        socket_connect_timeout=PROBE_SECONDS,
    ) as client:
        client.ping()


def probe_kafka() -> None:
    config = settings.LAKEWARDEN.kafka.as_librdkafka()
    AdminClient({**config, "log_level": 0}).list_topics(timeout=PROBE_SECONDS)


def probe_object_store() -> None:
    from storage.backends import open_location_url

    open_location_url(settings.LAKEWARDEN.hot_url).check()


PROBES: dict[str, Callable[[], None]] = {
    "postgresql": probe_database,
    "redis": probe_redis,
    "kafka": probe_kafka,
    "object-store": probe_object_store,
}
# Without these two nothing can be answered; without the others much still can.
ESSENTIAL = frozenset({"postgresql", "redis"})


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as this process serves requests at all."""
    del request
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Answer which dependency is up, and 503 if one that every answer needs is down.

    Names and states only: errors of the dependencies go to the log.
    """
    del request
    states: dict[str, dict[str, object]] = {}
    for name, probe in PROBES.items():
        started = time.perf_counter()
        try:
            probe()
        except Exception as error:  # noqa: BLE001 - whatever a client library raises means "down"
            logger.warning("dependency is down", dependency=name, error=type(error).__name__)
            states[name] = {"status": "down", "essential": name in ESSENTIAL}
        else:
            elapsed = round((time.perf_counter() - started) * 1000, 1)
            states[name] = {"status": "up", "milliseconds": elapsed}
    down = {name for name, state in states.items() if state["status"] == "down"}
    status = "down" if down & ESSENTIAL else "degraded" if down else "ok"
    return JsonResponse(
        {"status": status, "dependencies": states}, status=503 if status == "down" else 200
    )


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics, for those who may see them: staff, or a token with the scope `read`."""
    if not request.user.is_authenticated or not request.user.is_staff:
        from api.problems import problem_response

        error: LakewardenError = UnauthenticatedError("metrics need the token of a staff user")
        return problem_response(error)
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
