"""Evaluating the kernel's predicates over sets of ids.

INVARIANT: each leaf means here what it means in `governance.restriction` and in `Predicate.matches`; tests hold the three equal.
"""

from collections.abc import Mapping

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from catalog.models import Dataset
from governance.effective.ids import Ids, ids_of, read_ids, union
from governance.effective.postings import FEW
from governance.effective.store import BIRTHS, Session
from governance.policy.predicates import (
    AllOf,
    AnyOf,
    DatasetIn,
    DomainIn,
    Everything,
    FieldTagIn,
    HasField,
    KindIs,
    NameLike,
    NamespaceLike,
    Not,
    Nothing,
    OwnedBy,
    Predicate,
    TagIn,
    tag_matches,
)
from governance.policy.types import DomainInfo, EntityId, Facts
from governance.restriction import to_condition, with_descendants


class FieldsDecideError(Exception):
    """Only the database can say, and this question is not to be asked of it."""


def evaluate(  # noqa: PLR0911  # one answer a kind of predicate
    predicate: Predicate, *, within: Ids, session: Session, facts: Facts
) -> Ids:
    """The datasets of `within` for which `predicate` holds, in a new set."""
    match predicate:
        case Everything():
            session.tokens.add(BIRTHS)
            return within & within
        case Nothing():
            return ids_of(())
        case AllOf(items):
            found = within & within
            for item in sorted(items, key=_cost):
                found = evaluate(item, within=found, session=session, facts=facts)
            return found
        case AnyOf(items):
            return union(
                evaluate(item, within=within, session=session, facts=facts) for item in items
            )
        case Not(item):
            session.tokens.add(BIRTHS)
            return within - evaluate(item, within=within, session=session, facts=facts)
        case HasField() | FieldTagIn():
            return _asked(predicate, within=within, session=session, facts=facts)
        case _:
            return within & _leaf(predicate, session=session, domains=facts.domains)


def _leaf(  # noqa: PLR0911  # one answer a kind of predicate
    predicate: Predicate, *, session: Session, domains: Mapping[EntityId, DomainInfo]
) -> Ids:
    match predicate:
        case DatasetIn(ids):
            return ids_of(ids)
        case DomainIn(ids):
            below = with_descendants(ids, domains)
            session.tokens.update(("domain", each) for each in below)
            placed = session.living.domains.of
            return union(placed[each] for each in below if each in placed)
        case OwnedBy(subjects, "owner"):
            return union(session.leaf(f"{kind}_owner", key) for kind, key in subjects)
        case TagIn(patterns):
            fitting = [
                key
                for name, key in session.tags.items()
                if any(tag_matches(pattern, name) for pattern in patterns)
            ]
            return union(session.leaf("dataset_tag", key) for key in fitting)
        case KindIs(kinds):
            return union(session.leaf("kind", kind) for kind in kinds)
        case NameLike(pattern):
            return session.leaf("name_like", pattern)
        case NamespaceLike(pattern):
            return session.leaf("namespace_like", pattern)
        case _:
            # INVARIANT: what has no set is in no set; the catalog has no stewards of single datasets yet
            return ids_of(())


def _asked(predicate: Predicate, *, within: Ids, session: Session, facts: Facts) -> Ids:
    """What hangs on fields and their lineage is asked of the database each time, and the answer is not kept."""
    if not session.asks_fields:
        raise FieldsDecideError
    session.cursor  # noqa: B018  # within the one transaction
    session.keeps = False
    rows = Dataset.objects.filter(to_condition(predicate, domains=facts.domains))
    return ids_among(session, rows, within=within)


def ids_among(session: Session, rows: QuerySet[Dataset], *, within: Ids) -> Ids:
    """The datasets of `within` that are in `rows`, in a new set; one query, within the session's transaction."""
    asked = rows.filter(pk__in=list(within)) if len(within) <= FEW else rows
    try:
        sql, params = asked.order_by().values_list("pk", flat=True).query.sql_with_params()
    except EmptyResultSet:
        return ids_of(())
    return within & read_ids(session.cursor, sql, params)


def _cost(predicate: Predicate) -> int:
    """Questions to the database come last, when few datasets are left."""
    match predicate:
        case HasField() | FieldTagIn():
            return 2
        case AllOf(items) | AnyOf(items):
            return max(map(_cost, items), default=0)
        case Not(item):
            return max(1, _cost(item))
        case _:
            return 0
