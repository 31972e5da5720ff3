"""One event, one transaction: kept as it came, and made part of the catalog.

INVARIANT: rows are locked in one order everywhere (jobs inserted, event, datasets, job, runs; inside a table by
key), so that two writers never wait for each other in a circle. Everything is merged by stamp
(`catalog.lineage.stamps`), so that any order of arrival gives the same state.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg.types.json import Jsonb

from catalog.lineage.events import Event, parse_event
from catalog.models import Job, RunEvent
from catalog.services.openlineage.columns import sync_field_edges
from catalog.services.openlineage.datasets import apply_datasets
from catalog.services.openlineage.edges import defining_uses, sync_dataset_edges
from catalog.services.openlineage.jobs import apply_job, ensure_jobs
from catalog.services.openlineage.names import EntryMovedError, resolve_datasets
from catalog.services.openlineage.runs import apply_run, record_uses
from catalog.services.openlineage.versions import record_versions
from identity.models import User

MAX_ATTEMPTS = 3


def record_event(*, event: Mapping[str, Any], sender: User | None) -> RunEvent:
    """Record an OpenLineage event and return the row that keeps it; the same event again returns the same row.

    InvalidEventError with the JSON pointer of the fault if it would corrupt the catalog; nothing is stored then.
    """
    return record_parsed(parse_event(event), sender=sender)


def record_parsed(event: Event, *, sender: User | None) -> RunEvent:
    """Record an event that `parse_event` returned."""
    attempts = 1 if connection.in_atomic_block else MAX_ATTEMPTS
    for left in range(attempts - 1, -1, -1):
        try:
            with transaction.atomic():
                return _record(event, sender)
        except (IntegrityError, OperationalError, EntryMovedError):
            # Two entries became one under us: the names resolve anew.
            if left == 0:
                raise
    raise AssertionError


def _record(event: Event, sender: User | None) -> RunEvent:
    jobs = ensure_jobs(event)
    row = _keep(event, sender=sender, job_id=jobs.get(event.job) if event.job else None)
    if row is None:
        return RunEvent.objects.get(digest=event.digest)
    resolved = resolve_datasets(event)
    datasets = apply_datasets(event, resolved=resolved)
    if event.run_id is None or event.job is None:
        record_versions(event, datasets=datasets, run=None, uses={}, resolved=resolved)
        return row
    job = Job.objects.select_for_update(no_key=True).get(pk=jobs[event.job])
    run, former_job_id = apply_run(event, jobs=jobs)
    uses = record_uses(event, run=run, resolved=resolved, event_id=row.pk)
    record_versions(event, datasets=datasets, run=run, uses=uses, resolved=resolved)
    if run.job_id == job.pk:
        _sync_edges(event, job=job, event_id=row.pk, has_uses=bool(uses))
    apply_job(event, job=job, run=run)
    if former_job_id is not None:
        former = Job.objects.get(pk=former_job_id)
        _sync_edges(event, job=former, event_id=row.pk, has_uses=True)
        former.save(update_fields=["facet_stamps"])
    return row


def _sync_edges(event: Event, *, job: Job, event_id: int, has_uses: bool) -> None:
    """Bring the edges of `job` in line; a run that reads and writes nothing cannot change them."""
    if not has_uses:
        return
    uses = defining_uses(job)
    sync_dataset_edges(job, uses=uses, at=event.time)
    sync_field_edges(job, uses=uses, event=event, event_id=event_id)


def _keep(event: Event, *, sender: User | None, job_id: int | None) -> RunEvent | None:
    """Insert the raw event; None if it is there already."""
    values: list[Any] = [
        event.time,
        event.type,
        event.run_id,
        job_id,
        sender.pk if sender else None,
        event.digest,
        Jsonb(event.payload, dumps=orjson.dumps),
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO catalog_runevent
                (received_at, event_time, event_type, run_id, job_id, sender_id, digest, payload)
            VALUES (now(), %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (digest) DO NOTHING RETURNING id
            """,
            values,
        )
        found = cursor.fetchone()
    return RunEvent(pk=found[0], digest=event.digest, event_time=event.time) if found else None
