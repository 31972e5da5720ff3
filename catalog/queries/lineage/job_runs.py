"""The last runs of many jobs, in one query each, by the index on (job, start)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from catalog.queries.lineage.describing import TIME_AS_TEXT
from catalog.queries.lineage.rows import as_array, fetch

_LATEST: Final = f"""
SELECT w.id, r.uuid::text, r.state, {TIME_AS_TEXT.format("r.started_at")}, {TIME_AS_TEXT.format("r.ended_at")},
    (extract(epoch FROM r.ended_at - r.started_at) * 1000)::bigint
FROM unnest(%s::bigint[]) AS w(id) CROSS JOIN LATERAL (
    SELECT uuid, state, started_at, ended_at FROM catalog_run
    WHERE job_id = w.id AND observed AND started_at IS NOT NULL ORDER BY started_at DESC, uuid DESC LIMIT 1) r
"""  # noqa: S608  # assembled from constants of this module only
_STARTS: Final = """
SELECT w.id, r.started_at FROM unnest(%s::bigint[]) AS w(id) CROSS JOIN LATERAL (
    SELECT started_at FROM catalog_run
    WHERE job_id = w.id AND observed AND started_at IS NOT NULL ORDER BY started_at DESC LIMIT %s) r
ORDER BY w.id, r.started_at
"""


class RunRow(NamedTuple):
    """A run in brief; times as text."""

    uuid: str
    state: str
    started_at: str
    ended_at: str | None
    milliseconds: int | None


def latest_runs(jobs: Sequence[int]) -> dict[int, RunRow]:
    """The run of each job that began last, by job id; runs that did not happen, or say no start, are left out."""
    return {row[0]: RunRow(*row[1:]) for row in fetch(_LATEST, as_array(jobs))}


def last_starts(jobs: Sequence[int], *, number: int) -> dict[int, list[datetime]]:
    """When the last `number` runs of each job began, oldest first."""
    found: dict[int, list[datetime]] = {}
    for job, started in fetch(_STARTS, as_array(jobs), number):
        found.setdefault(job, []).append(started)
    return found
