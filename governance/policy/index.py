"""Facts arranged for lookup, so that a decision looks only at what may bear on it.

Grants are found by subject and target, policies where they hang (`anchors.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from governance.policy.anchors import Board, HungPolicy, hang
from governance.policy.predicates import EVERYTHING
from governance.policy.types import (
    Action,
    Allow,
    Deny,
    DomainInfo,
    EntityId,
    Grant,
    Policy,
    Principal,
    Resource,
    Subject,
    Target,
)

if TYPE_CHECKING:
    from governance.policy.types import Facts


@dataclass(frozen=True, slots=True)
class PolicyIndex:
    """Lookup over one `Facts`. Built once; answers by principal and resource."""

    facts: "Facts"
    grants: Mapping[Subject, Mapping[Target, tuple[Grant, ...]]]
    # policies that allow or deny, and those that only oblige a read: most questions need the first alone
    rights: Board
    duties: Board
    broken: tuple[Policy, ...]
    steward_domains: Mapping[Subject, frozenset[EntityId]]
    owner_domains: Mapping[Subject, frozenset[EntityId]]

    @classmethod
    def build(cls, facts: "Facts") -> "PolicyIndex":
        """Arrange `facts`."""
        domain_ids = {domain.path: domain.id for domain in facts.domains.values()}
        hung = [hang(policy, domain_ids) for policy in facts.policies if policy.error is None]
        return cls(
            facts=facts,
            grants=_grants_by_subject(facts.grants),
            rights=Board.of(each for each in hung if _is_right(each.policy)),
            duties=Board.of(each for each in hung if not _is_right(each.policy)),
            broken=tuple(policy for policy in facts.policies if policy.error is not None),
            steward_domains=_domains_by_holder(facts.domains.values(), role="steward"),
            owner_domains=_domains_by_holder(facts.domains.values(), role="owner"),
        )

    def serving(self, facts: "Facts") -> "PolicyIndex":
        """The index of `facts`, which have the policies and domains of these and other grants or another instant."""
        return replace(self, facts=facts, grants=_grants_by_subject(facts.grants))

    def applying(self, principal: Principal, action: Action, resource: Resource) -> list[Policy]:
        """The readable policies that bear on this principal, action and resource now."""
        now = self.facts.now
        return [
            entry.policy
            for board in self._boards_for(action)
            for entry in board.hanging(principal, resource)
            if action in entry.bears_on
            and (entry.is_plain or entry.policy.concerns(principal, now=now))
            and (entry.rest is EVERYTHING or entry.rest.matches(resource))
        ]

    def concerning(self, principal: Principal, action: Action) -> list[HungPolicy]:
        """The readable policies that bear on this principal and action now, on whatever resource."""
        now = self.facts.now
        return [
            entry
            for board in self._boards_for(action)
            for entry in board.concerning(principal)
            if action in entry.bears_on
            and (entry.is_plain or entry.policy.concerns(principal, now=now))
        ]

    def fitting(self, resource: Resource) -> Iterator[Policy]:
        """The readable policies that apply to this resource, to whomever and whenever."""
        for board in (self.rights, self.duties):
            yield from (entry.policy for entry in board.fitting(resource))

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

    def _boards_for(self, action: Action) -> tuple[Board, ...]:
        return (self.rights, self.duties) if action is Action.READ else (self.rights,)


def _is_right(policy: Policy) -> bool:
    return isinstance(policy.effect, Allow | Deny)


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
