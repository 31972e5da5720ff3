"""The dataset edges of jobs that are in force, from what their runs read and wrote.

In force are the uses of the last completed run that used anything, and those of runs in progress that began
after it; without either, those of the last run that failed. A pure function of the runs, so that the order in
which events came does not matter.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.db.models import Case, DateTimeField, Value, When

from catalog.models import DatasetEdge
from catalog.services.openlineage.batch import UseRow
from catalog.services.openlineage.sql import fetch

# Runs that never end would pile up: only the newest in progress count.
MAX_RUNS_IN_PROGRESS = 20

# Joined with the datasets themselves: a use recorded while its dataset was being deleted has no foreign key to stop it.
DEFINING_USES = f"""
SELECT j.id, u.dataset_id, u.direction, u.origin, u.run_id, found.started_at, u.column_hash, u.column_stamp
  FROM unnest(%s::bigint[]) AS j (id)
  LEFT JOIN LATERAL (
    SELECT r.uuid, r.started_at FROM catalog_run r
     WHERE r.job_id = j.id AND r.state = 'COMPLETED'
       AND EXISTS (SELECT 1 FROM catalog_rundataset x WHERE x.run_id = r.uuid)
     ORDER BY r.ended_at DESC, r.uuid DESC LIMIT 1
  ) AS completed ON true
  CROSS JOIN LATERAL (
    SELECT completed.uuid, completed.started_at WHERE completed.uuid IS NOT NULL
    UNION ALL
    (SELECT r.uuid, r.started_at FROM catalog_run r
      WHERE r.job_id = j.id AND r.state IN ('NEW', 'RUNNING')
        AND r.started_at > coalesce(completed.started_at, '-infinity')
      ORDER BY r.started_at DESC, r.uuid DESC LIMIT {MAX_RUNS_IN_PROGRESS})
  ) AS found
  JOIN catalog_rundataset u ON u.run_id = found.uuid
  JOIN catalog_dataset d ON d.id = u.dataset_id
"""  # noqa: S608 - a constant
LAST_FAILED_USES = """
SELECT j.id, u.dataset_id, u.direction, u.origin, u.run_id, failed.started_at, u.column_hash, u.column_stamp
  FROM unnest(%s::bigint[]) AS j (id)
  CROSS JOIN LATERAL (
    SELECT r.uuid, r.started_at FROM catalog_run r
     WHERE r.job_id = j.id AND r.state IN ('ABORTED', 'FAILED')
       AND EXISTS (SELECT 1 FROM catalog_rundataset x WHERE x.run_id = r.uuid)
     ORDER BY r.ended_at DESC, r.uuid DESC LIMIT 1
  ) AS failed
  JOIN catalog_rundataset u ON u.run_id = failed.uuid
  JOIN catalog_dataset d ON d.id = u.dataset_id
"""


@dataclass(frozen=True, slots=True)
class Use:
    """A run's use of a dataset, from which an edge follows."""

    job_id: int
    dataset_id: int
    direction: str
    origin: str
    run_id: UUID
    started_at: datetime
    column_hash: str
    column_stamp: str


def defining_uses(job_ids: Collection[int]) -> dict[int, list[Use]]:
    """The uses from which the edges of each job follow, oldest run first. Two statements at most."""
    found: dict[int, list[Use]] = {job_id: [] for job_id in sorted(job_ids)}
    for row in fetch(DEFINING_USES, [list(found)]):
        found[row[0]].append(Use(*row))
    without = [job_id for job_id, uses in found.items() if not uses]
    if without:
        for row in fetch(LAST_FAILED_USES, [without]):
            found[row[0]].append(Use(*row))
    for uses in found.values():
        uses.sort(key=lambda use: (use.started_at, use.run_id, use.dataset_id, use.direction))
    return found


def hash_uses(uses: Iterable[Use | UseRow]) -> str:
    """32 hex digits: equal if and only if the same edges follow."""
    return _hash_parts(
        tuple(sorted({(u.dataset_id, u.direction, u.origin, u.column_hash) for u in uses}))
    )


@lru_cache(maxsize=2_000)
def _hash_parts(parts: tuple[tuple[int, str, str, str], ...]) -> str:
    return hashlib.blake2b(repr(list(parts)).encode(), digest_size=16).hexdigest()


def sync_dataset_edges(uses: Mapping[int, Sequence[Use]], *, at: Mapping[int, datetime]) -> None:
    """Open and close the dataset edges of jobs so that those in force follow `uses`.

    The caller holds the locks of the jobs' rows.
    """
    wanted = {
        (job_id, use.dataset_id, use.direction): use
        for job_id, each in uses.items()
        for use in each
    }
    present = {
        (edge.job_id, edge.dataset_id, edge.direction): edge
        for edge in DatasetEdge.objects.filter(job_id__in=list(uses), valid_to=None)
    }
    _close([edge for key, edge in present.items() if key not in wanted], at=at)
    DatasetEdge.objects.bulk_create(
        [
            DatasetEdge(
                job_id=key[0],
                dataset_id=key[1],
                direction=key[2],
                origin=wanted[key].origin,
                valid_from=min(at[key[0]], wanted[key].started_at),
            )
            for key in sorted(wanted)
            if key not in present
        ]
    )
    _refresh(present, wanted=wanted)


def _close(edges: list[DatasetEdge], *, at: Mapping[int, datetime]) -> None:
    if edges:
        ends = [When(job_id=job_id, then=Value(at[job_id])) for job_id in {e.job_id for e in edges}]
        DatasetEdge.objects.filter(pk__in=[edge.pk for edge in edges]).update(
            valid_to=Case(*ends, output_field=DateTimeField())
        )


def _refresh(
    present: Mapping[tuple[int, int, str], DatasetEdge],
    *,
    wanted: Mapping[tuple[int, int, str], Use],
) -> None:
    """Note an earlier beginning that came to be known, and another origin."""
    changed = []
    for key, edge in present.items():
        use = wanted.get(key)
        if use is None or (edge.valid_from <= use.started_at and edge.origin == use.origin):
            continue
        edge.valid_from = min(edge.valid_from, use.started_at)
        edge.origin = use.origin
        changed.append(edge)
    DatasetEdge.objects.bulk_update(changed, ["valid_from", "origin"])
