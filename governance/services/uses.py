"""Counting the recorded reads by the grants that opened them, so that unused grants can be found.

Counted from the sealed part of the audit log, which has an order without gaps: appending a record costs nothing more,
and nothing is counted twice or left out. What is counted can be thrown away and counted again, but for erased persons.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from catalog.models import Dataset
from governance.auditing.reading import read_records
from governance.certification.suggestion import ALL_COLUMNS
from governance.facts import GRANT_MODELS, grant_rows
from governance.models import AuditCheckpoint, AuditRecord, GrantUse, ReviewMark
from governance.services.reviews import take_mark
from identity.models import User

LOG = "grant uses"
# A read, and a table that was opened to an engine.
READS = ("data.read", "table.load")
BATCH = 5_000
ROUNDS = 20  # of one run
KEPT_DAYS = 90
Key = tuple[UUID, int, int]

_FORGET = """
DELETE FROM governance_grantuse u
WHERE NOT EXISTS (SELECT 1 FROM governance_datasetusergrant g WHERE g.uuid = u.grant)
  AND NOT EXISTS (SELECT 1 FROM governance_datasetgroupgrant g WHERE g.uuid = u.grant)
  AND NOT EXISTS (SELECT 1 FROM governance_domainusergrant g WHERE g.uuid = u.grant)
  AND NOT EXISTS (SELECT 1 FROM governance_domaingroupgrant g WHERE g.uuid = u.grant)
"""


@dataclass(frozen=True, slots=True)
class _Read:
    """One record of a read that grants opened."""

    at: datetime
    reader: str
    dataset: str
    grants: frozenset[str]
    columns: frozenset[str]


@dataclass(slots=True)
class _Tally:
    """The reads of one batch under one key."""

    last_at: datetime
    days: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    columns: dict[str, str] = field(default_factory=dict)


def count_uses() -> int:
    """Go through what was sealed since the last time; returns how many records that were.

    Called again, it counts nothing twice; of two at once one leaves.
    """
    total = 0
    for _ in range(ROUNDS):
        counted = _count_batch()
        if not counted:
            break
        total += counted
    return total


def uncounted() -> int:
    """How many sealed records have not been gone through."""
    mark = ReviewMark.objects.filter(pk=LOG).first()
    counted: int = 0 if mark is None else mark.position.get("sequence", 0)
    return _sealed() - counted


def forget_uses() -> int:
    """Remove what is known of grants that are gone; returns how many rows."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET)
        return int(cursor.rowcount)


def _count_batch() -> int:
    mark, _ = ReviewMark.objects.get_or_create(log=LOG)
    with transaction.atomic():
        if not take_mark(mark):
            return 0
        first: int = mark.position.get("sequence", 0)
        end = min(_sealed(), first + BATCH)
        if end <= first:
            return 0
        _store(_tally(_reads(first, end)))
        mark.position = {"sequence": end}
        mark.save(update_fields=["position"])
    return end - first


def _sealed() -> int:
    last = AuditCheckpoint.objects.order_by("-tree_size").first()
    size: int = 0 if last is None else last.tree_size
    return size


def _reads(first: int, end: int) -> list[_Read]:
    rows = list(
        AuditRecord.objects.filter(
            sequence__gte=first, sequence__lt=end, action__in=READS
        ).order_by("sequence")
    )
    found: list[_Read] = []
    for row, told in zip(rows, read_records(rows), strict=True):
        payload = told.payload
        if payload is None:
            continue  # of a person who was erased
        grants, columns = _opened_by(payload), payload.get("columns")
        if grants:
            shown = frozenset((ALL_COLUMNS,) if columns is None else columns)
            found.append(_Read(row.at, told.actor, payload["dataset"], grants, shown))
    return found


def _opened_by(payload: dict[str, Any]) -> frozenset[str]:
    """The grants that opened what a record tells of."""
    if "grants" in payload:
        return frozenset(payload["grants"])
    reasons = (each for each in payload.get("reasons", ()) if isinstance(each, dict))
    return frozenset(each["id"] for each in reasons if each["kind"] == "grant")


def _tally(reads: list[_Read]) -> dict[Key, _Tally]:
    """By grant, user and dataset; of a grant of some columns only the reads that handed out one of them."""
    users = dict(
        User.objects.filter(username__in={each.reader for each in reads}).values_list(
            "username", "pk"
        )
    )
    datasets = {
        str(uuid): pk
        for uuid, pk in Dataset.objects.filter(
            uuid__in={each.dataset for each in reads}
        ).values_list("uuid", "pk")
    }
    reach = _reach({grant for each in reads for grant in each.grants})
    found: dict[Key, _Tally] = {}
    for read in reads:
        if read.reader not in users or read.dataset not in datasets:
            continue
        for grant in read.grants & reach.keys():
            limit = reach[grant]
            columns = _within(read.columns, limit)
            if read.columns and not columns:
                continue
            key = (UUID(grant), users[read.reader], datasets[read.dataset])
            _add(found.setdefault(key, _Tally(read.at)), read.at, columns)
    return found


def _within(columns: frozenset[str], limit: frozenset[str] | None) -> frozenset[str]:
    """Of the columns that were handed out those that a grant reaches."""
    if limit is None or ALL_COLUMNS in columns:
        return columns
    return columns & limit


def _add(tally: _Tally, at: datetime, columns: frozenset[str]) -> None:
    day = at.date().isoformat()
    tally.last_at = max(tally.last_at, at)
    tally.days[day] += 1
    for name in columns:
        tally.columns[name] = max(day, tally.columns.get(name, day))


def _reach(grants: set[str]) -> dict[str, frozenset[str] | None]:
    """The columns of each of these grants that is still there; None: all."""
    found: dict[str, frozenset[str] | None] = {}
    for model in GRANT_MODELS:
        rows = grant_rows(model).filter(uuid__in=grants)
        for uuid, columns in rows.values_list("uuid", "columns"):
            found[str(uuid)] = None if columns is None else frozenset(columns)
    return found


def _store(tallies: dict[Key, _Tally]) -> None:
    known: dict[Key, Any] = {
        (row.grant, row.user_id, row.dataset_id): row
        for row in GrantUse.objects.filter(grant__in={key[0] for key in tallies})
    }
    rows = [_merged(known.get(key), key, tally) for key, tally in sorted(tallies.items())]
    GrantUse.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["grant", "user", "dataset"],
        update_fields=["last_at", "days", "columns"],
    )


def _merged(before: GrantUse | None, key: Key, tally: _Tally) -> GrantUse:
    """What was known and what is new, without the days that are too old to be told of."""
    last_at = tally.last_at if before is None else max(before.last_at, tally.last_at)
    oldest = _oldest(last_at.date())
    days: dict[str, int] = defaultdict(int, {} if before is None else before.days)
    for day, count in tally.days.items():
        days[day] += count
    columns: dict[str, str] = {} if before is None else dict(before.columns)
    for name, day in tally.columns.items():
        columns[name] = max(day, columns.get(name, day))
    grant, user, dataset = key
    return GrantUse(
        grant=grant,
        user_id=user,
        dataset_id=dataset,
        last_at=last_at,
        days={day: count for day, count in days.items() if day >= oldest},
        columns={name: day for name, day in columns.items() if day >= oldest},
    )


def _oldest(today: date) -> str:
    return (today - timedelta(days=KEPT_DAYS)).isoformat()
