"""A world to decide in: policies, groups, domains and grants of a large company, the same at every run.

Half of the policies hang on domains, a quarter on tags, the rest on name patterns, tags of fields and kinds; seven in
ten are for groups. Each user is in five groups and holds four grants; each group holds ten.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from governance.policy.masks import Mask
from governance.policy.types import (
    Action,
    Allow,
    Deny,
    DomainInfo,
    EntityId,
    Facts,
    FieldInfo,
    FilterRows,
    Grant,
    MaskColumns,
    Policy,
    PolicyEffect,
    Principal,
    Resource,
    Scope,
    Subject,
    SubjectMatch,
    Target,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DOMAINS, TAGS, FIELD_TAGS, USERS, DATASETS = 500, 300, 60, 10_000, 20_000
KINDS = ("table", "topic", "file", "model")


@dataclass(frozen=True)
class PolicyWorld:
    """Shared facts without grants, the grants by subject, and who may ask for what."""

    shared: Facts
    grants: Mapping[Subject, tuple[Grant, ...]]
    principals: list[Principal]
    resources: list[Resource]

    def facts_for(self, principal: Principal) -> Facts:
        """The facts as a process holds them: policies and domains arranged once, and the grants of who asks."""
        held = tuple(each for one in principal.subjects for each in self.grants.get(one, ()))
        return self.shared.with_grants(held, now=NOW)


def make_world(*, policies: int, groups: int, columns: int = 12) -> PolicyWorld:
    """A world with so many policies and groups; each dataset has `columns` fields."""
    dice = random.Random(20260601)  # a world, not a secret
    domains = _domains(dice)
    paths = {key: _path(key, domains) for key in domains}
    return PolicyWorld(
        shared=Facts(
            now=NOW,
            policies=tuple(_policy(dice, key, groups, domains) for key in range(policies)),
            domains=domains,
        ),
        grants=_grants(dice, groups),
        principals=[_principal(dice, key, groups) for key in dice.sample(range(USERS), 500)],
        resources=[
            _resource(dice, key, paths, columns) for key in dice.sample(range(DATASETS), 1000)
        ],
    )


def _domains(dice: random.Random) -> dict[EntityId, DomainInfo]:
    found: dict[EntityId, DomainInfo] = {}
    for key in range(DOMAINS):
        parent = None if key < 20 else dice.randrange(key // 4)  # twenty roots
        above = "" if parent is None else f"{found[parent].path}/"
        steward = frozenset({Subject("user", dice.randrange(USERS))})
        found[key] = DomainInfo(key, f"{above}d{key}", parent, stewards=steward)
    return found


def _path(key: EntityId, domains: Mapping[EntityId, DomainInfo]) -> tuple[EntityId, ...]:
    chain: list[EntityId] = []
    while key is not None:
        chain.insert(0, key)
        key = domains[key].parent_id
    return tuple(chain)


def _policy(
    dice: random.Random, key: int, groups: int, domains: Mapping[EntityId, DomainInfo]
) -> Policy:
    effect = _effect(dice)
    return Policy(
        id=key,
        name=f"policy-{key}",
        version=1,
        scope=_scope(dice, domains, covers_fields=isinstance(effect, MaskColumns)),
        effect=effect,
        subjects=_subjects(dice, groups),
        purposes=frozenset({"fraud"}) if dice.random() < 0.05 else frozenset(),
    )


def _effect(dice: random.Random) -> PolicyEffect:
    draw = dice.randrange(10)
    if draw < 4:  # four in ten allow
        return Allow(frozenset({dice.choice([Action.DISCOVER, Action.VIEW_METADATA, Action.READ])}))
    if draw < 5:
        return Deny(frozenset({Action.READ}))
    if draw < 7:
        return FilterRows("c0 = 'EU' OR c1 > 100")
    return MaskColumns(dice.choice([Mask.REPLACE_WITH_NULL, Mask.SHA_256_GLOBAL, Mask.SHOW_LAST_4]))


def _scope(
    dice: random.Random, domains: Mapping[EntityId, DomainInfo], *, covers_fields: bool
) -> Scope:
    fields = (f"f{dice.randrange(FIELD_TAGS)}",) if covers_fields else ()
    draw = dice.random()
    if draw < 0.5:
        return Scope(domains=(domains[dice.randrange(DOMAINS)].path,), field_tags=fields)
    if draw < 0.75:
        return Scope(tags=(f"t{dice.randrange(TAGS)}",), field_tags=fields)
    if draw < 0.9:
        return Scope(names=(f"team{dice.randrange(400)}.*",), field_tags=fields)
    if draw < 0.98:
        return Scope(field_tags=(f"f{dice.randrange(FIELD_TAGS)}",))
    return Scope(kinds=(dice.choice(KINDS),), names=("*_tmp",), field_tags=fields)


def _subjects(dice: random.Random, groups: int) -> SubjectMatch:
    draw = dice.random()
    if draw < 0.7:
        return SubjectMatch(groups=frozenset({f"g{dice.randrange(groups)}"}))
    if draw < 0.8:
        return SubjectMatch(users=frozenset({f"u{dice.randrange(USERS)}"}))
    return SubjectMatch()


def _grants(dice: random.Random, groups: int) -> dict[Subject, tuple[Grant, ...]]:
    holders = [(Subject("user", key), 4) for key in range(USERS)]
    holders += [(Subject("group", key), 10) for key in range(groups)]
    return {
        subject: tuple(_grant(dice, subject, place) for place in range(count))
        for subject, count in holders
    }


def _grant(dice: random.Random, subject: Subject, place: int) -> Grant:
    on_domain = dice.random() < 0.3
    target = (
        Target("domain", dice.randrange(DOMAINS))
        if on_domain
        else Target("dataset", dice.randrange(DATASETS))
    )
    action = dice.choice([Action.DISCOVER, Action.READ, Action.READ])
    return Grant(f"{subject.kind}-{subject.id}-{place}", subject, target, action)


def _principal(dice: random.Random, key: int, groups: int) -> Principal:
    member = frozenset(dice.sample(range(groups), 5))
    names = frozenset(f"g{each}" for each in member)
    return Principal(key, f"u{key}", groups=member, group_names=names)


def _resource(
    dice: random.Random, key: int, paths: Mapping[EntityId, tuple[EntityId, ...]], columns: int
) -> Resource:
    return Resource(
        id=key,
        namespace="lake",
        name=f"team{dice.randrange(400)}.table{key}",
        kind=dice.choice(KINDS),
        domain_path=paths[dice.randrange(DOMAINS)],
        owners=frozenset({Subject("user", dice.randrange(USERS))}),
        tags=frozenset(f"t{dice.randrange(TAGS)}" for _ in range(3)),
        fields=tuple(_field(dice, key, place) for place in range(columns)),
    )


def _field(dice: random.Random, key: int, place: int) -> FieldInfo:
    tags = {f"f{dice.randrange(FIELD_TAGS)}"} if dice.random() < 0.2 else set()
    kind = ("string", "long", "double", "date")[place % 4]
    return FieldInfo(f"{key}-{place}", f"c{place}", kind, frozenset(tags))
