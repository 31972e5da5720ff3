"""Policies hung where a decision will look for them, so that it meets few that do not concern it.

Each policy hangs on one thing that its datasets must have (a domain, a tag, a field tag, the beginning of a name, a
kind), and there on one that its subjects must have (a user name, a group name). Both are necessary; what is not settled by
hanging there, the entry says itself.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

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
    EntityId,
    Policy,
    Principal,
    Resource,
    Scope,
    SubjectMatch,
)

_WILD = re.compile(r"[*?]")


@dataclass(frozen=True, slots=True, eq=False)
class HungPolicy:
    """A policy, its whole scope, and what of both is still to be asked where it hangs.

    `rest` is the scope without what its anchor settles. `is_plain`: it concerns everybody whom its subject anchors name,
    at any time and for any purpose. `bears_on`: the actions that it gives, forbids, or puts under obligations.
    """

    policy: Policy
    scope: Predicate
    rest: Predicate
    is_plain: bool
    bears_on: frozenset[Action]
    on: tuple[Anchor, ...]
    for_: tuple[Anchor, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """Hung policies by what the dataset has, then by who asks; and by who asks alone."""

    by_resource: Mapping[Anchor, Mapping[Anchor, tuple[HungPolicy, ...]]]
    by_subject: Mapping[Anchor, tuple[HungPolicy, ...]]
    # lengths of the beginnings of names and namespaces that something hangs on
    name_lengths: tuple[int, ...]
    namespace_lengths: tuple[int, ...]

    @classmethod
    def of(cls, entries: Iterable[HungPolicy]) -> "Board":
        """Hang `entries`."""
        by_resource: dict[Anchor, dict[Anchor, list[HungPolicy]]] = {}
        by_subject: dict[Anchor, list[HungPolicy]] = {}
        for entry in entries:
            for subject in entry.for_:
                by_subject.setdefault(subject, []).append(entry)
                for anchor in entry.on:
                    by_resource.setdefault(anchor, {}).setdefault(subject, []).append(entry)
        return cls(
            by_resource={anchor: _frozen(each) for anchor, each in by_resource.items()},
            by_subject=_frozen(by_subject),
            name_lengths=_lengths("name", by_resource),
            namespace_lengths=_lengths("namespace", by_resource),
        )

    def hanging(self, principal: Principal, resource: Resource) -> Iterable[HungPolicy]:
        """What hangs where this principal and this dataset both are, each once."""
        found: list[HungPolicy] = []
        for anchor in (*resource.anchors, *self._beginnings(resource)):
            by_subject = self.by_resource.get(anchor)
            if by_subject is not None:
                for subject in principal.anchors:
                    if subject in by_subject:
                        found += by_subject[subject]
        # a policy hangs on each of its alternatives
        return dict.fromkeys(found) if len(found) > 1 else found

    def fitting(self, resource: Resource) -> Iterator[HungPolicy]:
        """What applies to this dataset, whoever asks, each once."""
        found = {
            entry: None
            for anchor in (*resource.anchors, *self._beginnings(resource))
            for entries in self.by_resource.get(anchor, {}).values()
            for entry in entries
        }
        return (entry for entry in found if entry.rest.matches(resource))

    def concerning(self, principal: Principal) -> Iterable[HungPolicy]:
        """What hangs where this principal is, whatever the dataset, each once."""
        found = [
            entry for subject in principal.anchors for entry in self.by_subject.get(subject, ())
        ]
        return dict.fromkeys(found)

    def _beginnings(self, resource: Resource) -> Iterator[Anchor]:
        for length in self.name_lengths:
            yield "name", resource.name[:length]
        for length in self.namespace_lengths:
            yield "namespace", resource.namespace[:length]


def hang(policy: Policy, domain_ids: Mapping[str, EntityId]) -> HungPolicy:
    """Where `policy` hangs; `domain_ids` are the domains by path."""
    parts = _scope_parts(policy.scope, domain_ids)
    settled, anchors = _resource_anchors(policy.scope, domain_ids)
    return HungPolicy(
        policy=policy,
        scope=all_of(parts.values()),
        rest=all_of(part for name, part in parts.items() if name != settled),
        is_plain=_is_plain(policy),
        bears_on=_bears_on(policy),
        on=anchors,
        for_=_subject_anchors(policy.subjects),
    )


def scope_predicate(scope: Scope, domain_ids: Mapping[str, EntityId]) -> Predicate:
    """Which datasets a policy applies to. A domain path that is not in the tree names no dataset."""
    return all_of(_scope_parts(scope, domain_ids).values())


def _scope_parts(scope: Scope, domain_ids: Mapping[str, EntityId]) -> dict[str, Predicate]:
    parts: dict[str, Predicate] = {}
    if scope.domains:
        parts["domains"] = DomainIn(_domains(scope, domain_ids))
    if scope.tags:
        parts["tags"] = TagIn(frozenset(scope.tags))
    if scope.kinds:
        parts["kinds"] = KindIs(frozenset(scope.kinds))
    if scope.names:
        parts["names"] = any_of(NameLike(pattern) for pattern in scope.names)
    if scope.namespaces:
        parts["namespaces"] = any_of(NamespaceLike(pattern) for pattern in scope.namespaces)
    if scope.field_tags:
        parts["field_tags"] = FieldTagIn(frozenset(scope.field_tags))
    return parts


def _domains(scope: Scope, domain_ids: Mapping[str, EntityId]) -> frozenset[EntityId]:
    return frozenset(domain_ids[path] for path in scope.domains if path in domain_ids)


def _resource_anchors(
    scope: Scope, domain_ids: Mapping[str, EntityId]
) -> tuple[str, tuple[Anchor, ...]]:
    """The part of the scope that the anchors settle ("" for none), and the anchors; the most telling kind is taken."""
    if scope.domains:
        return "domains", tuple(("domain", each) for each in _domains(scope, domain_ids))
    if scope.tags and not _has_family(scope.tags):
        return "tags", tuple(("tag", tag) for tag in scope.tags)
    if scope.field_tags and not _has_family(scope.field_tags):
        return "field_tags", tuple(("field_tag", tag) for tag in scope.field_tags)
    for kind, patterns in (("name", scope.names), ("namespace", scope.namespaces)):
        beginnings = [_WILD.split(pattern, maxsplit=1)[0] for pattern in patterns]
        if beginnings and all(beginnings):
            return "", tuple((kind, each) for each in beginnings)
    if scope.kinds:
        return "kinds", tuple(("kind", kind) for kind in scope.kinds)
    return "", (ANY_ANCHOR,)


def _has_family(tags: Iterable[str]) -> bool:
    """Whether one of them stands for all tags below it."""
    return any(tag.endswith(".*") for tag in tags)


def _subject_anchors(subjects: SubjectMatch) -> tuple[Anchor, ...]:
    named: list[Anchor] = [("user", name) for name in subjects.users]
    named += [("group", name) for name in subjects.groups]
    return tuple(named) or (ANY_ANCHOR,)


def _is_plain(policy: Policy) -> bool:
    limits = (
        policy.valid_from,
        policy.valid_until,
        policy.exempt,
        policy.purposes,
        policy.subjects.attributes,
        policy.subjects.purposes,
    )
    return not any(limits)


def _bears_on(policy: Policy) -> frozenset[Action]:
    if not isinstance(policy.effect, Allow | Deny):
        return frozenset({Action.READ})
    return frozenset(each for each in Action if policy.allows(each) or policy.denies(each))


def _frozen(found: Mapping[Anchor, list[HungPolicy]]) -> dict[Anchor, tuple[HungPolicy, ...]]:
    return {anchor: tuple(entries) for anchor, entries in found.items()}


def _lengths(kind: str, anchors: Iterable[Anchor]) -> tuple[int, ...]:
    return tuple(sorted({len(value) for name, value in anchors if name == kind}))
