"""CPU of lineage queries: this process (the whole HTTP handler, no socket) and its PostgreSQL backend.

Queries: a fan (10-ary tree) and a chain. Measured in a database of its own, empty at the start.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from bench._events import event, plain
from bench._web import become_web_process
from bench.figures import Figure, figure

TICK = os.sysconf("SC_CLK_TCK")


def run(*, quick: bool) -> list[Figure]:
    """Record the graphs, then ask for lineage."""
    become_web_process()
    rounds, fan = (2, 50) if quick else (5, 1000)
    with own_database() as client:
        return queries(client, jobs=fan, rounds=rounds)


@contextmanager
def own_database() -> Iterator[Any]:
    """An empty database, and a client with a token of an administrator."""
    from django.db import connection

    from identity.models import User
    from identity.services import issue_token

    connection.settings_dict["TEST"]["NAME"] = f"bench_{uuid.uuid4().hex[:8]}"
    former = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        user = User.objects.create(username="bench", is_superuser=True)
        token = issue_token(
            user=user, name="bench", scopes=["admin", "lineage"], lifetime=timedelta(days=1)
        )[1]
        from django.conf import settings
        from django.test import Client

        host = str(settings.LAKEWARDEN.url.hostname)
        yield Client(SERVER_NAME=host, headers={"Authorization": f"Bearer {token}"})
    finally:
        connection.creation.destroy_test_db(former, verbosity=0)


def queries(client: Any, *, jobs: int, rounds: int) -> list[Figure]:
    """Depth 5 from the root of the fan; depth 5 from the middle of the chain."""
    for each in (*fan_events(jobs), *chain_events(jobs)):
        response = client.post(
            "/api/v1/lineage", orjson.dumps(each), content_type="application/json"
        )
        assert response.status_code == 201, response.content
    found = []
    for name, node in (("fan", "dataset:fan:f0"), ("chain", f"dataset:chain:d{jobs // 2}")):

        def ask(node: str = node) -> int:
            response = client.get("/api/v1/lineage", {"nodeId": node, "depth": 5})
            assert response.status_code == 200, response.content
            return len(response.json()["graph"])

        nodes = ask()
        samples = [cpu_ms(ask) for _ in range(rounds * 3)]
        found.append(
            figure(
                f"lineage of the {name}, depth 5",
                "CPU ms a query (server and PostgreSQL)",
                samples,
                note=f"{nodes} nodes in the answer, {2 * jobs} jobs stored",
            )
        )
    return found


def cpu_ms(work: Callable[[], Any]) -> float:
    before = time.process_time() + backend_seconds()
    work()
    return (time.process_time() + backend_seconds() - before) * 1000


def backend_seconds() -> float:
    """User and system time of the PostgreSQL process that serves this connection (it runs on this machine)."""
    from django.db import connection

    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / TICK


def fan_events(jobs: int) -> Iterator[dict[str, Any]]:
    """f0 is read by 10 jobs, each writes one dataset, which is read by 10 jobs, and so on."""
    for k in range(1, jobs + 1):
        yield event(
            k,
            run_key=f"fan/{k}",
            job=f"fj{k}",
            namespace="fan",
            inputs=[plain("fan", f"f{(k - 1) // 10}")],
            outputs=[plain("fan", f"f{k}")],
        )


def chain_events(jobs: int) -> Iterator[dict[str, Any]]:
    """d0 → j0 → d1 → j1 → …"""
    for k in range(jobs):
        yield event(
            k,
            run_key=f"chain/{k}",
            job=f"j{k}",
            namespace="chain",
            inputs=[plain("chain", f"d{k}")],
            outputs=[plain("chain", f"d{k + 1}")],
        )
