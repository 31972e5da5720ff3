"""A draft: changes of facts that were not made, laid over the kernel's values. No I/O.

INVARIANT: with the same facts beneath, each value here is what loading would give after the changes were made; a
property test publishes random drafts and compares.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from governance.facts import domain_path
from governance.policy.labels import FieldEdge
from governance.policy.types import (
    DomainInfo,
    EntityId,
    Facts,
    FieldInfo,
    Grant,
    Policy,
    Principal,
    Resource,
)

# What is put (True) or taken (False), by key.
Marks = dict[str, bool]


@dataclass(slots=True)
class Draft:
    """The changes of an ordered list, folded: what was said last of a thing holds.

    `policies` by name (None: withdrawn), `placed` datasets by domain, `parents` domains by the one above, tags by
    dataset and field, `members` by user and group, `edges` of labels: True where a draft declassifies.
    """

    policies: dict[str, Policy | None] = field(default_factory=dict)
    placed: dict[EntityId, EntityId | None] = field(default_factory=dict)
    parents: dict[EntityId, EntityId | None] = field(default_factory=dict)
    dataset_tags: dict[EntityId, Marks] = field(default_factory=dict)
    field_tags: dict[EntityId, Marks] = field(default_factory=dict)
    members: dict[EntityId, dict[EntityId, bool]] = field(default_factory=dict)
    group_names: dict[EntityId, str] = field(default_factory=dict)
    given: list[Grant] = field(default_factory=list)
    revoked: dict[EntityId, Grant] = field(default_factory=dict)
    edges: dict[FieldEdge, bool] = field(default_factory=dict)

    def over_facts(self, facts: Facts) -> Facts:
        """Policies, domains and grants as the draft would have them."""
        return replace(
            facts,
            policies=self.over_policies(facts.policies),
            domains=self.over_domains(facts.domains),
            grants=self.over_grants(facts.grants),
        )

    def over_policies(self, policies: Iterable[Policy]) -> tuple[Policy, ...]:
        """In the order of loading: by id, new ones last."""
        kept = [each for each in policies if each.name not in self.policies]
        put = [each for each in self.policies.values() if each is not None]
        known = [each for each in (*kept, *put) if each.id is not None]
        fresh = [each for each in put if each.id is None]
        return (*sorted(known, key=lambda each: each.id), *fresh)

    def over_grants(self, grants: Iterable[Grant]) -> tuple[Grant, ...]:
        """Without those that are taken back, and with those that are given."""
        return (*(each for each in grants if each.id not in self.revoked), *self.given)

    def over_domains(self, domains: Mapping[EntityId, DomainInfo]) -> Mapping[EntityId, DomainInfo]:
        """The tree with its moved branches; paths follow."""
        if not self.parents:
            return domains
        moved = {
            key: replace(each, parent_id=self.parents.get(key, each.parent_id))
            for key, each in domains.items()
        }
        return {key: replace(each, path=_path(key, moved)) for key, each in moved.items()}

    def over_principal(self, principal: Principal) -> Principal:
        """Somebody with the groups that the draft puts them in."""
        marks = self.members.get(principal.id)
        if not marks:
            return principal
        joined = {key for key, is_in in marks.items() if is_in}
        groups = (principal.groups - marks.keys()) | joined
        named = {self.group_names[key] for key in marks}
        names = (principal.group_names - named) | {self.group_names[key] for key in joined}
        return replace(principal, groups=groups, group_names=names)

    def over_resource(
        self,
        resource: Resource,
        *,
        domain_path: tuple[EntityId, ...],
        fields: tuple[FieldInfo, ...],
    ) -> Resource:
        """A dataset with its tags, in the domains and with the fields that it would have; itself where nothing differs."""
        tags = marked(resource.tags, self.dataset_tags.get(resource.id, {}))
        supposed = replace(resource, tags=tags, domain_path=domain_path, fields=fields)
        return resource if supposed == resource else supposed

    def over_declared(self, declared: Mapping[EntityId, Iterable[str]]) -> dict[EntityId, set[str]]:
        """The tags declared on fields."""
        found = {key: set(tags) for key, tags in declared.items()}
        for key, marks in self.field_tags.items():
            found[key] = set(marked(frozenset(found.get(key, ())), marks))
        return found

    def over_edges(self, edges: Iterable[FieldEdge]) -> list[FieldEdge]:
        """The edges that carry labels."""
        kept = [edge for edge in edges if not self.edges.get(edge, False)]
        return list(dict.fromkeys([*kept, *(e for e, is_off in self.edges.items() if not is_off)]))


def marked(tags: frozenset[str], marks: Marks) -> frozenset[str]:
    """`tags` with those put on and those taken off."""
    put = {tag for tag, is_on in marks.items() if is_on}
    return (tags - marks.keys()) | put


def _path(key: EntityId, domains: Mapping[EntityId, DomainInfo]) -> str:
    chain = domain_path(key, domains)
    return "/".join(domains[each].path.rpartition("/")[2] for each in chain)
