"""Dates of birth: a name that says so, and dates as far apart as the ages of people are."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from statistics import median
from typing import Any

from governance.classify.column import Column
from governance.classify.suggestion import Finding
from governance.classify.weighing import percent

LABEL = "pii.birthdate"
_FORMATS = (
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%Y%m%d",
    "%Y.%m.%d",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d-%b-%Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d-%b-%y",
    "%y%m%d",
    "%Y年%m月%d日",
    "%Y-%m-%dT%H:%M:%S",
    "%d%m%Y",
    "%b %d %Y",
    "%Y",
)
_OLDEST = 120
_COUNTED = 80
_DAYS = 365.25


def find(column: Column, *, today: date) -> list[Finding]:
    """How the dates lie: spread over ages of people, or recent, as those of events are."""
    raw = column.raw[:_COUNTED]
    days = list(_days(raw))
    total = len(raw)
    if len(days) * 2 < total:
        return [Finding(LABEL, -4.0, f"{percent(len(days), total)} are dates")]
    ages = sorted((today - each).days / _DAYS for each in days)
    possible = sum(0 <= each <= _OLDEST for each in ages)
    spread = ages[int(len(ages) * 0.9)] - ages[int(len(ages) * 0.1)]
    text = f"{percent(possible, total)} are dates of the last {_OLDEST} years, nine tenths within {spread + 1:.0f} years"
    if possible * 10 < len(ages) * 8:
        return [Finding(LABEL, -4.0, text)]
    if (median(ages) < 3 and spread < 5) or _has_times(raw):
        return [Finding(LABEL, -3.0, f"{text}: recent, as dates of events are")]
    lifelike = spread > 15 and median(ages) > 12 and ages[0] > 0
    return [Finding(LABEL, 1.8 if lifelike else 0.0, text)]


def _days(values: tuple[Any, ...]) -> Iterator[date]:
    order: list[str] = list(_FORMATS)
    for each in values:
        if isinstance(each, date):
            yield each.date() if isinstance(each, datetime) else each
            continue
        text = re.sub(r"(?:[ T]00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:?00)?)$", "", str(each).strip())
        for form in order:
            found = _parsed(text, form)
            if found is not None:
                # The format of one value is most likely that of the next.
                order.remove(form)
                order.insert(0, form)
                yield found
                break


def _parsed(text: str, form: str) -> date | None:
    try:
        found = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None
    if "%y" in form and found > date.today():  # noqa: DTZ011 - as above
        found = found.replace(year=found.year - 100, day=min(found.day, 28))
    return found


def _has_times(values: tuple[Any, ...]) -> bool:
    """Whether most values tell a time of day other than midnight."""
    timed = sum(
        (isinstance(each, datetime) and (each.hour, each.minute, each.second) != (0, 0, 0))
        or (isinstance(each, str) and bool(re.search(r"[T ](?!00:00)\d\d:\d\d", each)))
        for each in values
    )
    return timed * 2 > len(values)
