"""When a job may be expected to run next, judged by when it ran. Plain Python."""

import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

# Fewer runs show no rhythm.
LEAST_STARTS = 3


class Expectation(NamedTuple):
    """The next start, the interval that it was concluded from, and whether it is past already."""

    at: datetime
    interval: timedelta
    overdue: bool


def expect_next(starts: Sequence[datetime], *, now: datetime) -> Expectation | None:
    """The last start (they come oldest first) and the median interval between starts; None below three starts.

    The median, since one rerun by hand or one missed night must not move the rhythm.
    """
    if len(starts) < LEAST_STARTS:
        return None
    seconds = statistics.median(
        (later - earlier).total_seconds() for earlier, later in pairwise(starts)
    )
    interval = timedelta(seconds=seconds)
    if interval <= timedelta(0):
        return None
    expected = starts[-1] + interval
    return Expectation(expected, interval, overdue=expected < now)
