"""Facts arranged for lookup, so that a decision looks only at what may bear on it.

Grants are found by subject and target. Each policy hangs on one anchor that its datasets must have (a domain, a
tag, a field tag, a kind), and there on one that its subjects must have (a user name, a group name); both are necessary
conditions only, and `PolicyIndex.applying` checks the rest.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from governance.policy.predicates import (
    DomainIn,
    FieldTagIn,
    KindIs,
    NameLike,
    NamespaceLike,
    Predicate,
    TagIn,
    all_of,
    any_of,
)
from governance.policy.types import (
    ANY_ANCHOR,
    Action,
    Allow,
    Anchor,
    Deny,
    DomainInfo,
    EntityId,
    Grant,
    Policy,
    Principal,
    Resource,
    Scope,
    Subject,
    Target,
)

if TYPE_CHECKING:
    from governance.policy.types import Facts


@dataclass(frozen=True, slots=True)
class IndexedPolicy:
    """A policy and its scope as a predicate."""

    policy: Policy
    scope: Predicate


BySubject = dict[Anchor, list[IndexedPolicy]]
Buckets = dict[Anchor, BySubject]


@dataclass(frozen=True, slots=True)
class PolicyIndex:
    """Lookup over one `Facts`. Built once; answers by principal and resource."""

    facts: "Facts"
    grants: Mapping[Subject, Mapping[Target, tuple[Grant, ...]]]
    # policies that allow or deny, and those that only oblige a read: most questions need the first alone
    rights: Buckets
    duties: Buckets
    # the same by subject alone, for questions about all datasets
    rights_of: "BySubject"
    duties_of: "BySubject"
    broken: tuple[Policy, ...]
    steward_domains: Mapping[Subject, frozenset[EntityId]]
    owner_domains: Mapping[Subject, frozenset[EntityId]]

    @classmethod
    def build(cls, facts: "Facts") -> "PolicyIndex":
        """Arrange `facts`."""
        domain_ids = {domain.path: domain.id for domain in facts.domains.values()}
        rights: Buckets = defaultdict(dict)
        duties: Buckets = defaultdict(dict)
        rights_of: BySubject = defaultdict(list)
        duties_of: BySubject = defaultdict(list)
        for policy in facts.policies:
            if policy.error is None:
                is_right = isinstance(policy.effect, Allow | Deny)
                entry = IndexedPolicy(policy, scope_predicate(policy.scope, domain_ids))
                _hang(rights if is_right else duties, entry)
                for anchor in _subject_anchors(policy):
                    (rights_of if is_right else duties_of)[anchor].append(entry)
        return cls(
            facts=facts,
            grants=_grants_by_subject(facts.grants),
            rights=dict(rights),
            duties=dict(duties),
            rights_of=dict(rights_of),
            duties_of=dict(duties_of),
            broken=tuple(policy for policy in facts.policies if policy.error is not None),
            steward_domains=_domains_by_holder(facts.domains.values(), role="steward"),
            owner_domains=_domains_by_holder(facts.domains.values(), role="owner"),
        )

    def serving(self, facts: "Facts") -> "PolicyIndex":
        """The index of `facts`, which have the policies and domains of these and other grants or another instant."""
        return replace(self, facts=facts, grants=_grants_by_subject(facts.grants))

    def applying(
        self, principal: Principal, action: Action, resource: Resource
    ) -> Iterator[Policy]:
        """The readable policies that bear on this principal, action and resource now."""
        for buckets in self._buckets_for(action):
            for entry in _hanging(buckets, resource.anchors, principal):
                if entry.policy.concerns(principal, now=self.facts.now) and entry.scope.matches(
                    resource
                ):
                    yield entry.policy

    def concerning(self, principal: Principal, action: Action) -> Iterator[IndexedPolicy]:
        """The readable policies that bear on this principal and action now, on whatever resource."""
        seen: set[int] = set()
        arranged = (self.rights_of, self.duties_of) if action is Action.READ else (self.rights_of,)
        for by_subject in arranged:
            for anchor in principal.anchors:
                for entry in by_subject.get(anchor, ()):
                    if id(entry) not in seen:
                        seen.add(id(entry))
                        if entry.policy.concerns(principal, now=self.facts.now):
                            yield entry

    def grants_of(self, principal: Principal) -> Iterator[Grant]:
        """Every grant to this user or their groups that holds now."""
        for subject in principal.subjects:
            for grants in self.grants.get(subject, {}).values():
                yield from (g for g in grants if g.holds_for(principal, now=self.facts.now))

    def grants_on(self, principal: Principal, resource: Resource) -> Iterator[Grant]:
        """Every grant to this user or their groups that holds now on the resource or a domain above it."""
        for subject in principal.subjects:
            by_target = self.grants.get(subject)
            if by_target is None:
                continue
            for target in resource.targets:
                for grant in by_target.get(target, ()):
                    if grant.holds_for(principal, now=self.facts.now):
                        yield grant

    def domains_of(
        self, principal: Principal, *, role: Literal["owner", "steward"]
    ) -> frozenset[EntityId]:
        """The domains in which the principal, or a group of theirs, has this role."""
        by_holder = self.steward_domains if role == "steward" else self.owner_domains
        if not by_holder:
            return frozenset()
        return frozenset().union(
            *(by_holder.get(subject, frozenset()) for subject in principal.subjects)
        )

    def _buckets_for(self, action: Action) -> tuple[Buckets, ...]:
        return (self.rights, self.duties) if action is Action.READ else (self.rights,)


def _hanging(
    buckets: Buckets, resource_anchors: Iterable[Anchor], principal: Principal
) -> Iterator[IndexedPolicy]:
    # a policy hangs on each of its alternatives, and must be considered once
    seen: set[int] = set()
    for anchor in resource_anchors:
        by_subject = buckets.get(anchor)
        if by_subject is None:
            continue
        for subject in principal.anchors:
            for entry in by_subject.get(subject, ()):
                if id(entry) not in seen:
                    seen.add(id(entry))
                    yield entry


def scope_predicate(scope: Scope, domain_ids: Mapping[str, EntityId]) -> Predicate:
    """Which datasets a policy applies to. A domain path that is not in the tree names no dataset."""
    parts: list[Predicate] = []
    if scope.domains:
        parts.append(DomainIn(frozenset(domain_ids[p] for p in scope.domains if p in domain_ids)))
    if scope.tags:
        parts.append(TagIn(frozenset(scope.tags)))
    if scope.kinds:
        parts.append(KindIs(frozenset(scope.kinds)))
    if scope.names:
        parts.append(any_of(NameLike(pattern) for pattern in scope.names))
    if scope.namespaces:
        parts.append(any_of(NamespaceLike(pattern) for pattern in scope.namespaces))
    if scope.field_tags:
        parts.append(FieldTagIn(frozenset(scope.field_tags)))
    return all_of(parts)


def _hang(buckets: Buckets, entry: IndexedPolicy) -> None:
    for resource_anchor in _scope_anchors(entry):
        for subject_anchor in _subject_anchors(entry.policy):
            buckets[resource_anchor].setdefault(subject_anchor, []).append(entry)


def _scope_anchors(entry: IndexedPolicy) -> list[Anchor]:
    scope, predicate = entry.policy.scope, entry.scope
    if scope.domains:
        parts = predicate.items if hasattr(predicate, "items") else (predicate,)
        ids = next(part.ids for part in parts if isinstance(part, DomainIn))
        return [("domain", each) for each in ids]
    if scope.tags and not any(tag.endswith(".*") for tag in scope.tags):
        return [("tag", tag) for tag in scope.tags]
    if scope.field_tags and not any(tag.endswith(".*") for tag in scope.field_tags):
        return [("field_tag", tag) for tag in scope.field_tags]
    if scope.kinds:
        return [("kind", kind) for kind in scope.kinds]
    return [ANY_ANCHOR]


def _subject_anchors(policy: Policy) -> list[Anchor]:
    named: list[Anchor] = [("user", name) for name in policy.subjects.users]
    named += [("group", name) for name in policy.subjects.groups]
    return named or [ANY_ANCHOR]


def _grants_by_subject(
    grants: Iterable[Grant],
) -> dict[Subject, dict[Target, tuple[Grant, ...]]]:
    found: dict[Subject, dict[Target, list[Grant]]] = defaultdict(lambda: defaultdict(list))
    for grant in grants:
        found[grant.subject][grant.target].append(grant)
    return {
        subject: {target: tuple(each) for target, each in by_target.items()}
        for subject, by_target in found.items()
    }


def _domains_by_holder(
    domains: Iterable[DomainInfo], *, role: Literal["owner", "steward"]
) -> dict[Subject, frozenset[EntityId]]:
    found: dict[Subject, set[EntityId]] = defaultdict(set)
    for domain in domains:
        for holder in domain.stewards if role == "steward" else domain.owners:
            found[holder].add(domain.id)
    return {holder: frozenset(ids) for holder, ids in found.items()}
