"""Which datasets may this principal do this action to: the same decision, asked of all datasets at once.

INVARIANT: `restrict(p, a, facts).matches(r)` equals `decide(p, a, r, facts).allowed` for every resource `r`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.policy import roles
from governance.policy.anchors import HungPolicy
from governance.policy.binding import ANY_ATTRIBUTES, Attributes, Requirements, requirements_of
from governance.policy.errors import RowFilterError
from governance.policy.predicates import (
    EVERYTHING,
    NOTHING,
    DatasetIn,
    DomainIn,
    HasField,
    OwnedBy,
    Predicate,
    all_of,
    any_of,
    negate,
)
from governance.policy.rows import parse_row_filter
from governance.policy.types import (
    GIVEN_BY,
    Action,
    FilterRows,
    Grant,
    Principal,
)

if TYPE_CHECKING:
    from governance.policy.types import Facts


@dataclass(frozen=True, slots=True)
class Bounds:
    """What allows and what denies, apart, for those who keep the datasets of each on their own."""

    allowed: Predicate
    denied: Predicate


def restrict(principal: Principal, action: Action, facts: "Facts") -> Predicate:
    """The predicate that holds for exactly those datasets that `decide` would allow."""
    found = bounds(principal, action, facts)
    if found.allowed == NOTHING:
        return NOTHING
    return all_of([found.allowed, negate(found.denied)])


def bounds(principal: Principal, action: Action, facts: "Facts") -> Bounds:
    """The two halves of `restrict`: it holds where `allowed` does and `denied` does not."""
    if not principal.is_active or not principal.token_allows(action) or facts.index.broken:
        return Bounds(NOTHING, EVERYTHING)
    policies = facts.index.concerning(principal, action)
    allowed = any_of(
        [
            *_by_role(principal, action, facts),
            *(entry.scope for entry in policies if entry.policy.allows(action)),
            *_by_grant(principal, action, facts),
        ]
    )
    denied = [entry.scope for entry in policies if entry.policy.denies(action)]
    if action is Action.READ:
        denied += _unfiltered(principal, policies)
    return Bounds(allowed, any_of(denied))


def _by_role(principal: Principal, action: Action, facts: "Facts") -> Iterator[Predicate]:
    def gives(role: str) -> bool:
        return action in roles.ROLE_ACTIONS[role]

    if principal.is_superuser and gives(roles.SUPERUSER):
        yield EVERYTHING
    if gives(roles.DATASET_OWNER):
        yield OwnedBy(principal.subjects, "owner")
    if gives(roles.DATASET_STEWARD):
        yield OwnedBy(principal.subjects, "steward")
    domains: frozenset[object] = frozenset()
    if gives(roles.DOMAIN_OWNER):
        domains |= facts.index.domains_of(principal, role="owner")
    if gives(roles.DOMAIN_STEWARD):
        domains |= facts.index.domains_of(principal, role="steward")
    if domains:
        yield DomainIn(domains)


def _by_grant(principal: Principal, action: Action, facts: "Facts") -> Iterator[Predicate]:
    givers = GIVEN_BY[action]
    for grant in facts.index.grants_of(principal):
        if grant.action not in givers:
            continue
        target = (
            DatasetIn(frozenset({grant.target.id}))
            if grant.target.kind == "dataset"
            else DomainIn(frozenset({grant.target.id}))
        )
        yield all_of([target, _opens(principal, grant)]) if action is Action.READ else target


def _opens(principal: Principal, grant: Grant) -> Predicate:
    """Where the rectangle of a grant of `read` fits the dataset's fields."""
    columns = (
        EVERYTHING
        if grant.columns is None
        else any_of(HasField(name) for name in sorted(grant.columns))
    )
    if grant.row_filter is None:
        return columns
    return all_of([columns, _fitting(principal.attributes, grant.row_filter)])


def _unfiltered(principal: Principal, policies: list[HungPolicy]) -> Iterator[Predicate]:
    """Where a row filter policy applies, but its filter cannot be evaluated."""
    for entry in policies:
        if isinstance(entry.policy.effect, FilterRows):
            yield unfit(entry.scope, entry.policy.effect.sql, principal.attributes)


def unfit(scope: Predicate, sql: str, attributes: Attributes = ANY_ATTRIBUTES) -> Predicate:
    """The datasets of `scope` whose fields the row filter `sql` does not fit, by default for whoever asks."""
    return all_of([scope, negate(_fitting(attributes, sql))])


def _fitting(attributes: Attributes, sql: str) -> Predicate:
    try:
        requirements = requirements_of(parse_row_filter(sql), attributes)
    except RowFilterError:
        return NOTHING
    return _has_fields(requirements)


def _has_fields(requirements: Requirements) -> Predicate:
    return all_of(HasField(name, families) for name, families in sorted(requirements.items()))
