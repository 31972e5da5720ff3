"""Jobs as events tell of them."""

from collections.abc import Collection
from typing import Any

import orjson
from django.db import transaction

from catalog.lineage.events import Event, Name, hash_facets
from catalog.lineage.facets import text_of
from catalog.lineage.stamps import WRITTEN, make_stamp, merge_facets
from catalog.services.openlineage.batch import Batch
from catalog.services.openlineage.cache import ENTRIES, Memory
from catalog.services.openlineage.sql import fetch, send
from catalog.services.openlineage.tellings import JOB, Telling, fold, keep_tellings, raise_stamps
from core.ids import uuid7

known_jobs: Memory[Name, int] = Memory(ENTRIES)

FIND_JOBS = """
SELECT j.namespace, j.name, j.id FROM catalog_job j
  JOIN unnest(%s::text[], %s::text[]) AS q (namespace, name) ON j.namespace = q.namespace AND j.name = q.name
"""
INSERT_JOBS = """
INSERT INTO catalog_job
    (uuid, namespace, name, type, description, facets, facet_stamps, edges_hash, created_at, updated_at)
SELECT uuid, namespace, name, '', '', '{}', '{}', '', now(), now()
  FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS q (uuid, namespace, name) ORDER BY namespace, name
    ON CONFLICT (namespace, name) DO NOTHING
"""
LOAD_JOBS = """
SELECT id, type, description, facets::text, facet_stamps::text FROM catalog_job WHERE id = ANY(%s::bigint[])
"""
WRITE_JOBS = """
UPDATE catalog_job j SET type = q.type, description = q.description, facets = q.facets,
       facet_stamps = q.facet_stamps, updated_at = now()
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[])
       AS q (id, type, description, facets, facet_stamps) WHERE j.id = q.id
"""


def ensure_jobs(names: Collection[Name]) -> dict[Name, int]:
    """Ids of the jobs, made if need be, in the order of their names."""
    found = {name: job_id for name in names if (job_id := known_jobs.get(name)) is not None}
    unknown = sorted(set(names) - found.keys())
    if unknown:
        fresh = _find(unknown)
        missing = [name for name in unknown if name not in fresh]
        if missing:
            send(
                INSERT_JOBS,
                [
                    [uuid7() for _ in missing],
                    [each.namespace for each in missing],
                    [each.name for each in missing],
                ],
            )
            fresh |= _find(missing)
        found |= fresh
        transaction.on_commit(lambda: known_jobs.put_all(fresh))
    return found


def merge_jobs(batch: Batch) -> None:
    """Merge what the events tell of their jobs; what is told already costs a raised stamp."""
    raised: dict[tuple[int, bytes], str] = {}
    untold: dict[int, list[tuple[Event, Telling]]] = {}
    for event in batch.fresh:
        if event.job is None or not event.job_facets:
            continue
        stamp = make_stamp(at=event.time, rank=WRITTEN, digest=event.digest)
        telling = Telling(hash_facets(event.job_facets), stamp)
        key = (batch.jobs[event.job], telling.hash)
        if key in batch.job_tellings:
            raised[key] = max(raised.get(key, ""), stamp)
        else:
            untold.setdefault(key[0], []).append((event, telling))
    raise_stamps(JOB, raised, known=batch.job_tellings, writes=batch.writes)
    if untold:
        batch.writes.run()
        _merge_untold(untold)


def _merge_untold(untold: dict[int, list[tuple[Event, Telling]]]) -> None:
    rows = fetch(LOAD_JOBS, [sorted(untold)])
    told = fold(JOB, untold.keys())
    written = []
    for job_id, _, description, facets_text, stamps_text in rows:
        facets, stamps = orjson.loads(facets_text), orjson.loads(stamps_text)
        told.fold_into(job_id, stamps)
        before = dict(facets)
        for event, telling in untold[job_id]:
            merge_facets(
                facets=facets, stamps=stamps, incoming=event.job_facets, stamp=telling.stamp
            )
        text = description
        if description in ("", text_of(before, "documentation", "description")):
            text = text_of(facets, "documentation", "description")
        written.append((job_id, _type_of(facets), text, facets, stamps))
        told.settle(
            job_id,
            changed={name for name in {*before, *facets} if before.get(name) != facets.get(name)},
            tellings=[
                telling.over(event.job_facets, facets=facets, stamps=stamps)
                for event, telling in untold[job_id]
            ],
        )
    written.sort(key=lambda row: row[0])
    send(
        WRITE_JOBS,
        [
            [row[0] for row in written],
            [row[1] for row in written],
            [row[2] for row in written],
            [orjson.dumps(row[3]).decode() for row in written],
            [orjson.dumps(row[4]).decode() for row in written],
        ],
    )
    keep_tellings(JOB, told)


def _type_of(facets: dict[str, Any]) -> str:
    kind = text_of(facets, "jobType", "jobType") or text_of(facets, "jobType", "processingType")
    return kind[:60]


def _find(names: list[Name]) -> dict[Name, int]:
    rows = fetch(FIND_JOBS, [[each.namespace for each in names], [each.name for each in names]])
    return {Name(namespace, name): job_id for namespace, name, job_id in rows}
