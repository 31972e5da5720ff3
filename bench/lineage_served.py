"""Lineage queries through the web server as catalogs grow: latency as a client waits for it, and CPU of server and PostgreSQL.

Estates of 10,000 and 100,000 datasets, and of 1,000,000 with LAKEWARDEN_BENCH_MILLION=1 (`bench/_lineage_estate.py`): chain,
fan-out 1,000, layered and power-law, about 3 edges a dataset, 5 fields each, and the tree of 1,000 jobs of FIELD.md. One
granian worker over a database of its own; one client on a kept connection asks `GET /api/v1/lineage` in both directions from
random datasets of each shape: depth 5, and unlimited, which ends at the node budget of 5,000. The answer's last byte ends
a sample. CPU is all that the server's and the cluster's processes spent, so nothing else may use that cluster meanwhile.

What the same costs in one process, and PostgreSQL alone with a recursive CTE, is in `lineage_graph`.
"""

import http.client
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np

from bench._lineage_estate import SHAPES, Estate, build
from bench._server import Server, own_server
from bench.figures import Figure, figure

# Goals of issue 4, in milliseconds: (p50, p99); an unlimited closure ends within a second.
GOALS = {"5": (5, 50), "unlimited": (1_000, 1_000)}
TREE_ROUNDS = 30
LOAD_SECONDS = 120


def run(*, quick: bool) -> list[Figure]:
    """Every size in a server and a database of its own."""
    sizes = [4_000] if quick else [10_000, 100_000]
    if os.environ.get("LAKEWARDEN_BENCH_MILLION") == "1":
        sizes = [1_000_000]
    found: list[Figure] = []
    for size in sizes:
        with own_server() as server:
            found += _measure(server, size=size, samples=10 if quick else 200)
    return found


def _measure(server: Server, *, size: int, samples: int) -> list[Figure]:
    estate = _fill(size)
    label = f"{size:,} datasets, {estate.edges:,} edges"
    found = [figure(f"until the graph answers; {label}", "s", [_wait_for_graph(server)])]
    for shape in SHAPES:
        starts = np.random.default_rng(11).integers(0, estate.parts[shape][1], samples).tolist()
        nodes = [f"dataset:db:{shape}{start}" for start in starts]
        few = nodes[: max(5, samples // 10)]
        found += _ask(server, nodes, depth="5", name=f"{shape}, depth 5; {label}")
        found += _ask(server, few, depth="unlimited", name=f"{shape}, unlimited; {label}")
    roots = ["dataset:db:tree0"] * min(TREE_ROUNDS, samples)
    return found + _ask(server, roots, depth="5", name=f"tree of 1,000 jobs, depth 5; {label}")


def _fill(size: int) -> Estate:
    from django.db import connection

    from catalog.models import Domain

    domain = Domain.objects.create(name="half", slug="half")
    with connection.cursor() as cursor:
        return build(cursor, datasets=size, domain=domain.pk)


def _wait_for_graph(server: Server) -> float:
    """Seconds from the first question until the graph lies in the server's memory: a question then costs milliseconds."""
    started = time.perf_counter()
    with _asking(server) as ask:
        while time.perf_counter() - started < LOAD_SECONDS:
            before = time.perf_counter()
            ask("dataset:db:chain1", depth="1")
            # Those that wait for the load, wait for half a second.
            if time.perf_counter() - before < 0.25:
                break
    return time.perf_counter() - started


def _ask(server: Server, nodes: Sequence[str], *, depth: str, name: str) -> list[Figure]:
    waits, sizes, counts = [], [], []
    with _asking(server) as ask:
        ask(nodes[0], depth=depth)
        cpu = server.cpu_seconds()
        for node in nodes:
            started = time.perf_counter()
            body = ask(node, depth=depth)
            waits.append((time.perf_counter() - started) * 1000)
            sizes.append(len(body))
            counts.append(body.count(b'"distance":'))
        cpu = (server.cpu_seconds() - cpu) * 1000 / len(nodes)
    p50, p99 = np.percentile(waits, [50, 99]).tolist()
    goal = GOALS[depth]
    note = f"{int(np.median(counts))} nodes, {int(np.median(sizes)) // 1000} kB median answer; goal {goal[0]:,} and {goal[1]:,} ms"
    return [
        figure(name, "ms p50", [p50], note=note),
        figure(name, "ms p99", [p99]),
        figure(name, "CPU ms a query (server and PostgreSQL)", [cpu]),
    ]


@contextmanager
def _asking(server: Server) -> Iterator[Any]:
    """A function that asks for the lineage of a node over one connection and returns the body."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    headers = {"Authorization": f"Bearer {server.token}"}

    def ask(node: str, *, depth: str) -> bytes:
        connection.request(
            "GET", f"/api/v1/lineage?nodeId={quote(node)}&depth={depth}", headers=headers
        )
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200, body[:400]
        return body

    try:
        yield ask
    finally:
        connection.close()
