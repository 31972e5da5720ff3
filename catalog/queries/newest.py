"""The newest of each job that may be shown: those that may not be are passed over, and leave no gap that tells of them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

# Each further page holds so many times more: who has many runs that are not shown costs few queries.
GROWTH = 8

Row = TypeVar("Row")
# For jobs, how many rows of each to skip and how many to read: each row's job, and the row or None where it is not shown.
Page = Callable[[Sequence[int], int, int], Sequence[tuple[int, Row | None]]]


def newest_shown(jobs: Sequence[int], *, each: int, page: Page[Row]) -> dict[int, list[Row]]:
    """Of each job at most `each` rows, newest first; no entry for a job of which nothing is shown."""
    found: dict[int, list[Row]] = {}
    wanted, skip, size = list(jobs), 0, each
    while wanted:
        read = dict.fromkeys(wanted, 0)
        for job, row in page(wanted, skip, size):
            read[job] += 1
            if row is not None and len(found.get(job, ())) < each:
                found.setdefault(job, []).append(row)
        wanted = [job for job in wanted if read[job] == size and len(found.get(job, ())) < each]
        skip, size = skip + size, size * GROWTH
    return found
