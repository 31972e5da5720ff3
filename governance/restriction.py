"""Compiling the kernel's predicates to Django conditions on `Dataset`, so that filtering is part of the SQL."""

from collections.abc import Iterable, Mapping

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.models import Dataset, DatasetOwner, DatasetTag, Field
from governance.labels import labelled_datasets
from governance.policy.fieldtypes import SPELLINGS, Family
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
    glob_to_regex,
)
from governance.policy.types import DomainInfo, EntityId, Subject

# INVARIANT: no condition here can be NULL in SQL, or a negation would lose rows. Hence EXISTS and id subqueries.
_NONE = Q(pk__in=[])


def to_condition(  # noqa: PLR0911  # one answer a kind of predicate
    predicate: Predicate, *, domains: Mapping[EntityId, DomainInfo]
) -> Q:
    """The condition on datasets that holds where `predicate` does. `domains` is the whole tree."""
    match predicate:
        case Everything():
            return Q()
        case Nothing():
            return _NONE
        case AllOf(items):
            return _joined((to_condition(item, domains=domains) for item in items), Q.AND)
        case AnyOf(items):
            return _joined((to_condition(item, domains=domains) for item in items), Q.OR)
        case Not(item):
            # as an id subquery: a negated empty Q is empty again, and would turn nothing into everything
            inner = Dataset.objects.filter(to_condition(item, domains=domains)).order_by()
            return ~Q(pk__in=inner.values("pk"))
        case DatasetIn(ids):
            return Q(pk__in=sorted(ids, key=str))
        case DomainIn(ids):
            below = with_descendants(ids, domains)
            return Q(domain__isnull=False, domain__in=sorted(below, key=str))
        case _:
            return _leaf(predicate)


def _joined(conditions: Iterable[Q], connector: str) -> Q:
    joined: Q | None = None
    for condition in conditions:
        if joined is None:
            joined = condition
        else:
            joined = joined & condition if connector == Q.AND else joined | condition
    return Q() if joined is None else joined


def _leaf(predicate: Predicate) -> Q:  # noqa: PLR0911  # one answer a kind of predicate
    match predicate:
        case KindIs(kinds):
            return Q(kind__in=sorted(kinds))
        case NameLike(pattern):
            return Q(name__regex=glob_to_regex(pattern))
        case NamespaceLike(pattern):
            return Q(namespace__regex=glob_to_regex(pattern))
        case OwnedBy(subjects, "owner"):
            return Q(Exists(_owners(subjects)))
        case TagIn(patterns):
            fitting = _any_regex("tag__name", map(glob_to_regex, patterns))
            return Q(Exists(DatasetTag.objects.filter(fitting, dataset=OuterRef("pk"))))
        case FieldTagIn(patterns):
            return Q(pk__in=labelled_datasets(patterns))
        case HasField(name, families):
            return _has_field(name, families)
        case _:
            # INVARIANT: what has no SQL is in no list; the catalog has no stewards of single datasets yet
            return _NONE


def _owners(subjects: frozenset[Subject]) -> QuerySet[DatasetOwner]:
    users = [subject.id for subject in subjects if subject.kind == "user"]
    groups = [subject.id for subject in subjects if subject.kind == "group"]
    return DatasetOwner.objects.filter(
        Q(user__in=users) | Q(group__in=groups), dataset=OuterRef("pk")
    )


def _has_field(name: str, families: frozenset[Family] | None) -> Q:
    fields = Field.objects.present().filter(dataset=OuterRef("pk"), name=name)
    if families is not None:
        fields = fields.filter(type__iregex=type_regex(families))
    condition = Q(Exists(fields))
    parts = name.split(".")
    prefixes = [".".join(parts[:length]) for length in range(1, len(parts))]
    if prefixes:
        # a nested field is no column (`governance.facts.column_name`)
        parents = Field.objects.present().filter(dataset=OuterRef("pk"), name__in=prefixes)
        condition &= ~Q(Exists(parents))
    return condition


def type_regex(families: Iterable[Family]) -> str:
    """A case-insensitive PostgreSQL pattern for the stored types that `fieldtypes.family_of` puts into `families`."""
    spellings = sorted({spelling for family in families for spelling in SPELLINGS[family]})
    return rf"^\s*({'|'.join(spellings)})\s*([^a-z0-9_ ].*)?$"


def _any_regex(lookup: str, patterns: Iterable[str]) -> Q:
    condition = _NONE
    for pattern in sorted(patterns):
        condition |= Q(**{f"{lookup}__regex": pattern})
    return condition


def with_descendants(
    ids: frozenset[EntityId], domains: Mapping[EntityId, DomainInfo]
) -> set[EntityId]:
    children: dict[EntityId, list[EntityId]] = {}
    for domain in domains.values():
        children.setdefault(domain.parent_id, []).append(domain.id)
    found: set[EntityId] = set()
    waiting = [each for each in ids if each in domains]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += children.get(each, ())
    return found
