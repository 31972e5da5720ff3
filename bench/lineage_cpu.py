"""CPU of event ingest and of lineage queries: this process (the whole HTTP handler, no socket) and its PostgreSQL backend.

Workloads: `small`, one input and one output of 5 columns (1.1 kB); `spark`, START and COMPLETE in turn, two inputs and
one output of 30 columns with two source fields each, symlinks, plans and properties (23 kB). 200 jobs each, in turn.
Queries: a fan (10-ary tree) and a chain. Measured in a database of its own, empty at the start.
The peer is Marquez 0.51 as measured elsewhere on such a machine; its figures are not measured again here.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from bench.figures import Figure, figure

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TYPES = ("bigint", "string", "double", "timestamp", "decimal(18,2)")
JOBS = 200
# Enough that each job has had its START and its COMPLETE.
WARM_UP = 2 * JOBS
# Median CPU ms of Marquez 0.51 with PostgreSQL 15, reported for the same two events.
MARQUEZ_MS = {"small": (28.0, 37.0), "spark": (95.0, 131.0)}
TICK = os.sysconf("SC_CLK_TCK")


def run(*, quick: bool) -> list[Figure]:
    """Ingest both kinds of event, then ask for lineage."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    count, rounds, fan = (40, 2, 50) if quick else (400, 5, 1000)
    with own_database() as client:
        found = ingest(client, count=count, rounds=rounds)
        return found + queries(client, jobs=fan, rounds=rounds)


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


def ingest(client: Any, *, count: int, rounds: int) -> list[Figure]:
    found = []
    for name, make in (("small", small_event), ("spark", spark_event)):
        numbers = iter(range(WARM_UP + rounds * count))

        def post(
            many: int = count,
            make: Callable[[int], Any] = make,
            numbers: Iterator[int] = numbers,
        ) -> None:
            for _ in range(many):
                response = client.post(
                    "/api/v1/lineage",
                    orjson.dumps(make(next(numbers))),
                    content_type="application/json",
                )
                assert response.status_code == 201, response.content

        post(WARM_UP)  # every job and dataset is known from here on
        samples = [cpu_ms(post) / count for _ in range(rounds)]
        size = len(orjson.dumps(make(1)))
        found.append(
            figure(
                f"ingest of a {name} event, one at a time",
                "CPU ms an event (server and PostgreSQL)",
                samples,
                peer="Marquez 0.51, reported",
                peer_samples=MARQUEZ_MS[name],
                note=f"{size} bytes, {JOBS} jobs, {count} events a run; event making included",
            )
        )
    return found


def queries(client: Any, *, jobs: int, rounds: int) -> list[Figure]:
    """Depth 5 from the root of the fan; depth 5 from the middle of the chain."""
    for event in (*fan_events(jobs), *chain_events(jobs)):
        response = client.post(
            "/api/v1/lineage", orjson.dumps(event), content_type="application/json"
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
                note=f"{nodes} nodes in the answer, {2 * jobs} jobs stored beside the ingest ones",
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


def at(number: int) -> str:
    return (BEGIN + timedelta(milliseconds=number)).isoformat()


def columns(count: int) -> dict[str, Any]:
    rows = [
        {"name": f"col_{c:02d}", "type": TYPES[c % 5], "description": f"column {c}"}
        for c in range(count)
    ]
    return {"fields": rows}


def event(number: int, *, run_key: str, job: str, namespace: str, **parts: Any) -> dict[str, Any]:
    return {
        "eventTime": at(number),
        "eventType": parts.get("type", "COMPLETE"),
        "producer": "https://example.org/bench",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": str(uuid.uuid5(uuid.NAMESPACE_URL, run_key)),
            "facets": parts.get("run_facets", {}),
        },
        "job": {"namespace": namespace, "name": job, "facets": parts.get("job_facets", {})},
        "inputs": parts["inputs"],
        "outputs": parts["outputs"],
    }


def plain(namespace: str, name: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "facets": {"schema": columns(5)}}


def small_event(number: int) -> dict[str, Any]:
    job = number % JOBS
    return event(
        number,
        run_key=f"small/{number}",
        job=f"small_job_{job}",
        namespace="small",
        inputs=[plain("postgres://db:5432", f"shop.public.in_{job}")],
        outputs=[plain("postgres://db:5432", f"shop.public.out_{job}")],
    )


def spark_event(number: int) -> dict[str, Any]:
    job = (number // 2) % JOBS
    inputs = [lake(f"lake/raw_{job}_{side}") for side in "ab"]
    output = lake(f"lake/curated_{job}")
    output["facets"]["columnLineage"] = {
        "fields": {f"col_{c:02d}": derived(job, c) for c in range(30)}
    }
    output["outputFacets"] = {
        "outputStatistics": {"rowCount": number, "size": 987654, "fileCount": 8}
    }
    return event(
        number,
        type="START" if number % 2 == 0 else "COMPLETE",
        run_key=f"spark/{number // 2}",
        job=f"etl_app_{job % 20}.execute_insert_{job}",
        namespace="spark",
        inputs=inputs,
        outputs=[output],
        run_facets=spark_run_facets(number, job),
        job_facets={
            "jobType": {"processingType": "BATCH", "integration": "SPARK", "jobType": "SQL_JOB"},
            "sql": {"query": "INSERT " + ", ".join(f"a.col_{c:02d}" for c in range(30))},
        },
    )


def lake(name: str) -> dict[str, Any]:
    identifiers = [
        {"namespace": "hive://metastore:9083", "name": name.replace("/", "."), "type": "TABLE"}
    ]
    return {
        "namespace": "s3://warehouse",
        "name": name,
        "facets": {
            "dataSource": {"name": "s3://warehouse", "uri": "s3://warehouse"},
            "schema": columns(30),
            "storage": {"storageLayer": "iceberg", "fileFormat": "parquet"},
            "symlinks": {"identifiers": identifiers},
        },
    }


def derived(job: int, column: int) -> dict[str, Any]:
    sources = (
        (f"lake/raw_{job}_a", column, "DIRECT", "TRANSFORMATION"),
        (f"lake/raw_{job}_b", (column + 7) % 30, "INDIRECT", "JOIN"),
    )
    return {
        "inputFields": [
            {
                "namespace": "s3://warehouse",
                "name": name,
                "field": f"col_{c:02d}",
                "transformations": [
                    {"type": kind, "subtype": subtype, "description": "", "masking": False}
                ],
            }
            for name, c, kind, subtype in sources
        ]
    }


def spark_run_facets(number: int, job: int) -> dict[str, Any]:
    parent = str(uuid.uuid5(uuid.NAMESPACE_URL, f"parent{job % 20}/{number // 2 // JOBS}"))
    attributes = [
        [
            {
                "class": "AttributeReference",
                "name": f"col_{c:02d}",
                "dataType": "long",
                "exprId": {"id": c, "jvmId": parent},
            }
        ]
        for c in range(30)
    ]
    return {
        "spark_properties": {"properties": {f"spark.conf.key{k}": f"value-{k}" for k in range(12)}},
        "processing_engine": {"version": "3.5.3", "name": "spark"},
        "parent": {
            "run": {"runId": parent},
            "job": {"namespace": "spark", "name": f"etl_app_{job % 20}"},
        },
        "environment-properties": {
            "environment-properties": {f"env{k}": "x" * 40 for k in range(8)}
        },
        "spark.logicalPlan": {
            "plan": [{"class": "Project", "num-children": 1, "projectList": attributes}]
        },
    }


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
