"""Versions of jobs: one for each change of code, or of what a completed run read and wrote."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.db import transaction

from catalog.lineage.events import hash_facets, parse_event
from catalog.models import RunEvent
from catalog.services.openlineage.batch import Batch, RunRow
from catalog.services.openlineage.cache import ENTRIES, Memory
from catalog.services.openlineage.runs import code_of
from catalog.services.openlineage.sql import fetch
from core.ids import uuid7

# Events of a run that are searched for the code that it told.
MAX_EVENTS = 100

# (job, fingerprint) → version. A version is never changed, and goes only with its job.
known_versions: Memory[tuple[int, str], int] = Memory(ENTRIES)

FIND_VERSIONS = """
SELECT v.id, v.job_id, v.fingerprint FROM catalog_jobversion v
  JOIN unnest(%s::bigint[], %s::text[]) AS q (job_id, fingerprint)
    ON v.job_id = q.job_id AND v.fingerprint = q.fingerprint
"""
INSERT_VERSIONS = """
INSERT INTO catalog_jobversion (uuid, job_id, number, fingerprint, inputs, outputs, code, created_at)
SELECT q.uuid, q.job_id,
       coalesce((SELECT max(v.number) FROM catalog_jobversion v WHERE v.job_id = q.job_id), 0)
           + row_number() OVER (PARTITION BY q.job_id ORDER BY q.place),
       q.fingerprint, q.inputs, q.outputs, q.code, q.created_at
  FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::jsonb[], %s::jsonb[], %s::jsonb[], %s::timestamptz[])
       WITH ORDINALITY AS q (uuid, job_id, fingerprint, inputs, outputs, code, created_at, place)
RETURNING id, job_id, fingerprint
"""


def set_job_versions(batch: Batch) -> None:
    """Give each run that completed the version of its job, made if need be. The jobs' rows are locked."""
    wanted: dict[tuple[int, str], list[RunRow]] = {}
    for run in batch.told_runs:
        if run.state == "COMPLETED":
            wanted.setdefault((run.job_id, _fingerprint(run, batch=batch)), []).append(run)
        else:
            run.version_id = None
    found = {key: pk for key in wanted if (pk := known_versions.get(key)) is not None}
    unknown = sorted(wanted.keys() - found.keys())
    if unknown:
        fresh = _find_or_make(unknown, runs=wanted, batch=batch)
        transaction.on_commit(lambda: known_versions.put_all(fresh))
        found |= fresh
    for key, runs in wanted.items():
        for run in runs:
            run.version_id = found[key]


def _sides(run: RunRow, *, batch: Batch) -> tuple[list[int], list[int]]:
    uses = batch.uses.get(run.uuid, {})
    return (
        sorted(key[0] for key in uses if key[1] == "input"),
        sorted(key[0] for key in uses if key[1] == "output"),
    )


def _fingerprint(run: RunRow, *, batch: Batch) -> str:
    text = orjson.dumps([*_sides(run, batch=batch), run.code_hash])
    return hashlib.sha256(text).hexdigest()


def _code_of(run: RunRow, *, batch: Batch) -> dict[str, Any]:
    """The code facets with the run's `code_hash`, told by an event at hand or by an earlier one of the run."""
    if not run.code_hash:
        return {}
    for event in batch.fresh:
        code = code_of(event) if event.run_id == run.uuid else {}
        if code and hash_facets(code).hex() == run.code_hash:
            return code
    for row in RunEvent.objects.filter(run_id=run.uuid).order_by("-pk")[:MAX_EVENTS]:
        code = code_of(parse_event(row.payload))
        if code and hash_facets(code).hex() == run.code_hash:
            return code
    return {}


def _find_or_make(
    unknown: Sequence[tuple[int, str]],
    *,
    runs: Mapping[tuple[int, str], list[RunRow]],
    batch: Batch,
) -> dict[tuple[int, str], int]:
    rows = fetch(FIND_VERSIONS, [[key[0] for key in unknown], [key[1] for key in unknown]])
    missing = sorted(set(unknown) - {(row[1], row[2]) for row in rows})
    if missing:
        table = [_row(key, runs[key], batch=batch) for key in missing]
        rows += fetch(INSERT_VERSIONS, [list(column) for column in zip(*table, strict=True)])
    return {(job_id, fingerprint): pk for pk, job_id, fingerprint in rows}


def _row(key: tuple[int, str], runs: Sequence[RunRow], *, batch: Batch) -> tuple[Any, ...]:
    inputs, outputs = _sides(runs[0], batch=batch)
    return (
        uuid7(),
        *key,
        orjson.dumps(inputs).decode(),
        orjson.dumps(outputs).decode(),
        orjson.dumps(_code_of(runs[0], batch=batch)).decode(),
        min(run.started_at for run in runs if run.started_at is not None),
    )
