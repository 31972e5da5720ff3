"""Governed read beside raw DuckDB on the same files, with the same engine limits.

Work: a table of passengers (id, name, email, card, region of 20, fare) in four Parquet files on the object store. The
peer reads every row of the same columns with `read_parquet` and hands over Arrow batches, unrestricted. Ours is the
whole path, decision and audit included: all rows; one region in four; that with e-mail and card masked; all of it
with the e-mail hashed instead. CPU is that of this process, engine threads included.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.figures import Figure, figure

ROWS, QUICK_ROWS = 2_000_000, 100_000
FILES = 4
REGIONS = tuple(f"R{number:02d}" for number in range(20))
SHOWN = REGIONS[:5]


def run(*, quick: bool) -> list[Figure]:
    """Load the table once, then measure raw and governed reads in turn."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    rows, rounds = (QUICK_ROWS, 2) if quick else (ROWS, 5)
    with bench_table(rows) as dataset, cases(dataset) as users:
        raw = raw_read(dataset)
        measured: dict[str, list[float]] = {"raw": [], **{name: [] for name in users}}
        first_rows: list[float] = []
        consume(raw())
        for _ in range(rounds):
            measured["raw"].append(cpu_of(raw))
            for name, (user, _) in users.items():
                measured[name].append(cpu_of(governed_read(user, dataset)))
            first_rows.append(wall_of(governed_read(users["all rows"][0], dataset, limit=100)))
        expected = {name: part for name, (_, part) in users.items()}
        for name, (user, _) in users.items():
            assert consume(governed_read(user, dataset)()) == rows * expected[name], name
    return figures(measured, first_rows, rows)


def figures(measured: dict[str, list[float]], first_rows: list[float], rows: int) -> list[Figure]:
    note = f"{rows} rows in {FILES} Parquet files on S3; decision and audit included"
    found = [
        figure(
            f"governed read, {name}",
            "CPU s per million rows scanned",
            [sample * 1e6 / rows for sample in samples],
            peer="raw DuckDB scan of all rows",
            peer_samples=[sample * 1e6 / rows for sample in measured["raw"]],
            note=note,
        )
        for name, samples in measured.items()
        if name != "raw"
    ]
    found.append(figure("governed read, first 100 rows", "wall s", first_rows, note=note))
    return found


def governed_read(user: Any, dataset: Any, *, limit: int | None = None) -> Callable[[], Any]:
    from query.services import read_dataset

    return lambda: read_dataset(user=user, dataset=dataset, limit=limit)


def raw_read(dataset: Any) -> Callable[[], Any]:
    """The same engine and files, and no decision."""
    from query.engine import BATCH_ROWS, open_cursor

    paths = data_paths(tuple(dataset.name.split(".")))
    listed = ", ".join(f"'{path}'" for path in paths)
    statement = f"SELECT * FROM read_parquet([{listed}], hive_partitioning=false)"
    cursor = open_cursor()
    return lambda: cursor.execute(statement).to_arrow_reader(BATCH_ROWS)


def consume(reader: Any) -> int:
    return sum(batch.num_rows for batch in reader)


def cpu_of(read: Callable[[], Any]) -> float:
    before = time.process_time()
    consume(read())
    return time.process_time() - before


def wall_of(read: Callable[[], Any]) -> float:
    before = time.perf_counter()
    consume(read())
    return time.perf_counter() - before


@contextmanager
def bench_table(rows: int) -> Iterator[Any]:
    """The dataset, with its files listed; the table is dropped and its objects are removed at the end."""
    import duckdb

    from catalog.models import Dataset
    from storage.services.namespaces import create_namespace, drop_namespace
    from storage.tables.catalog import LakewardenCatalog
    from storage.tables.io import file_io

    level = f"bench{uuid.uuid4().hex[:8]}"
    create_namespace(levels=(level,))
    catalog = LakewardenCatalog(actor="bench")
    part = rows // FILES
    sources = [
        duckdb.sql(passengers_sql(part * number, part * (number + 1))).to_arrow_table()
        for number in range(FILES)
    ]
    table = catalog.create_table((level, "passengers"), sources[0].schema)
    try:
        for each in sources:
            table.append(each)
        yield Dataset.objects.get(name=f"{level}.passengers")
    finally:
        paths = data_paths((level, "passengers"))
        catalog.drop_table((level, "passengers"))
        drop_namespace(levels=(level,))
        for path in paths:
            file_io().delete(path)


def data_paths(name: tuple[str, str]) -> list[str]:
    from storage.tables.catalog import LakewardenCatalog

    tasks = LakewardenCatalog().load_table(name).scan().plan_files()
    return [task.file.file_path for task in tasks]


def passengers_sql(start: int, end: int) -> str:
    return (
        "SELECT i AS id, 'Passenger ' || i AS name, 'p' || i || '@mail' || (i % 97) || '.example' AS email, "
        "printf('4%015d', i) AS card, printf('R%02d', i % 20) AS region, (i % 1000)::DOUBLE AS fare "
        f"FROM range({start}, {end}) t(i)"
    )


@contextmanager
def cases(dataset: Any) -> Iterator[dict[str, tuple[Any, float]]]:
    """Users by case, with the part of the rows that each sees. Grants and policies are rolled back at the end."""
    from django.contrib.auth.models import Permission
    from django.db import transaction

    from governance.models import DatasetUserGrant, Policy, PolicyVersion
    from identity.models import User

    permission = Permission.objects.get(codename="read_dataset")
    listed = ", ".join(f"'{region}'" for region in SHOWN)
    wanted = {
        "all rows": (None, {}),
        "row filter": (f"region IN ({listed})", {}),
        "row filter and masks": (
            f"region IN ({listed})",
            {"email": "mask-alphanum", "card": "show-last-4"},
        ),
        "row filter and hash": (f"region IN ({listed})", {"email": "sha-256-global"}),
        "hash on every row": (None, {"email": "sha-256-global"}),
    }
    with transaction.atomic():
        users = {}
        for number, (name, (row_filter, masks)) in enumerate(wanted.items()):
            user = User.objects.create(username=f"bench-{uuid.uuid4().hex[:8]}")
            DatasetUserGrant.objects.create(
                user=user, content_object=dataset, permission=permission, row_filter=row_filter
            )
            for field, mask in masks.items():
                policy = Policy.objects.create(name=f"bench-{number}-{field}-{user.pk}")
                document = {
                    "name": policy.name,
                    "applies_to": {"name": [dataset.name], "fields": [field]},
                    "subjects": {"users": [user.username]},
                    "effect": {"column_mask": mask},
                }
                PolicyVersion.objects.create(
                    policy=policy, number=1, status="published", document=document
                )
            users[name] = (user, 1.0 if row_filter is None else len(SHOWN) / len(REGIONS))
        yield users
        transaction.set_rollback(True)
