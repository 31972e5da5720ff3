"""The grants of one user or one group, arranged so that membership costs nothing: each group's are kept once for all members."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db.backends.utils import CursorWrapper

from governance.effective.ids import Ids, ids_of, union, weight
from governance.facts import ACTION_BY_VERB
from governance.policy.types import GIVEN_BY, Action, Grant, Principal, Subject, Target

_ROWS = """
SELECT g.content_object_id, c.model, p.codename, g.expires_at, g.purpose, g.row_filter, g.columns, g.uuid
  FROM governance_{target}{subject}grant g
  JOIN auth_permission p ON p.id = g.permission_id
  JOIN django_content_type c ON c.id = p.content_type_id
 WHERE g.{subject}_id = %s AND c.app_label = 'catalog'
"""
_ACTIONS = {
    (model, f"{verb}_{model}"): action
    for model in ("dataset", "domain")
    for verb, action in ACTION_BY_VERB.items()
}


@dataclass(slots=True)
class TimedIds:
    """Datasets, some of them until a time. `expiries` ascends, and `timed` are the datasets in its order."""

    forever: Ids = field(default_factory=lambda: ids_of(()))
    expiries: list[datetime] = field(default_factory=list)
    timed: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, rights: Iterable[tuple[int, datetime | None]]) -> "TimedIds":
        """From (dataset, expiry) pairs."""
        forever: list[int] = []
        timed: list[tuple[datetime, int]] = []
        for dataset, expiry in rights:
            if expiry is None:
                forever.append(dataset)
            else:
                timed.append((expiry, dataset))
        timed.sort()
        return cls(ids_of(forever), [each for each, _ in timed], [each for _, each in timed])

    def at(self, now: datetime) -> Ids:
        """The datasets at `now`: a grant holds while `now < expires_at`. Not to be changed."""
        start = bisect_right(self.expiries, now)
        if start == len(self.timed):
            return self.forever
        return self.forever | ids_of(self.timed[start:])

    def next_change(self, now: datetime) -> datetime | None:
        """When the answer of `at` changes next."""
        start = bisect_right(self.expiries, now)
        return self.expiries[start] if start < len(self.expiries) else None


@dataclass(slots=True)
class _Shelf:
    """The rights of one action by purpose: of all, of those for no purpose, and of each purpose."""

    every: TimedIds
    unbound: TimedIds
    bound: dict[str, TimedIds]

    @classmethod
    def of(cls, rights: list[tuple[int, datetime | None, str]]) -> "_Shelf":
        by_purpose: dict[str, list[tuple[int, datetime | None]]] = defaultdict(list)
        for dataset, expiry, purpose in rights:
            by_purpose[purpose].append((dataset, expiry))
        return cls(
            every=TimedIds.of((dataset, expiry) for dataset, expiry, _ in rights),
            unbound=TimedIds.of(by_purpose.pop("", [])),
            bound={purpose: TimedIds.of(each) for purpose, each in by_purpose.items()},
        )

    def serving(self, principal: Principal) -> Iterator[TimedIds]:
        """Those that serve the principal's purpose; who declares none is taken to act for that of each grant."""
        if principal.purpose is None:
            yield self.every
        else:
            yield self.unbound
            if principal.purpose in self.bound:
                yield self.bound[principal.purpose]


@dataclass(slots=True)
class SubjectGrants:
    """What one subject holds. `whole` are rights on datasets of which no rows or columns are left out."""

    any_part: dict[Action, _Shelf]
    whole_reads: _Shelf
    # the kernel's own form: grants on domains, and rectangles of single datasets
    on_domains: tuple[Grant, ...]
    rectangles: tuple[Grant, ...]
    bytes: int

    def datasets(
        self, principal: Principal, action: Action, *, now: datetime
    ) -> tuple[Ids, datetime | None]:
        """The datasets on which grants give `action` wholly, and until when that stays so."""
        shelves = (
            [self.whole_reads]
            if action is Action.READ
            else [shelf for giver, shelf in self.any_part.items() if giver in GIVEN_BY[action]]
        )
        held = [each for shelf in shelves for each in shelf.serving(principal)]
        changes = [change for each in held if (change := each.next_change(now)) is not None]
        return union(each.at(now) for each in held), min(changes, default=None)

    def grants(self, action: Action) -> tuple[Grant, ...]:
        """What the kernel must judge itself."""
        return self.on_domains + self.rectangles if action is Action.READ else self.on_domains


def load_subject_grants(cursor: CursorWrapper, subject: Subject) -> SubjectGrants:
    """All grants of a user or a group; two queries."""
    any_part: dict[Action, list[tuple[int, datetime | None, str]]] = defaultdict(list)
    whole: list[tuple[int, datetime | None, str]] = []
    rectangles: list[Grant] = []
    rows = _rows(cursor, subject, "dataset")
    for action, row in rows:
        right = (row[0], row[3], row[4])
        any_part[action].append(right)
        if action is Action.READ and not row[5] and row[6] is None:
            whole.append(right)
        elif action is Action.READ:
            rectangles.append(_grant(subject, "dataset", action, row))
    on_domains = tuple(
        _grant(subject, "domain", action, row) for action, row in _rows(cursor, subject, "domain")
    )
    shelves = {action: _Shelf.of(rights) for action, rights in any_part.items()}
    count = sum(len(rights) for rights in any_part.values())
    return SubjectGrants(
        any_part=shelves,
        whole_reads=_Shelf.of(whole),
        on_domains=on_domains,
        rectangles=tuple(rectangles),
        bytes=1000
        + 200 * count
        + sum(weight(shelf.every.forever) for shelf in shelves.values())
        + 1000 * (len(on_domains) + len(rectangles)),
    )


def _rows(
    cursor: CursorWrapper, subject: Subject, target: str
) -> list[tuple[Action, tuple[Any, ...]]]:
    sql = _ROWS.format(target=target, subject=subject.kind)
    cursor.execute(sql, [subject.id])
    return [
        (_ACTIONS[key], row) for row in cursor.fetchall() if (key := (row[1], row[2])) in _ACTIONS
    ]


def _grant(
    subject: Subject, kind: Literal["dataset", "domain"], action: Action, row: tuple[Any, ...]
) -> Grant:
    target, _, _, expires_at, purpose, row_filter, columns, uuid = row
    return Grant(
        id=uuid,
        subject=subject,
        target=Target(kind, target),
        action=action,
        row_filter=row_filter or None,
        columns=None if columns is None else frozenset(_as_list(columns)),
        purpose=purpose or None,
        expires_at=expires_at,
    )


def _as_list(columns: Any) -> list[str]:
    """Django's driver leaves JSON as text in a plain cursor."""
    import orjson

    return list(orjson.loads(columns)) if isinstance(columns, str | bytes) else list(columns)
