"""An estate of four shapes of lineage and a small tree, as rows: for the benchmark of lineage queries.

A quarter each of the datasets: `chain` (each made of the one before), `fan` (one read by 1,000 jobs), `layered` (20 layers,
each dataset made of three of the layer before), `power` (each made of three earlier ones, the early ones far more often).
And `tree`: 1,000 jobs, each reading one dataset and writing one, ten readers a dataset. Every dataset has 5 fields, every
job one run. Seeded: the same size is the same estate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

SHAPES = ("chain", "fan", "layered", "power")
FIELDS, LAYERS, FAN, TREE_JOBS, READ = 5, 20, 1_000, 1_000, 3
FILLED = ("catalog_dataset", "catalog_field", "catalog_datasetedge")
# What is not asked in this benchmark, and takes long to fill.
_DROPPED = ("dataset_name_trgm", "dataset_lower_name")


@dataclass(frozen=True)
class Estate:
    """What was made: `first` and `count` of each shape's datasets by number, and how many edges."""

    parts: dict[str, tuple[int, int]]
    edges: int


def build(cursor: Any, *, datasets: int, domain: int) -> Estate:
    """Fill an empty database; triggers do not fire. Every second dataset is in `domain`."""
    quarter = datasets // len(SHAPES)
    parts = {shape: (place * quarter, quarter) for place, shape in enumerate(SHAPES)}
    parts["tree"] = (len(SHAPES) * quarter, TREE_JOBS + 1)
    for table in FILLED:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for table in (*FILLED, "catalog_job", "catalog_run"):
        _default_what_is_needed(cursor, table)
    for index in _DROPPED:
        cursor.execute(f"DROP INDEX IF EXISTS {index}")
    for shape, (first, count) in parts.items():
        cursor.execute(_DATASETS, [shape, first, domain, first + 1, first + count])
    cursor.execute(_FIELDS, [FIELDS])
    edges = [_edges(shape, first, count) for shape, (first, count) in parts.items()]
    jobs = sorted({int(job) for rows in edges for job in np.unique(rows[:, 1]).tolist()})
    cursor.execute(_JOBS, [jobs[-1]])
    cursor.execute(_RUNS)
    total = 0
    for rows in edges:
        total += len(rows)
        _copy_edges(cursor, rows)
    for table in FILLED:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    cursor.execute("ANALYZE")
    return Estate(parts, total)


# Dataset number n has the id n + 1; it is written by the job of the same id.
_DATASETS = """
INSERT INTO catalog_dataset (id, uuid, namespace, name, kind, structure, media_type, description, properties, declared,
    facets, facet_stamps, created_at, updated_at, domain_id)
SELECT n, gen_random_uuid(), 'db', %s || (n - 1 - %s), 'table', 'structured', '', 'made for a benchmark',
    '{}', false, '{}', '{}', now(), now(), CASE WHEN n %% 2 = 0 THEN %s END FROM generate_series(%s, %s) n
"""
_FIELDS = """
INSERT INTO catalog_field (dataset_id, uuid, name, type, description, ordinal, nullable, statistics, created_at)
SELECT d.id, gen_random_uuid(), 'column_' || o, 'bigint', '', o, true, '{}', now()
FROM catalog_dataset d CROSS JOIN generate_series(1, %s) o
"""
_JOBS = """
INSERT INTO catalog_job (id, uuid, namespace, name, type, description, facets, facet_stamps, created_at, updated_at)
SELECT n, gen_random_uuid(), 'jobs', 'j' || n, 'BATCH', '', '{}', '{}', now(), now() FROM generate_series(1, %s) n
"""
_RUNS = """
INSERT INTO catalog_run (uuid, job_id, state, started_at, ended_at, observed, created_at, updated_at)
SELECT gen_random_uuid(), id, 'COMPLETED', now() - interval '2 minutes', now() - interval '1 minute', true, now(),
    now() FROM catalog_job
"""


_NEEDED = """
SELECT column_name, CASE WHEN data_type = 'jsonb' THEN '{}' WHEN data_type LIKE '%%int%%' THEN '0' ELSE '' END
FROM information_schema.columns WHERE table_name = %s AND data_type IN ('jsonb', 'text', 'character varying',
    'smallint', 'integer', 'bigint') AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
"""


def _default_what_is_needed(cursor: Any, table: str) -> None:
    """Django keeps its defaults to itself: columns that the statements above do not name are left empty."""
    cursor.execute(_NEEDED, [table])
    for column, value in cursor.fetchall():
        cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT '{value}'")


def _edges(shape: str, first: int, count: int) -> Any:
    """Rows of (dataset id, job id, is it read)."""
    dice = np.random.default_rng(7)
    numbers = np.arange(count)
    if shape == "chain":
        made, sources = numbers[1:], numbers[:-1, None]
    elif shape == "fan":
        made = numbers[numbers % (FAN + 1) != 0]
        sources = (made - made % (FAN + 1))[:, None]
    elif shape == "tree":
        made = numbers[1:]
        sources = ((made - 1) // 10)[:, None]
    elif shape == "layered":
        width = count // LAYERS
        made = numbers[width : width * LAYERS]
        sources = (made // width - 1)[:, None] * width + dice.integers(0, width, (len(made), READ))
    else:
        made = numbers[1:]
        sources = (made[:, None] * dice.random((len(made), READ)) ** 3).astype(np.int64)
    reads = np.unique(
        np.stack([sources.ravel(), np.repeat(made, sources.shape[1])], axis=1), axis=0
    )
    rows = np.concatenate(
        [
            np.column_stack([reads, np.ones(len(reads), dtype=np.int64)]),
            np.column_stack([made, made, np.zeros(len(made), dtype=np.int64)]),
        ]
    )
    return rows + np.array([first + 1, first + 1, 0])


def _copy_edges(cursor: Any, rows: Any) -> None:
    cursor.execute(
        "CREATE TEMPORARY TABLE IF NOT EXISTS bench_edge (dataset bigint, job bigint, is_read int)"
    )
    cursor.execute("TRUNCATE bench_edge")
    with cursor.copy("COPY bench_edge FROM STDIN") as copy:
        for chunk in _chunks(rows):
            copy.write(chunk)
    cursor.execute(
        "INSERT INTO catalog_datasetedge (dataset_id, job_id, direction, origin, valid_from) SELECT dataset, job, "
        "CASE is_read WHEN 1 THEN 'input' ELSE 'output' END, 'declared', now() - interval '1 day' FROM bench_edge"
    )


def _chunks(rows: Any) -> Iterator[str]:
    for begin in range(0, len(rows), 100_000):
        part = rows[begin : begin + 100_000].tolist()
        yield "".join(f"{dataset}\t{job}\t{is_read}\n" for dataset, job, is_read in part)
