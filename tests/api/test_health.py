"""The probes tell which dependency is down, in bounded time, and nothing else."""

import os
import socket
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from django.conf import settings as django_settings
from django.db import connections

from api import health
from storage.backends import s3

pytestmark = pytest.mark.django_db(transaction=True)
ALL_UP = {name: {"status": "up"} for name in ("postgresql", "redis", "kafka", "object-store")}


@pytest.fixture(autouse=True)
def _asked_anew():
    health.READINESS.forget()
    s3._client_of.cache_clear()
    yield
    health.READINESS.forget()
    s3._client_of.cache_clear()


@pytest.fixture
def silent_port():
    """A port that takes connections and never says a word, as behind a firewall that drops."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def point_at(settings, monkeypatch, name: str, port: int) -> None:
    config = django_settings.LAKEWARDEN
    address = f"127.0.0.1:{port}"
    changes = {
        "redis": {"redis_url": f"redis://:a-secret-password@{address}/0"},
        "kafka": {"kafka": replace(config.kafka, bootstrap_servers=address)},
        "object-store": {"s3": replace(config.s3, endpoint_url=f"http://{address}")},
        "postgresql": {},
    }[name]
    settings.LAKEWARDEN = SimpleNamespace(**{**vars(config), **changes})
    if name == "postgresql":
        # A probe runs in a thread, whose connection is made of these; that of the test is open already.
        monkeypatch.setitem(connections.settings["default"], "HOST", "127.0.0.1")
        monkeypatch.setitem(connections.settings["default"], "PORT", port)


def test_live_asks_nobody(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_when_all_are_up(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "dependencies": ALL_UP})


@pytest.mark.parametrize(
    ("name", "status", "word"),
    [
        ("postgresql", 503, "down"),
        ("redis", 503, "down"),
        ("kafka", 200, "degraded"),
        ("object-store", 200, "degraded"),
    ],
)
@pytest.mark.parametrize("kind", ["closed", "silent"])
def test_the_one_that_is_down_is_named_in_time(  # noqa: PLR0917 - fixtures and parameters
    name, status, word, kind, client, settings, monkeypatch, request, capfd
):
    point_at(settings, monkeypatch, name, request.getfixturevalue(f"{kind}_port"))
    started = time.perf_counter()
    answer = client.get("/readyz")
    assert time.perf_counter() - started < health.PROBE_SECONDS + 1
    essential = status == 503
    dependencies = {**ALL_UP, name: {"status": "down", "essential": essential}}
    assert (answer.status_code, answer.json()) == (
        status,
        {"status": word, "dependencies": dependencies},
    )
    assert "a-secret-password" not in "".join(capfd.readouterr())


def test_an_answer_is_shared_for_a_moment():
    asked = []
    readiness = health.Readiness([health.Probe("one", lambda: asked.append(1))])
    threads = [threading.Thread(target=readiness.states) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == [1]


def test_a_probe_that_hangs_costs_one_thread(monkeypatch):
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    release = threading.Event()
    started = []

    def hang() -> None:
        started.append(os.getpid())
        release.wait(10)

    readiness = health.Readiness([health.Probe("silent", hang)])
    for _ in range(5):
        assert readiness.states() == {"silent": {"status": "down", "essential": False}}
        readiness.forget()
    assert len(started) == 1
    release.set()
