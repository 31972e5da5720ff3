"""What changed between two instants that bears on a dataset, in order, and who did it where the audit log knows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, QuerySet

from governance.auditing.reading import read_records
from governance.history.bearing import Source, bearing_sources
from governance.models import AuditRecord

_WHAT: Final = {"insert": "made", "seed": "made", "update": "changed", "delete": "removed"}
_NOT_TOLD: Final = {"pgh_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pgh_context_id", "id"}
# Columns that mean something else than in other tables.
_RENAMED: Final[dict[str, dict[str, str]]] = {
    "FieldEvent": {"field_id": "iceberg_id"},
    "DomainUserGrantEvent": {"content_object_id": "domain_id"},
    "DomainGroupGrantEvent": {"content_object_id": "domain_id"},
}
# Records of one transaction that are looked at for who did it.
MAX_RECORDS: Final = 20


@dataclass(frozen=True, slots=True)
class Position:
    """Behind which change a page goes on: time, place of the table, entry of its history."""

    at: datetime
    source: int
    entry: int


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one fact. `before` holds what was otherwise; `by` those who acted, by user name."""

    position: Position
    kind: str
    what: str
    values: dict[str, Any]
    before: dict[str, Any]
    by: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()

    @property
    def at(self) -> datetime:
        """When the transaction began that made the change."""
        return self.position.at


@dataclass(frozen=True, slots=True)
class Changes:
    """One page, oldest first. Go on after `after`; None where nothing follows."""

    items: tuple[Change, ...]
    after: Position | None


def list_changes(
    dataset: int,
    *,
    since: datetime,
    until: datetime,
    user: int | None = None,
    within: QuerySet[Any] | None = None,
    after: Position | None = None,
    limit: int,
) -> Changes:
    """What changed after `since` and not after `until` that bears on the dataset, or on what `user` could do with it.

    `within` are the fields (ids) that the asker may know of; None: all.
    """
    sources = bearing_sources(dataset, since=since, until=until, user=user, within=within)
    found: list[tuple[datetime, int, int, Any]] = []
    for place, source in enumerate(sources):
        rows = source.rows.filter(pgh_created_at__gt=since, pgh_created_at__lte=until)
        rows = _behind(rows, place, after).order_by("pgh_created_at", "pgh_id")[: limit + 1]
        found += [(row.pgh_created_at, place, row.pgh_id, row) for row in rows]
    found.sort(key=lambda each: each[:3])
    page = [(Position(*each[:3]), each[3]) for each in found[:limit]]
    items = _with_actors(list(_changes(page, sources)))
    return Changes(tuple(items), page[-1][0] if len(found) > limit else None)


def _behind(rows: QuerySet[Any], place: int, after: Position | None) -> QuerySet[Any]:
    if after is None:
        return rows
    later = Q(pgh_created_at__gt=after.at)
    if place > after.source:
        later |= Q(pgh_created_at=after.at)
    elif place == after.source:
        later |= Q(pgh_created_at=after.at, pgh_id__gt=after.entry)
    return rows.filter(later)


def _changes(page: Sequence[tuple[Position, Any]], sources: list[Source]) -> Iterable[Change]:
    former = _former([row for _, row in page if row.pgh_label == "update"])
    for position, row in page:
        values, before = _values(row), {}
        if (last := former.get((type(row), row.pgh_id))) is not None:
            old = _values(last)
            before = {name: old[name] for name in values if old[name] != values[name]}
        what = _WHAT.get(row.pgh_label, row.pgh_label)
        kind = sources[position.source].kind
        yield Change(position, kind, what, values, before)


def _former(rows: list[Any]) -> dict[tuple[type, int], Any]:
    """The entry before each of these, by model and entry; a query a model."""
    found: dict[tuple[type, int], Any] = {}
    for model in {type(row) for row in rows}:
        mine = [row for row in rows if type(row) is model]
        entries: dict[int, list[Any]] = {}
        keys = {row.pgh_obj_id for row in mine}
        for entry in model._default_manager.filter(pgh_obj__in=keys).order_by("pgh_id"):  # noqa: SLF001  # Django's documented name
            entries.setdefault(entry.pgh_obj_id, []).append(entry)
        for row in mine:
            older = [each for each in entries[row.pgh_obj_id] if each.pgh_id < row.pgh_id]
            if older:
                found[model, row.pgh_id] = older[-1]
    return found


def _values(row: Any) -> dict[str, Any]:
    columns = (field.attname for field in row._meta.concrete_fields)  # noqa: SLF001  # Django's documented name
    renamed = _RENAMED.get(row._meta.object_name, {})  # noqa: SLF001
    return {
        renamed.get(name, name): getattr(row, name) for name in columns if name not in _NOT_TOLD
    }


def _with_actors(changes: list[Change]) -> list[Change]:
    """With those who wrote records of the audit log in the same transaction."""
    moments = {change.at for change in changes}
    records = list(
        AuditRecord.objects.filter(transaction_at__in=moments).order_by("pk")[
            : MAX_RECORDS * max(1, len(moments))
        ]
    )
    done: dict[datetime, list[tuple[str, str]]] = {}
    for record, told in zip(records, read_records(records), strict=True):
        if record.transaction_at is not None:
            done.setdefault(record.transaction_at, []).append((told.actor, record.action))
    return [
        replace(
            change,
            by=tuple(dict.fromkeys(actor for actor, _ in done.get(change.at, ()))),
            actions=tuple(dict.fromkeys(action for _, action in done.get(change.at, ()))),
        )
        for change in changes
    ]
