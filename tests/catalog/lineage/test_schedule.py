"""When a job runs next, by its last starts."""

from datetime import UTC, datetime, timedelta

from catalog.lineage.schedule import expect_next

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_the_median_holds_against_one_rerun() -> None:
    starts = [BEGIN, BEGIN + 24 * HOUR, BEGIN + 25 * HOUR, BEGIN + 48 * HOUR, BEGIN + 72 * HOUR]
    found = expect_next(starts, now=BEGIN + 73 * HOUR)
    assert found is not None
    assert (found.at, found.interval, found.overdue) == (BEGIN + 95.5 * HOUR, 23.5 * HOUR, False)
    assert expect_next(starts, now=BEGIN + 100 * HOUR).overdue is True


def test_too_few_starts_show_no_rhythm() -> None:
    assert expect_next([], now=BEGIN) is None
    assert expect_next([BEGIN, BEGIN + HOUR], now=BEGIN) is None
    assert expect_next([BEGIN, BEGIN, BEGIN], now=BEGIN) is None
