"""Bulk load: one NDJSON stream of datasets with 5 fields each, and 3 edges a dataset, into an empty catalog.

Workload of N: N datasets (namespace, name, description, one tag on every tenth, an owner on every fifth, 5 fields, the
second with a tag on every tenth), then N jobs of 3 edges each (2 inputs, 1 output, near by: a layered graph). The stream
is written to a file first; the import reads, checks and writes it in chunks of 5,000 lines by the same service as
`POST /api/v1/catalog/import`, history, search text, versions, edge log and audit included. CPU is this process and its
PostgreSQL backend. The peer is COPY of the very same rows, from binary files, into copies of the tables with all their
indexes, but without triggers, foreign keys and parsing: what PostgreSQL itself takes for them. `--quick` loads 2,000;
otherwise 10,000 and 100,000, and 1,000,000 where LAKEWARDEN_BENCH_MILLION=1 (once: it takes minutes).
"""

import os
import resource
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import orjson

from bench.figures import Figure, figure

TICK = os.sysconf("SC_CLK_TCK")
FIELDS = 5
EDGES = 3
TABLES = (
    "catalog_dataset",
    "catalog_datasetversion",
    "catalog_field",
    "catalog_datasettag",
    "catalog_fieldtag",
    "catalog_datasetowner",
    "catalog_job",
    "catalog_datasetedge",
)
MAX_BYTES = 1 << 40


def run(*, quick: bool) -> list[Figure]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    sizes = [2_000] if quick else [10_000, 100_000]
    if os.environ.get("LAKEWARDEN_BENCH_MILLION") == "1":
        sizes = [1_000_000]
    found: list[Figure] = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="lakewarden-bulk-") as folder, own_database():
            found += load(size, folder=Path(folder))
    return found


@contextmanager
def own_database() -> Iterator[None]:
    from django.db import connection

    connection.settings_dict["TEST"]["NAME"] = f"bench_{uuid.uuid4().hex[:8]}"
    former = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(former, verbosity=0)


def load(size: int, *, folder: Path) -> list[Figure]:
    from catalog.services.bulk.imports import begin_import, run_import
    from catalog.services.bulk.streams import parsed_chunks
    from governance.bulk import ImportRights
    from governance.queries import principal_of
    from identity.models import User

    stream = folder / "stream.ndjson"
    write_stream(stream, size=size)
    user = User.objects.create(username="bench", is_superuser=True)
    row = begin_import(user=user)
    lines = size * (1 + EDGES)
    with Meter() as meter, stream.open("rb") as file:
        outcomes = run_import(
            row,
            chunks=parsed_chunks(file.read, gzipped=False, max_bytes=MAX_BYTES),
            rights=lambda: ImportRights(principal_of(user)),
            actor="bench",
        )
        for outcome in outcomes:
            assert not outcome.refused, outcome.refused
            if outcome.acknowledged_line % 200_000 == 0:
                print(f"  {outcome.acknowledged_line:,} lines, {meter.wall():.0f} s", flush=True)
    row.refresh_from_db()
    assert (row.created, row.refused) == (lines, 0), (row.created, row.refused)
    bytes_read = stream.stat().st_size
    stream.unlink()
    peer_wall, peer_cpu = raw_copy(folder)
    rows = size * (1 + FIELDS + EDGES)
    note = f"{size:,} datasets, {FIELDS * size:,} fields, {EDGES * size:,} edges, {bytes_read / 1e6:.0f} MB of NDJSON"
    peer = "COPY of the same rows, indexes only"
    return [
        figure(
            f"load of {size:,}, wall",
            "s",
            [meter.wall_s],
            peer=peer,
            peer_samples=[peer_wall],
            note=note,
        ),
        figure(
            f"load of {size:,}, CPU",
            "CPU s (process and PostgreSQL)",
            [meter.cpu_s],
            peer=peer,
            peer_samples=[peer_cpu],
            note=note,
        ),
        figure(
            f"load of {size:,}, rate",
            "rows/s (datasets, fields, edges)",
            [rows / meter.wall_s],
            peer=peer,
            peer_samples=[rows / peer_wall],
            note=note,
        ),
        figure(
            f"load of {size:,}, memory",
            "MiB resident at most, this process",
            [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024],
            note=note,
        ),
    ]


def write_stream(path: Path, *, size: int) -> None:
    types = ("bigint", "string", "double", "timestamp", "decimal(18,2)")
    with path.open("wb") as file:
        for number in range(size):
            fields: list[dict[str, Any]] = [
                {"name": f"column_{place}", "type": types[place]} for place in range(FIELDS)
            ]
            if number % 10 == 0:
                fields[1]["tags"] = ["pii.email"]
            line: dict[str, Any] = {
                "kind": "dataset",
                "namespace": f"postgres://db{number % 50}:5432",
                "name": f"shop.schema{number % 997}.orders_{number:07}",
                "description": f"Orders of region {number % 997}",
                "fields": fields,
            }
            if number % 10 == 0:
                line["tags"] = ["gold"]
            if number % 5 == 0:
                line["owners"] = [{"kind": "user", "name": "bench"}]
            file.write(orjson.dumps(line) + b"\n")
        for number in range(size):
            job = {"namespace": "airflow", "name": f"dag{number % 4999}.task_{number:07}"}
            uses = (("input", number), ("input", number - 1), ("output", number + 1))
            for direction, near in uses:
                other = near % size
                edge = {
                    "kind": "edge",
                    "job": job,
                    "dataset": {
                        "namespace": f"postgres://db{other % 50}:5432",
                        "name": f"shop.schema{other % 997}.orders_{other:07}",
                    },
                    "direction": direction,
                }
                file.write(orjson.dumps(edge) + b"\n")


class Meter:
    """Wall and CPU seconds of this process and of its PostgreSQL backend."""

    def __enter__(self) -> Self:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self._pid = cursor.fetchone()[0]
        self._began, self._cpu = time.monotonic(), self._now()
        return self

    def wall(self) -> float:
        return time.monotonic() - self._began

    def __exit__(self, *_: object) -> None:
        self.wall_s, self.cpu_s = self.wall(), self._now() - self._cpu

    def _now(self) -> float:
        stat = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return time.process_time() + (int(stat[11]) + int(stat[12])) / TICK


def raw_copy(folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of COPY FROM of the rows that the load left, in their order."""
    from django.db import connection

    files = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            columns = _columns(cursor, table)
            files[table] = (folder / f"{table}.bin", columns)
            with (
                files[table][0].open("wb") as file,
                cursor.copy(
                    f"COPY (SELECT {columns} FROM {table} ORDER BY id) TO STDOUT (FORMAT binary)"
                ) as copy,
            ):
                for block in copy:
                    file.write(block)
            cursor.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING ALL)")
        with Meter() as meter:
            for table, (path, columns) in files.items():
                with (
                    path.open("rb") as file,
                    cursor.copy(
                        f"COPY bare_{table} ({columns}) FROM STDIN (FORMAT binary)"
                    ) as copy,
                ):
                    while block := file.read(1 << 20):
                        copy.write(block)
    return meter.wall_s, meter.cpu_s


def _columns(cursor: Any, table: str) -> str:
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        [table],
    )
    return ", ".join(row[0] for row in cursor.fetchall())
