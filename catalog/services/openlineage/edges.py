"""The dataset edges of a job that are in force, from what its runs read and wrote.

In force are the uses of the last completed run that used anything, and those of runs in progress that began
after it; without either, those of the last run that failed. A pure function of the runs, so that the order in
which events came does not matter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models.functions import Least

from catalog.models import DatasetEdge, Job

# Runs that never end would pile up: only the newest in progress count.
MAX_RUNS_IN_PROGRESS = 20

DEFINING_USES = """
WITH last_completed AS (
    SELECT r.uuid, r.started_at FROM catalog_run r
     WHERE r.job_id = %(job)s AND r.state = 'COMPLETED'
       AND EXISTS (SELECT 1 FROM catalog_rundataset u WHERE u.run_id = r.uuid)
     ORDER BY r.ended_at DESC, r.uuid DESC LIMIT 1
), in_progress AS (
    SELECT r.uuid FROM catalog_run r
     WHERE r.job_id = %(job)s AND r.state IN ('NEW', 'RUNNING')
       AND r.started_at > coalesce((SELECT started_at FROM last_completed), '-infinity')
     ORDER BY r.started_at DESC, r.uuid DESC LIMIT %(limit)s
), defining AS (
    SELECT uuid FROM last_completed UNION SELECT uuid FROM in_progress
), last_failed AS (
    SELECT r.uuid FROM catalog_run r
     WHERE r.job_id = %(job)s AND r.state IN ('ABORTED', 'FAILED')
       AND NOT EXISTS (SELECT 1 FROM catalog_rundataset u JOIN defining d ON d.uuid = u.run_id)
       AND EXISTS (SELECT 1 FROM catalog_rundataset u WHERE u.run_id = r.uuid)
     ORDER BY r.ended_at DESC, r.uuid DESC LIMIT 1
)
SELECT u.dataset_id, u.direction, u.origin, u.run_id, r.started_at, u.column_event_id, u.column_hash, u.column_stamp
  FROM catalog_rundataset u JOIN catalog_run r ON r.uuid = u.run_id
 WHERE u.run_id IN (SELECT uuid FROM defining UNION SELECT uuid FROM last_failed)
 ORDER BY r.started_at, u.run_id, u.dataset_id, u.direction
"""


@dataclass(frozen=True, slots=True)
class Use:
    """One row of DEFINING_USES: a run's use of a dataset, oldest run first."""

    dataset_id: int
    direction: str
    origin: str
    run_id: UUID
    started_at: datetime
    column_event_id: int | None
    column_hash: str
    column_stamp: str


def defining_uses(job: Job) -> list[Use]:
    """The uses from which the edges of `job` follow."""
    with connection.cursor() as cursor:
        cursor.execute(DEFINING_USES, {"job": job.pk, "limit": MAX_RUNS_IN_PROGRESS})
        return [Use(*row) for row in cursor.fetchall()]


def sync_dataset_edges(job: Job, *, uses: Iterable[Use], at: datetime) -> None:
    """Open and close the job's dataset edges so that those in force follow `uses`.

    The caller holds the lock of the job's row.
    """
    wanted = {(use.dataset_id, use.direction): use for use in uses}
    present = {
        (edge.dataset_id, edge.direction): edge
        for edge in DatasetEdge.objects.filter(job=job, valid_to=None)
    }
    _close([edge.pk for key, edge in present.items() if key not in wanted], at=at)
    DatasetEdge.objects.bulk_create(
        [
            DatasetEdge(
                dataset_id=key[0],
                job=job,
                direction=key[1],
                origin=wanted[key].origin,
                last_run_id=wanted[key].run_id,
                valid_from=min(at, wanted[key].started_at),
            )
            for key in sorted(wanted)
            if key not in present
        ]
    )
    _refresh(present, wanted=wanted)


def _close(edge_ids: list[int], *, at: datetime) -> None:
    if edge_ids:
        DatasetEdge.objects.filter(pk__in=edge_ids).update(valid_to=at)


def _refresh(
    present: Mapping[tuple[int, str], DatasetEdge], *, wanted: Mapping[tuple[int, str], Use]
) -> None:
    """Note the last run, and an earlier beginning that came to be known; one statement a run, seldom two."""
    by_run: dict[tuple[UUID, datetime], list[int]] = {}
    for key, edge in present.items():
        use = wanted.get(key)
        if use is None:
            continue
        if edge.last_run_id != use.run_id or edge.valid_from > use.started_at:
            by_run.setdefault((use.run_id, use.started_at), []).append(edge.pk)
    for (run_id, started_at), pks in sorted(by_run.items()):
        DatasetEdge.objects.filter(pk__in=pks).update(
            last_run_id=run_id, valid_from=Least("valid_from", started_at)
        )
