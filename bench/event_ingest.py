"""Recording OpenLineage events over HTTP: CPU an event (web server and PostgreSQL together) and latency.

Work: the events of `bench/_events.py`, 200 jobs of each kind, posted by 8 client processes over kept connections, one
event a request or 100 (NDJSON), to one granian worker with 8 threads, in a database of its own. Every job and
dataset is known before measuring begins; events differ in run and time, as a schedule's do. Client CPU is left out.
CPU is what all processes of the server and of the PostgreSQL cluster spent (its writers included), so nothing else
may use that cluster meanwhile. The peer is Marquez 0.51 with PostgreSQL 15 on such a machine, reported for the same
two events posted singly; whoever runs one can post `python -m bench.event_ingest URL` to it.
"""

import http.client
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from bench._events import JOBS, small_event, spark_event
from bench._server import Server, own_server
from bench.figures import Figure, figure

CLIENTS = 8
BATCH = 100
KINDS: dict[str, Callable[[int], dict[str, Any]]] = {"small": small_event, "spark": spark_event}
# Median CPU ms of Marquez 0.51 with PostgreSQL 15, reported for the same two events.
MARQUEZ_MS = {"small": (28.0, 37.0), "spark": (95.0, 131.0)}


def run(*, quick: bool) -> list[Figure]:
    """Each kind of event singly and in batches."""
    rounds = 2 if quick else 5
    found: list[Figure] = []
    with own_server() as server:
        for kind in KINDS:
            count = (400 if quick else 8_000) if kind == "small" else (400 if quick else 3_200)
            post(server, kind, first=0, count=2 * JOBS, batch=BATCH)
            first = 2 * JOBS
            for batch in (1, BATCH):
                cpu, waits, rates = [], [], []
                post(server, kind, first=first, count=2 * JOBS, batch=batch)
                first += 2 * JOBS
                for _ in range(rounds):
                    before, started = server.cpu_seconds(), time.perf_counter()
                    waits += post(server, kind, first=first, count=count, batch=batch)
                    rates.append(count / (time.perf_counter() - started))
                    cpu.append((server.cpu_seconds() - before) * 1000 / count)
                    first += count
                found += _figures(kind, batch=batch, cpu=cpu, waits=waits, rates=rates)
        found.append(_memory(server))
    return found


def _figures(
    kind: str, *, batch: int, cpu: list[float], waits: list[float], rates: list[float]
) -> list[Figure]:
    how = "singly" if batch == 1 else f"{batch} a request"
    size = len(orjson.dumps(KINDS[kind](1)))
    note = f"{size} bytes, {CLIENTS} clients, {how}"
    waits = sorted(waits)
    name = f"a {kind} event, {how}"
    return [
        figure(
            f"CPU of {name}",
            "ms an event",
            cpu,
            peer="Marquez 0.51, reported",
            peer_samples=MARQUEZ_MS[kind],
            note=note,
        ),
        figure(f"rate of {name}", "events/s", rates, note=note),
        figure(
            f"p99 of a request, {name}", "ms", [waits[int(len(waits) * 0.99)] * 1000], note=note
        ),
        figure(f"p50 of a request, {name}", "ms", [waits[len(waits) // 2] * 1000], note=note),
    ]


def _memory(server: Server) -> Figure:
    return figure("memory of the web worker afterwards", "MiB", [server.resident_mib()])


def post(server: Any, kind: str, *, first: int, count: int, batch: int) -> list[float]:
    """Post events `first` … by 8 processes at once; the seconds that each request took."""
    share = count // CLIENTS
    context = multiprocessing.get_context("fork")
    with context.Pool(CLIENTS) as pool:
        jobs = [
            ((server.url, server.token), kind, range(start, start + share), batch)
            for start in range(first, first + CLIENTS * share, share)
        ]
        return [wait for waits in pool.starmap(_client, jobs) for wait in waits]


def _client(server: tuple[str, str], kind: str, numbers: range, batch: int) -> list[float]:
    url, token = server
    make = KINDS[kind]
    bodies = [
        b"\n".join(orjson.dumps(make(number)) for number in numbers[start : start + batch])
        for start in range(0, len(numbers), batch)
    ]
    path = "/api/v1/lineage" if batch == 1 else "/api/v1/lineage/batch"
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    waits = []
    for body in bodies:
        started = time.perf_counter()
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        waits.append(time.perf_counter() - started)
        if response.status >= 300 or (batch > 1 and json.loads(answer)["summary"]["failed"]):
            raise RuntimeError(f"{response.status}: {answer[:500]!r}")
    return waits


class _Elsewhere:
    """A server that somebody else runs, such as a Marquez."""

    def __init__(self, url: str) -> None:
        self.url, self.token = url, os.environ.get("TOKEN", "none")


if __name__ == "__main__":
    elsewhere = _Elsewhere(sys.argv[1])
    for each in KINDS:
        post(elsewhere, each, first=0, count=2 * JOBS, batch=1)
        begun = time.perf_counter()
        post(elsewhere, each, first=2 * JOBS, count=4 * JOBS, batch=1)
        rate = 4 * JOBS / (time.perf_counter() - begun)
        print(f"{Path(__file__).stem}: {each}: {rate:,.0f} events/s")
