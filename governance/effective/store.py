"""What this process keeps of the facts, and how it stays equal to the database.

INVARIANT: everything kept is what the snapshot at `position` showed. A question first reads which facts changed since;
if none did, it is answered from memory, otherwise the changes are applied and all that is missing is read in one
repeatable-read transaction, so that no answer mixes two moments.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from catalog.models import Tag
from governance.effective.grants import SubjectGrants, load_subject_grants
from governance.effective.ids import FrozenIds, Ids, ids_of, weight
from governance.effective.leaves import (
    Column,
    LeafKey,
    Living,
    matcher_of,
    read_leaf,
    read_living,
    read_rows,
    reread_relation,
)
from governance.effective.log import Entry, Position, begin_life, read_changes, read_position
from governance.effective.orders import MAX_BESIDE, Order, Ordering, read_ordering
from governance.effective.postings import MAX_CHANGED, Postings
from governance.facts import load_domains, load_policies
from governance.models import FactKind
from governance.policy.types import Facts, Subject

MAX_BYTES = 128 * 1024 * 1024
MAX_RESULTS = 512
ATTRIBUTES = frozenset({"kind", "name_like", "namespace_like"})
# What a kept answer hangs on; when one of these changes, the answer is dropped.
Token = Hashable
FACTS, BIRTHS, CHANGES = "facts", "births", "changes"
_RELATION_OF = {
    FactKind.USER_OWNER: "user_owner",
    FactKind.GROUP_OWNER: "group_owner",
    FactKind.DATASET_TAG: "dataset_tag",
}
T = TypeVar("T")


class NotKeptError(Exception):
    """Something must be read from the database first. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class Result:
    """A kept answer: what it hangs on, and until when it holds."""

    ids: FrozenIds
    until: datetime | None
    tokens: frozenset[Token]


class FactStore:
    """One a process. Threads share it under one lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.forget()

    def forget(self) -> None:
        """Keep nothing: the next question reads everything anew."""
        self.position: Position | None = None
        self.living: Living | None = None
        self.facts: Facts | None = None
        self.tags: dict[str, int] | None = None
        self.leaves: OrderedDict[LeafKey, Ids] = OrderedDict()
        self.grants: OrderedDict[Subject, SubjectGrants] = OrderedDict()
        self.results: OrderedDict[Hashable, Result] = OrderedDict()
        self.orders: OrderedDict[tuple[str, Order], Ordering] = OrderedDict()
        self.weights: dict[Hashable, int] = {}
        self.postings = Postings(self.weights)

    def ask(self, question: "Callable[[Session], T]") -> T:
        """The answer to `question` as of a moment within this call. Not inside a transaction of the caller's."""
        with self.lock:
            if self.position is not None:
                with connection.cursor() as cursor:
                    position, entries = read_changes(cursor, self.position)
                if entries == []:
                    self.position = position
                    try:
                        return question(Session(self, None))
                    except NotKeptError:
                        pass
            try:
                return self._ask_anew(question)
            except BaseException:
                self.forget()
                raise

    def _ask_anew(self, question: "Callable[[Session], T]") -> T:
        if self.position is None or self.position.life is None:
            with connection.cursor() as cursor:
                begin_life(cursor)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            if self.position is None:
                position, entries = read_position(cursor), None
            else:
                position, entries = read_changes(cursor, self.position)
            if entries is None or any(each.kind is FactKind.RESET for each in entries):
                self.forget()
            else:
                self._apply(cursor, entries)
            self.position = position
            answer = question(Session(self, cursor))
        self._make_room()
        return answer

    def _apply(self, cursor: CursorWrapper, entries: Iterable[Entry]) -> None:
        changed: set[Token] = set()
        by_kind: dict[FactKind, list[Entry]] = {}
        for each in entries:
            by_kind.setdefault(each.kind, []).append(each)
        for kind, found in by_kind.items():
            if kind in (FactKind.DATASET_BORN, FactKind.DATASET_CHANGED):
                continue
            changed |= self._apply_one_kind(cursor, kind, found)
        born = [each.key for each in by_kind.get(FactKind.DATASET_BORN, ())]
        moved = [each.key for each in by_kind.get(FactKind.DATASET_CHANGED, ())]
        if born or moved:
            changed |= self._apply_datasets(cursor, ids_of(born), ids_of(moved))
        self._drop_results(changed)

    def _apply_one_kind(
        self, cursor: CursorWrapper, kind: FactKind, entries: list[Entry]
    ) -> set[Token]:
        match kind:
            case FactKind.USER_GRANT | FactKind.GROUP_GRANT:
                name = "user" if kind is FactKind.USER_GRANT else "group"
                subjects = {Subject(name, each.key) for each in entries}  # type: ignore[arg-type]
                for subject in subjects:
                    self.grants.pop(subject, None)
                    self.weights.pop(subject, None)
                return {*subjects}
            case FactKind.DOMAIN | FactKind.POLICY:
                self.facts = None
                return {FACTS}
            case FactKind.TAG:
                self.tags = None
                return {"tags"}
            case FactKind.FIELD_TAG | FactKind.FIELD:
                keys = {each.key for each in entries} if kind is FactKind.FIELD_TAG else None
                return self._drop_leaves(
                    leaf
                    for leaf in self.leaves
                    if leaf[0] == "field_tag" and (keys is None or leaf[1] in keys)
                )
            case FactKind.TEXT:
                self.postings.changed += [each.key for each in entries]
                return set()
            case _:
                return self._apply_relation(cursor, _RELATION_OF[kind], entries)

    def _apply_relation(
        self, cursor: CursorWrapper, relation: str, entries: list[Entry]
    ) -> set[Token]:
        by_leaf: dict[LeafKey, list[int]] = {}
        for each in entries:
            by_leaf.setdefault((relation, each.key), []).append(each.value)
        for leaf, datasets in by_leaf.items():
            if leaf in self.leaves:
                reread_relation(cursor, leaf, self.leaves[leaf], ids_of(datasets))
        return set(by_leaf)

    def _apply_datasets(self, cursor: CursorWrapper, born: Ids, moved: Ids) -> set[Token]:
        for ordering in self.orders.values():
            ordering.beside |= born | moved
        if self.living is None:
            return {
                BIRTHS,
                CHANGES,
                *self._drop_leaves(leaf for leaf in self.leaves if leaf[0] in ATTRIBUTES),
            }
        changed: set[Token] = {BIRTHS} if born else set()
        rows = read_rows(cursor, born | moved)
        if moved:
            changed.add(CHANGES)
            self.living.remove(moved)
        self.living.add(rows)
        changed |= {("domain", row.domain) for row in rows}
        for leaf, ids in self.leaves.items():
            if leaf[0] not in ATTRIBUTES:
                continue
            ids.difference_update(moved)
            fits = matcher_of(leaf)
            if fitting := [row.id for row in rows if fits(row)]:
                ids.update(fitting)
                changed.add(leaf)
        return changed

    def _drop_leaves(self, leaves: Iterable[LeafKey]) -> set[Token]:
        dropped = list(leaves)
        for leaf in dropped:
            del self.leaves[leaf]
            self.weights.pop(leaf, None)
        return set(dropped)

    def _drop_results(self, changed: set[Token]) -> None:
        """Every answer hangs on deaths and moves; on a birth only where the new dataset may be in it."""
        stale = [key for key, each in self.results.items() if not changed.isdisjoint(each.tokens)]
        for key in stale:
            self.drop_result(key)

    def keep_result(self, key: Hashable, result: Result) -> None:
        """Keep an answer until one of its facts changes."""
        self.results[key] = result
        self.weights[key] = weight(result.ids)

    def drop_result(self, key: Hashable) -> None:
        """Forget an answer."""
        del self.results[key]
        self.weights.pop(key, None)

    def _make_room(self) -> None:
        """Drop what was not used for longest. An answer goes with the leaf that would tell it of births."""
        while len(self.results) > MAX_RESULTS:
            self.drop_result(next(iter(self.results)))
        if len(self.postings.changed) > MAX_CHANGED:
            self.postings.drop()
            self.postings = Postings(self.weights)
        kept: list[OrderedDict[Any, Any]] = [
            self.postings.kept,
            self.orders,
            self.results,
            self.leaves,
            self.grants,
        ]
        total = sum(self.weights.values())
        while total > MAX_BYTES and any(kept):
            total -= sum(self._evict(each) for each in kept if each)

    def _evict(self, kept: "OrderedDict[Any, Any]") -> int:
        """Drop the oldest of one kind; returns its bytes."""
        key, _ = kept.popitem(last=False)
        if kept is self.leaves or kept is self.grants:
            self._drop_results({key})
        return self.weights.pop(key, 0)


class Session:
    """One question's view of the store. Without a cursor it knows only what is kept, and raises NotKeptError for the rest."""

    def __init__(self, store: FactStore, cursor: CursorWrapper | None) -> None:
        self.store = store
        self._cursor = cursor
        # what the answer in the making hangs on
        self.tokens: set[Token] = set()
        self.keeps = True
        # whether what fields decide may be asked of the database, about all datasets at once
        self.asks_fields = True

    @property
    def cursor(self) -> CursorWrapper:
        if self._cursor is None:
            raise NotKeptError
        return self._cursor

    @property
    def living(self) -> Living:
        if self.store.living is None:
            self.store.living = read_living(self.cursor)
        return self.store.living

    @property
    def facts(self) -> Facts:
        """Policies and domains; no grants."""
        self.tokens.add(FACTS)
        if self.store.facts is None:
            self.cursor  # noqa: B018  # read within the transaction only
            self.store.facts = read_shared_facts()
        return self.store.facts

    @property
    def tags(self) -> dict[str, int]:
        """Every tag's id by its name."""
        self.tokens.add("tags")
        if self.store.tags is None:
            self.cursor  # noqa: B018
            self.store.tags = dict(Tag.objects.order_by().values_list("name", "pk"))
        return self.store.tags

    def leaf(self, name: str, value: Any) -> Ids:
        """The set of a leaf. Not to be changed."""
        key = (name, value)
        self.tokens.add(key)
        kept = self.store.leaves
        if key not in kept:
            kept[key] = read_leaf(self.cursor, key)
            self.store.weights[key] = weight(kept[key])
        kept.move_to_end(key)
        return kept[key]

    def posting(self, column: Column, query: str) -> Ids:
        """The datasets, deleted ones too, whose names or words fit a tsquery. Not to be changed."""
        return self.store.postings.find(lambda: self.cursor, (column, query))

    def some_fitting(
        self, column: Column, query: str, *, among: Ids | FrozenIds, count: int
    ) -> list[int]:
        """Any `count` of `among` whose names or words fit a tsquery, or all if there are fewer; names must be checked."""
        return self.store.postings.find_some(
            lambda: self.cursor,
            (column, query),
            among=among,
            count=count,
            living=len(self.living.every),
        )

    def ordering(self, order: Order) -> Ordering:
        """All that live in an order. Not to be changed."""
        key = ("order", order)
        found = self.store.orders.get(key)
        if found is None or len(found.beside) > MAX_BESIDE:
            found = self.store.orders[key] = read_ordering(self.cursor, order)
            self.store.weights[key] = found.bytes
        self.store.orders.move_to_end(key)
        return found

    def grants_of(self, subject: Subject) -> SubjectGrants:
        """What the subject holds."""
        self.tokens.add(subject)
        kept = self.store.grants
        if subject not in kept:
            kept[subject] = load_subject_grants(self.cursor, subject)
            self.store.weights[subject] = kept[subject].bytes
        kept.move_to_end(subject)
        return kept[subject]


def read_shared_facts() -> Facts:
    """All published policies and the domain tree, without grants, indexed."""
    from core.clock import utc_now

    facts = Facts(now=utc_now(), policies=tuple(load_policies()), domains=load_domains())
    facts.index  # noqa: B018  # built here, once
    return facts


STORE = FactStore()
