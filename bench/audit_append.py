"""What one audit record costs: CPU of this process and of its PostgreSQL backend; and whether writers wait.

Records are appended inside transactions that stand anyway (a change holds its record), as 1,000 users act on 5,000
datasets, every tenth record about somebody else as well. The peer is the same row written by Django's ORM without
encryption, in the same database. Then eight writers append while a sealer seals: a sampler counts who waits for a lock.
Last, a proof of inclusion in a larger log: rows of tiles instead of leaves.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.figures import Figure, figure
from bench.lineage_cpu import backend_seconds, own_database

PAYLOAD = {
    "dataset": "0198a3b1-7c1e-7d32-9a30-0f3d5a1b2c4d",
    "via": "query",
    "effect": "allow",
    "purpose": "forecast",
    "reasons": [{"kind": "grant", "id": "17", "version": None, "text": "a grant on the domain"}],
    "row_filter": "region = 'EU'",
    "columns": ["id", "name", "region", "amount", "currency", "at"],
    "masked": {"name": "hash"},
    "asked": {"columns": None, "where": None, "limit": 100},
}
WRITERS = 8


def run(*, quick: bool) -> list[Figure]:
    """A database of its own, empty at the start."""
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    rounds, count = (3, 500) if quick else (7, 2_000)
    with own_database():
        _append(0)  # what a process does once
        return [
            *_cost(rounds, count),
            *_waiting(writers=WRITERS, count=40 if quick else 300),
            *_proofs(3_000 if quick else 50_000),
        ]


def _append(number: int) -> None:
    from core import audit

    user = number % 1_000
    about = [f"user{(user + 7) % 1_000}"] if number % 10 == 0 else []
    audit.record(
        actor=f"user{user}",
        action="data.read",
        resource=f"dataset:warehouse:sales.orders_{number % 5_000}",
        payload=PAYLOAD,
        about=about,
    )


def _append_plain(number: int) -> None:
    import orjson

    from core.clock import utc_now
    from governance.merkle import leaf_hash
    from governance.models import AuditRecord

    at = utc_now()
    names = {
        "actor": f"user{number % 1_000}",
        "action": "data.read",
        "resource": f"dataset:warehouse:sales.orders_{number % 5_000}",
    }
    body = orjson.dumps({**names, "at": at, "payload": PAYLOAD}, option=orjson.OPT_SORT_KEYS)
    AuditRecord.objects.create(at=at, payload=body, leaf_hash=leaf_hash(body), **names)


def _cost(rounds: int, count: int) -> list[Figure]:
    for number in range(1_000):  # everybody has a key, as in a house that runs
        _append(number)
    ours = [_measured(_append, count) for _ in range(rounds)]
    theirs = [_measured(_append_plain, count) for _ in range(rounds)]
    names = ("CPU of a record", "of it Python", "of it PostgreSQL")
    return [
        figure(
            name,
            "ms",
            [each[place] for each in ours],
            peer="Django's ORM without encryption",
            peer_samples=[each[place] for each in theirs],
            note="goal 0.3 ms" if place == 0 else "",
        )
        for place, name in enumerate(names)
    ]


def _measured(append: Callable[[int], None], count: int) -> tuple[float, float, float]:
    """CPU of one record in ms: both, this process, the backend."""
    from django.db import transaction

    backend, spent = backend_seconds(), time.process_time()
    with transaction.atomic():
        for number in range(count):
            append(number)
    python = (time.process_time() - spent) * 1000 / count
    server = (backend_seconds() - backend) * 1000 / count
    return python + server, python, server


def _waiting(*, writers: int, count: int) -> list[Figure]:
    """Of how many looks at PostgreSQL's locks one found a writer waiting, while a sealer seals."""
    from django.db import connection

    from governance.services import seal_all

    with ThreadPoolExecutor(writers + 1) as pool:
        tasks = [pool.submit(_write_alone, writer, count) for writer in range(writers)]
        sealer = pool.submit(_closing(seal_all))
        looks, waits = 0, 0
        while not all(task.done() for task in tasks):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    " AND datname = current_database() AND query ILIKE '%governance_auditrecord%'"
                )
                waits += cursor.fetchone()[0]
            looks += 1
            if sealer.done():
                sealer = pool.submit(_closing(seal_all))
        for task in (*tasks, sealer):
            task.result()
    note = f"{looks} looks, {writers} writers of {count} transactions, a sealer beside them"
    return [figure("writers found waiting for a lock", "writers", [waits], note=note)]


def _write_alone(writer: int, count: int) -> None:
    from django.db import connection, transaction

    try:
        for number in range(count):
            with transaction.atomic():
                _append(writer * count + number)
    finally:
        connection.close()


def _closing(call: Callable[[], Any]) -> Callable[[], Any]:
    from django.db import connection

    def run() -> Any:
        try:
            return call()
        finally:
            connection.close()

    return run


def _proofs(size: int) -> list[Figure]:
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    from governance.auditing.proofs import prove_inclusion
    from governance.models import AuditCheckpoint
    from governance.services import seal_all

    with transaction.atomic():
        for number in range(size):
            _append(number)
    seal_all()
    seal_all()
    total = AuditCheckpoint.objects.order_by("-tree_size").values_list("tree_size", flat=True)[0]
    spent, queries = [], []
    for place in range(0, total, total // 20):
        with CaptureQueriesContext(connection) as caught:
            started = time.process_time()
            prove_inclusion(place)
            spent.append((time.process_time() - started) * 1000)
        queries.append(float(len(caught)))
    name = f"a proof of inclusion in {total} records"
    return [
        figure(f"{name}, CPU of Python", "ms", spent),
        figure(f"{name}, statements", "statements", queries),
    ]
