"""Who could do what with a dataset at an instant, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from governance.history.facts import Answer, Past, principals_at
from governance.history.rows import as_of
from governance.policy.anchors import scope_predicate
from governance.policy.types import Action, Facts, Policy, Principal, Resource, Subject
from identity.models import Membership, NamedGroup, User

# Users whom one page decides about at most; where few of them could, a page holds less than was asked for.
CHUNK = 500
MAX_DECIDED = 5_000


@dataclass(frozen=True, slots=True)
class Possible:
    """Somebody who could, by what was known then or by what is known of then today."""

    user: int
    username: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class People:
    """One page, in the order of users' keys. Go on after `after`; None where nobody is left."""

    items: tuple[Possible, ...]
    after: int | None


def who_could(
    past: Past, action: Action, *, purpose: str | None = None, after: int = 0, limit: int
) -> People:
    """The users who could do `action`, `limit` at most.

    Only those are decided about whom a role, a grant or an allowing policy may reach: to all others the kernel says no.
    """
    rows = _candidates(past, action)
    found: list[Possible] = []
    for _ in range(MAX_DECIDED // CHUNK):
        chunk = list(rows.filter(pgh_obj__gt=after).order_by("pgh_obj")[:CHUNK])
        for possible in _decided(past, action, chunk, purpose=purpose):
            found.append(possible)
            if len(found) == limit:
                return People(tuple(found), possible.user)
        if len(chunk) < CHUNK:
            return People(tuple(found), None)
        after = chunk[-1].pgh_obj_id
    return People(tuple(found), after)


def principal_at(username: str, at: datetime, *, purpose: str | None = None) -> Principal | None:
    """The user as the kernel knew them at `at`: who bore the name then, or who bears it today; None for nobody."""
    rows = list(as_of(User, at).filter(username=username)[:1])
    if not rows:
        key = User.objects.filter(username=username).values("pk")
        rows = list(as_of(User, at).filter(pgh_obj__in=key))
    return principals_at(rows, at, purpose=purpose)[0] if rows else None


def _decided(
    past: Past, action: Action, chunk: Sequence[Any], *, purpose: str | None
) -> Iterable[Possible]:
    for principal in principals_at(chunk, past.facts.now, purpose=purpose):
        answer = past.decide(principal, action)
        if answer.then.allowed or answer.hindsight.allowed:
            yield Possible(principal.id, principal.username, answer)


def _candidates(past: Past, action: Action) -> QuerySet[Any]:
    """The users, as rows of then, to whom something may give the action. INVARIANT: default deny."""
    facts, resources = past.facts, [each for each in (past.then, past.hindsight) if each]
    rows = as_of(User, facts.now)
    if not resources:
        return rows.none()
    allowing = [policy for policy in facts.policies if _allows(policy, action, resources, facts)]
    if any(not (policy.subjects.users or policy.subjects.groups) for policy in allowing):
        return rows
    subjects = {each.subject for each in facts.grants} | _holders(past)
    return rows.filter(
        reduce(or_, [Q(is_superuser=True), *_named(allowing), *_held(subjects, allowing, facts)])
    )


def _allows(policy: Policy, action: Action, resources: list[Resource], facts: Facts) -> bool:
    if policy.error is not None or not policy.allows(action):
        return False
    ids = {domain.path: domain.id for domain in facts.domains.values()}
    scope = scope_predicate(policy.scope, ids)
    return any(scope.matches(each) for each in resources)


def _holders(past: Past) -> set[Subject]:
    """The owners of the dataset and the stewards of its domains."""
    if past.then is None:
        return set()
    domains = (past.facts.domains[each] for each in past.then.domain_path)
    return set(past.then.owners).union(*(each.stewards | each.owners for each in domains))


def _named(allowing: list[Policy]) -> Iterable[Q]:
    names = {name for policy in allowing for name in policy.subjects.users}
    if names:
        yield Q(username__in=names)


def _held(subjects: set[Subject], allowing: list[Policy], facts: Facts) -> Iterable[Q]:
    users = {each.id for each in subjects if each.kind == "user"}
    groups = {each.id for each in subjects if each.kind == "group"}
    names = {name for policy in allowing for name in policy.subjects.groups}
    if names:
        named = as_of(NamedGroup, facts.now).filter(name__in=names)
        groups |= set(named.values_list("pgh_obj_id", flat=True))
    if groups:
        members = as_of(Membership, facts.now).filter(group__in=groups)
        users |= set(members.values_list("user_id", flat=True))
    if users:
        yield Q(pgh_obj__in=users)
