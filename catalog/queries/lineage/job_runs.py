"""The last runs of many jobs, in one query each, by the index on (job, start).

A run is shown whose job is, unless all that it used is hidden (`governance.runs`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np

from catalog.queries.lineage.describing import TIME_AS_TEXT
from catalog.queries.lineage.rows import as_array, fetch
from catalog.queries.lineage.sight import Sight
from catalog.queries.newest import newest_shown

_NEWEST: Final = f"""
SELECT w.id, ARRAY(SELECT dataset_id FROM catalog_rundataset u WHERE u.run_id = r.uuid), r.started_at,
    r.uuid::text, r.state, {TIME_AS_TEXT.format("r.started_at")}, {TIME_AS_TEXT.format("r.ended_at")},
    (extract(epoch FROM r.ended_at - r.started_at) * 1000)::bigint
FROM unnest(%s::bigint[]) AS w(id) CROSS JOIN LATERAL (
    SELECT uuid, state, started_at, ended_at FROM catalog_run
    WHERE job_id = w.id AND observed AND started_at IS NOT NULL
    ORDER BY started_at DESC, uuid DESC OFFSET %s LIMIT %s) r
ORDER BY w.id, r.started_at DESC, r.uuid DESC
"""  # noqa: S608  # assembled from constants of this module only


class RunRow(NamedTuple):
    """A run in brief; times as text."""

    uuid: str
    state: str
    started_at: str
    ended_at: str | None
    milliseconds: int | None


def latest_runs(jobs: Sequence[int], *, visible: Sight) -> dict[int, RunRow]:
    """The run of each job that began last, by job id; runs that did not happen, or say no start, are left out."""
    return {job: RunRow(*rows[0][3:]) for job, rows in _newest(jobs, each=1, visible=visible)}


def last_starts(jobs: Sequence[int], *, number: int, visible: Sight) -> dict[int, list[datetime]]:
    """When the last `number` runs of each job began, oldest first."""
    rows = _newest(jobs, each=number, visible=visible)
    return {job: [row[2] for row in reversed(found)] for job, found in rows}


def _newest(
    jobs: Sequence[int], *, each: int, visible: Sight
) -> Sequence[tuple[int, list[tuple[Any, ...]]]]:
    def page(
        wanted: Sequence[int], skip: int, size: int
    ) -> list[tuple[int, tuple[Any, ...] | None]]:
        rows = fetch(_NEWEST, as_array(wanted), skip, size)
        used = np.array(sorted({key for row in rows for key in row[1]}), dtype=np.int64)
        seen = set(used[visible.visible_among(used)].tolist())
        return [(row[0], None if row[1] and seen.isdisjoint(row[1]) else row) for row in rows]

    return list(newest_shown(jobs, each=each, page=page).items())
