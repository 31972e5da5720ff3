"""What the benchmarks of lists and of search share: sizes, a filled database, a client, and latencies with their CPU."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bench._catalog_world import World, build
from bench._web import become_web_process
from bench.figures import Figure, figure
from bench.lineage_cpu import cpu_ms, own_database

ROUNDS = 200
SIZES = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Town:
    """A filled database as one of its users asks it over HTTP. `name` says its size in a figure's name."""

    name: str
    world: World
    user: Any
    client: Any
    # milliseconds a dataset that the searched words took
    words_ms: float

    def get(self, path: str, **query: Any) -> Any:
        """The body of the answer."""
        response = self.client.get(f"/api/v1/{path}", query)
        assert response.status_code == 200, response.content
        return response.json()


def sizes(*, quick: bool) -> tuple[int, ...]:
    """As `LAKEWARDEN_BENCH_SIZES` (comma separated) says, else all three; quick: the smallest."""
    if asked := os.environ.get("LAKEWARDEN_BENCH_SIZES"):
        return tuple(int(each) for each in asked.split(","))
    return SIZES[:1] if quick else SIZES


@contextmanager
def town(size: int) -> Iterator[Town]:
    """A database of its own with `size` datasets."""
    become_web_process()
    from django.db import connection

    from governance.effective.store import STORE
    from identity.models import User

    with own_database():
        STORE.forget()
        with connection.cursor() as cursor:
            world = build(cursor, datasets=size)
        spent = _index(size)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        user = User.objects.get(pk=world.user)
        yield Town(f"{size:,} datasets", world, user, _client(user), spent)


def _index(size: int) -> float:
    from catalog.services.search import refresh_search_text

    started = time.perf_counter()
    for start in range(1, size + 1, 2_000):
        refresh_search_text(range(start, min(start + 2_000, size + 1)))
    return (time.perf_counter() - started) * 1000 / size


def _client(user: Any) -> Any:
    from django.conf import settings
    from django.test import Client

    from identity.services import issue_token

    token = issue_token(user=user, name="bench", scopes=["read"], lifetime=timedelta(days=1))[1]
    host = str(settings.LAKEWARDEN.url.hostname)
    return Client(SERVER_NAME=host, headers={"Authorization": f"Bearer {token}"})


def uneven(dice: random.Random, items: list[str]) -> str:
    """One of `items`, the first ones more often, as people use words."""
    return items[int(len(items) * dice.random() ** 3)]


def measure(
    name: str, ours: Callable[[], Any], peer: Callable[[], Any] | None, *, rounds: int
) -> list[Figure]:
    """Latency at the median and at 95 %, and CPU of this process and of its PostgreSQL backend."""
    for _ in range(rounds // 4):
        ours()
    samples = _latencies(ours, rounds)
    peers = _latencies(peer, max(3, rounds // 20)) if peer else []
    cpu = cpu_ms(lambda: [ours() for _ in range(rounds)]) / rounds
    about = {"peer": "django-guardian, the same rows", "peer_samples": peers} if peers else {}
    return [
        figure(f"{name}, p50", "ms", samples, **about),
        figure(f"{name}, p95", "ms", [sorted(samples)[int(rounds * 0.95)]]),
        figure(f"{name}, CPU", "ms of CPU (handler and PostgreSQL)", [cpu]),
    ]


def _latencies(ask: Callable[[], Any], rounds: int) -> list[float]:
    samples = []
    for _ in range(rounds):
        started = time.perf_counter()
        ask()
        samples.append((time.perf_counter() - started) * 1000)
    return samples
