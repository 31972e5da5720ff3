"""Liveness, readiness and metrics: what an operator's probes ask."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import redis
import structlog
from confluent_kafka.admin import AdminClient
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.authentication import require_scope
from api.problems import problem_response
from core.errors import LakewardenError, PermissionDeniedError, UnauthenticatedError
from storage.backends import open_location_url

logger = structlog.get_logger(__name__)

# How long an answer may wait for a dependency, however silent that is.
PROBE_SECONDS = 3.0
# Anybody may ask, so the dependencies are asked no more often than this.
FRESH_SECONDS = 1.0
_CLIENT_SECONDS = 2


def probe_database() -> None:
    """Open a connection of its own: the request's may be healthy while no further one is given."""
    params = {**connection.get_connection_params(), "connect_timeout": _CLIENT_SECONDS}
    with psycopg.connect(**params) as own:
        own.execute("SELECT 1")


def probe_redis() -> None:
    with redis.Redis.from_url(
        settings.LAKEWARDEN.redis_url,
        socket_timeout=_CLIENT_SECONDS,
        socket_connect_timeout=_CLIENT_SECONDS,
    ) as client:
        client.ping()


def probe_kafka() -> None:
    config = settings.LAKEWARDEN.kafka.as_librdkafka()
    AdminClient({**config, "log_level": 0}).list_topics(timeout=_CLIENT_SECONDS)


def probe_object_store() -> None:
    open_location_url(settings.LAKEWARDEN.hot_url).check()


@dataclass
class Probe:
    """One dependency. `check` raises when it is down; without an essential one nothing can be answered."""

    name: str
    check: Callable[[], None]
    essential: bool = False
    _thread: threading.Thread | None = field(default=None, repr=False)
    _error: BaseException | None = field(default=None, repr=False)

    def start(self) -> None:
        """Check in a thread, unless the last check still hangs: so a silent dependency costs one thread."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._run, name=f"probe-{self.name}", daemon=True
            )
            self._thread.start()

    def finish(self, *, started: float) -> dict[str, object]:
        """The state, at the latest PROBE_SECONDS after `started` (of `time.perf_counter`)."""
        assert self._thread is not None  # noqa: S101 - start() comes first
        self._thread.join(max(0.0, started + PROBE_SECONDS - time.perf_counter()))
        if self._thread.is_alive():
            reason = f"no answer in {PROBE_SECONDS:g} s"
        elif self._error is not None:
            reason = type(self._error).__name__
        else:
            return {"status": "up"}
        # The kind of error only: its text may name hosts and users.
        logger.warning("dependency is down", dependency=self.name, error=reason)
        return {"status": "down", "essential": self.essential}

    def _run(self) -> None:
        try:
            self.check()
        except Exception as error:  # noqa: BLE001 - whatever a client library raises means "down"
            self._error = error
        else:
            self._error = None


class Readiness:
    """The states of all dependencies, asked side by side, and kept for FRESH_SECONDS."""

    def __init__(self, probes: list[Probe]) -> None:
        self.probes = probes
        self._lock = threading.Lock()
        self._states: dict[str, dict[str, object]] = {}
        self._asked_at = float("-inf")

    def states(self) -> dict[str, dict[str, object]]:
        """State by name of dependency; callers that come together share one round of questions."""
        with self._lock:
            if time.perf_counter() - self._asked_at > FRESH_SECONDS:
                started = time.perf_counter()
                for probe in self.probes:
                    probe.start()
                self._states = {each.name: each.finish(started=started) for each in self.probes}
                self._asked_at = time.perf_counter()
            return self._states

    def forget(self) -> None:
        """Ask again at the next call."""
        self._asked_at = float("-inf")


READINESS = Readiness(
    [
        Probe("postgresql", probe_database, essential=True),
        Probe("redis", probe_redis, essential=True),
        Probe("kafka", probe_kafka),
        Probe("object-store", probe_object_store),
    ]
)


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
    states = READINESS.states()
    down = [state for state in states.values() if state["status"] == "down"]
    essential = any(state["essential"] for state in down)
    status = "down" if essential else "degraded" if down else "ok"
    return JsonResponse(
        {"status": status, "dependencies": states}, status=503 if essential else 200
    )


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics, for staff: by session, or by a token with the scope `read`."""
    try:
        _require_staff(request)
    except LakewardenError as error:
        return problem_response(error)
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _require_staff(request: HttpRequest) -> None:
    if not request.user.is_authenticated:
        raise UnauthenticatedError("metrics need the token of a staff user")
    token = getattr(request, "api_token", None)
    if token is not None:
        require_scope(token, method=request.method or "GET")
    if not request.user.is_staff:
        raise PermissionDeniedError("metrics are for staff users")
