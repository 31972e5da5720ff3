"""Lineage queries as catalogs grow: latency and CPU of the whole HTTP handler and its PostgreSQL, beside a recursive CTE.

Estates of 10,000 and 100,000 datasets, and of 1,000,000 with LAKEWARDEN_BENCH_MILLION=1 (`bench/_lineage_estate.py`): chain,
fan-out 1,000, layered and power-law, about 3 edges a dataset, 5 fields each. `GET /api/v1/lineage` in this process (every
middleware, the decision and the serialisation; no socket), both directions, from random datasets of each shape: depth 5, and
unlimited, which ends at the node budget of 5,000. `tree` is the fan of 1,000 jobs (2,001 nodes) of FIELD.md, from its root.
`half` asks as a user who may see every second dataset by a grant on a domain. CPU is this process and its PostgreSQL backend.

The peer is PostgreSQL alone on the same rows and connection: a recursive CTE that finds the ids of the same nodes (depth 5),
without names, permissions and serialisation; stopped after 10 s, which then counts as 10 s. Marquez's own figures for the
tree and for layered jobs are in the notes of FIELD.md: 10 to 12 s and 1.8 s at depth 5, on 1,000 to 2,000 jobs.
"""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np

from bench._lineage_estate import SHAPES, Estate, build
from bench._web import become_web_process
from bench.figures import Figure, figure
from bench.lineage_cpu import backend_seconds, own_database

ASKED = {"depth 5": {"depth": 5}, "unlimited": {"depth": "unlimited"}}
PEER_SECONDS = 10

_PEER = """
WITH RECURSIVE walk(key, depth) AS (
    SELECT %(start)s::bigint, 0
  UNION
    SELECT n.key, w.depth + 1 FROM walk w CROSS JOIN LATERAL (
        SELECT 2 * e.job_id + 1 FROM catalog_datasetedge e
        WHERE w.key & 1 = 0 AND e.dataset_id = w.key >> 1 AND e.valid_to IS NULL
        UNION ALL SELECT 2 * e.dataset_id FROM catalog_datasetedge e
        WHERE w.key & 1 = 1 AND e.job_id = w.key >> 1 AND e.valid_to IS NULL OFFSET 0) n(key)
    WHERE w.depth < 10
) SELECT count(*) FROM (SELECT DISTINCT key FROM walk LIMIT 5000) found
"""


def run(*, quick: bool) -> list[Figure]:
    """Every size in a database of its own."""
    become_web_process()
    sizes = [4_000] if quick else [10_000, 100_000]
    if os.environ.get("LAKEWARDEN_BENCH_MILLION") == "1":
        sizes = [1_000_000]
    found: list[Figure] = []
    for size in sizes:
        with own_database() as client:
            found += measure(client, size=size, samples=10 if quick else 200)
    return found


def measure(client: Any, *, size: int, samples: int) -> list[Figure]:
    """All figures of one size."""
    from django.db import connection

    from catalog.models import Domain

    domain = Domain.objects.create(name="half", slug="half")
    with connection.cursor() as cursor:
        estate = build(cursor, datasets=size, domain=domain.pk)
    label = f"{size:,} datasets, {estate.edges:,} edges"
    found = _memory(label)
    half = _half(client, domain)
    for shape in SHAPES:
        first, count = estate.parts[shape]
        starts = np.random.default_rng(11).integers(0, count, samples).tolist()
        ids = [first + 1 + start for start in starts]
        peer = _peer(ids[: max(5, samples // 10)])
        for name, params in ASKED.items():
            asked = starts if name == "depth 5" else starts[: max(5, samples // 10)]
            nodes = [f"dataset:db:{shape}{start}" for start in asked]
            found += _ask(
                client,
                nodes,
                params,
                f"{shape}, {name}; {label}",
                peer if name == "depth 5" else [],
            )
        nodes = [f"dataset:db:{shape}{start}" for start in starts if (first + start) % 2]
        found += _ask(half, nodes, ASKED["depth 5"], f"{shape}, depth 5, half; {label}", [])
    found += _ask(
        client,
        ["dataset:db:tree0"] * min(30, samples),
        ASKED["depth 5"],
        f"tree, depth 5; {label}",
        [],
    )
    return found + _freshness(client, estate, label)


def _memory(label: str) -> list[Figure]:
    from catalog.queries.lineage.memory import DATASET_EDGES

    DATASET_EDGES.forget()
    before = time.process_time()
    started = time.perf_counter()
    DATASET_EDGES.rebuild().join()
    return [
        figure(f"build of the graph; {label}", "s", [time.perf_counter() - started]),
        figure(
            f"build of the graph; {label}", "CPU s of this process", [time.process_time() - before]
        ),
        figure(f"graph in memory; {label}", "MB", [DATASET_EDGES.nbytes / 1e6]),
    ]


def _half(client: Any, domain: Any) -> Any:
    """A client of a user who holds a grant on the domain of every second dataset."""
    from django.test import Client

    from governance.policy.types import Action
    from governance.queries import principal_of
    from governance.services.grants import grant_access
    from identity.models import User
    from identity.services import issue_token

    user = User.objects.create(username="half")
    admin = principal_of(User.objects.get(username="bench"))
    grant_access(by=admin, subject=user, target=domain, action=Action.VIEW_METADATA)
    token = issue_token(user=user, name="half", scopes=["read"], lifetime=timedelta(days=1))[1]
    return Client(
        SERVER_NAME=client.defaults["SERVER_NAME"], headers={"Authorization": f"Bearer {token}"}
    )


def _ask(
    client: Any, nodes: list[str], params: dict[str, Any], name: str, peer: list[float]
) -> list[Figure]:
    sizes: list[int] = []
    bodies: list[int] = []

    def ask(node: str) -> None:
        response = client.get("/api/v1/lineage", {"nodeId": node, **params})
        assert response.status_code == 200, response.content
        bodies.append(len(response.content))
        sizes.append(response.content.count(b'"distance":'))

    ask(nodes[0])
    cpu = time.process_time() + backend_seconds()
    wall = [_milliseconds(lambda node=node: ask(node)) for node in nodes]
    cpu = (time.process_time() + backend_seconds() - cpu) * 1000 / len(nodes)
    p50, p99 = np.percentile(wall, [50, 99]).tolist()
    note = f"{int(np.median(sizes))} nodes, {int(np.median(bodies)) // 1000} kB median answer; p99 {p99:.1f} ms"
    source = "recursive CTE, ids only, p50" if peer else ""
    if peer:
        note += f"; CTE p99 {np.percentile(peer, 99):.1f} ms"
    return [
        figure(name, "ms p50", [p50], peer=source, peer_samples=peer, note=note),
        figure(name, "ms p99", [p99]),
        figure(name, "CPU ms a query (server and PostgreSQL)", [cpu]),
    ]


def _peer(ids: list[int]) -> list[float]:
    from django.db import DatabaseError, connection

    found = []
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = '{PEER_SECONDS}s'")
        for key in ids:

            def ask(key: int = key) -> None:
                try:
                    cursor.execute(_PEER, {"start": 2 * key})
                    cursor.fetchall()
                except DatabaseError:
                    pass  # it counts as the limit

            found.append(_milliseconds(ask))
        cursor.execute("SET statement_timeout = 0")
    return found


def _freshness(client: Any, estate: Estate, label: str) -> list[Figure]:
    """What it costs to be up to date: nothing new, and 100 new edges."""
    from catalog.models import DatasetEdge
    from catalog.queries.lineage.memory import DATASET_EDGES

    del client
    first, count = estate.parts["layered"]
    idle = [_milliseconds(DATASET_EDGES.view) for _ in range(100)]
    busy = []
    for round_ in range(5):
        DatasetEdge.objects.bulk_create(
            DatasetEdge(
                dataset_id=first + 1 + (round_ * 100 + number) % count,
                job_id=estate.parts["chain"][0] + 2 + number,
                direction="input",
            )
            for number in range(100)
        )
        busy.append(_milliseconds(DATASET_EDGES.view))
    return [
        figure(f"being up to date, nothing new; {label}", "ms", idle),
        figure(f"being up to date, 100 new edges; {label}", "ms", busy),
    ]


def _milliseconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000
