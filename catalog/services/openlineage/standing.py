"""Whether a job's edges stand after a batch, by what the batch holds; so that most batches need not ask (`edges`)."""

from collections.abc import Iterable, Sequence

from catalog.models.job import RunState
from catalog.services.openlineage.batch import Batch, LastRun, RunRow
from catalog.services.openlineage.edges import hash_uses

IN_PROGRESS = (RunState.NEW, RunState.RUNNING)

LAST_COMPLETED = """
SELECT j.id, completed.* FROM unnest(%s::bigint[]) AS j (id) CROSS JOIN LATERAL (
    SELECT r.uuid, r.started_at, r.ended_at FROM catalog_run r
     WHERE r.job_id = j.id AND r.state = 'COMPLETED'
       AND EXISTS (SELECT 1 FROM catalog_rundataset x WHERE x.run_id = r.uuid)
     ORDER BY r.ended_at DESC, r.uuid DESC LIMIT 1
  ) AS completed
"""


def moved_jobs(batch: Batch) -> list[int]:
    """The touched jobs whose edges may have to change; of the others it is sure that the same edges follow as before."""
    runs: dict[int, list[RunRow]] = {job_id: [] for job_id in batch.touched_jobs}
    for run in batch.told_runs:
        for job_id in {run.job_id, run.former_job_id or run.job_id} & runs.keys():
            runs[job_id].append(run)
    return [job_id for job_id, each in runs.items() if not _stands(job_id, runs=each, batch=batch)]


def _stands(job_id: int, *, runs: Sequence[RunRow], batch: Batch) -> bool:
    """Whether the same edges are sure to follow; no statement.

    In force are the run that completed last and those in progress that began after it. So the same follows if each
    run of the batch uses just what all in force used together (`edges_hash`), and none besides comes into force or
    goes out: the last gives way only to one of the batch that began no earlier, and no other one in force ends, which
    would make room among the newest in progress (`edges.MAX_RUNS_IN_PROGRESS`).
    """
    row = batch.job_rows.get(job_id)
    if row is None or job_id in batch.earlier_jobs:
        return False
    users = [run for run in runs if batch.uses.get(run.uuid)]
    former = row.last_completed
    if not all(_is_steady(run, job_id=job_id) for run in runs) or not _has_times(former):
        return False
    if any(hash_uses(batch.uses[run.uuid].values()) != row.edges_hash for run in users):
        return False
    last = _last_of(users, former=former)
    if former is not None and last is not None and last.started_at < former.started_at:
        return False
    if len(users) < len(runs) and last == former:
        return False
    return all(
        (last is not None and run.uuid == last.uuid) or _was_not_in_force(run, former=former)
        for run in runs
        if _has_ended(run)
    )


def _is_steady(run: RunRow, *, job_id: int) -> bool:
    """Whether the run is of this job, before and after, did not fail, and has the times that order runs."""
    if run.job_id != job_id or run.former_job_id not in (job_id, None):
        return False
    if run.state in IN_PROGRESS:
        return run.started_at is not None
    return run.state == RunState.COMPLETED and _has_times(run)


def _has_times(run: RunRow | LastRun | None) -> bool:
    return run is None or (run.started_at is not None and run.ended_at is not None)


def _last_of(users: Iterable[RunRow], *, former: LastRun | None) -> LastRun | None:
    """The run that completed last, of those in the batch that used anything and the one that was it."""
    ended = {
        run.uuid: LastRun(run.uuid, run.started_at, run.ended_at)
        for run in users
        if run.state == RunState.COMPLETED and run.started_at and run.ended_at
    }
    if former is not None:
        ended.setdefault(former.uuid, former)
    return max(ended.values(), key=lambda run: (run.ended_at, run.uuid), default=None)


def _was_not_in_force(run: RunRow, *, former: LastRun | None) -> bool:
    return former is not None and run.started_at is not None and run.started_at <= former.started_at


def _has_ended(run: RunRow) -> bool:
    """Whether it was in progress, and is no more."""
    return run.former_state in IN_PROGRESS and run.state not in IN_PROGRESS
