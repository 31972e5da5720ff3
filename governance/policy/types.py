"""The nouns of a decision: who asks, for what, by which facts, and what the answer holds.

All values are frozen. Ids are whatever the caller's authority uses (integers, UUIDs); the kernel only
compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from governance.policy.attributes import AttributeValue, attribute_texts
from governance.policy.masks import Mask

if TYPE_CHECKING:
    from governance.policy.index import PolicyIndex

# Hashable; the kernel only compares ids, and leaves their type to whoever keeps the facts.
EntityId: TypeAlias = Any
# One thing that a dataset, or a principal, must have for a policy to bear on it: kind and value.
Anchor: TypeAlias = tuple[str, EntityId]
ANY_ANCHOR: Anchor = ("any", "")


class Action(StrEnum):
    """What a principal may want to do with a dataset."""

    # To know that something is there, between datasets that one may discover, and no more.
    TRACE = "trace"
    DISCOVER = "discover"
    VIEW_METADATA = "view_metadata"
    READ = "read"
    WRITE = "write"
    MANAGE = "manage"
    APPROVE = "approve"
    ADMINISTER = "administer"


# Who may do the key may also do the values. INVARIANT: transitively closed; a deny travels the other way.
# `trace` stands alone: only a policy gives it, so that nobody shows by accident that there is something hidden.
IMPLIES: Mapping[Action, frozenset[Action]] = {
    Action.TRACE: frozenset({Action.TRACE}),
    Action.DISCOVER: frozenset({Action.DISCOVER}),
    Action.VIEW_METADATA: frozenset({Action.VIEW_METADATA, Action.DISCOVER}),
    Action.READ: frozenset({Action.READ, Action.VIEW_METADATA, Action.DISCOVER}),
    Action.WRITE: frozenset({Action.WRITE, Action.VIEW_METADATA, Action.DISCOVER}),
    Action.MANAGE: frozenset({Action.MANAGE, Action.VIEW_METADATA, Action.DISCOVER}),
    Action.APPROVE: frozenset({Action.APPROVE, Action.VIEW_METADATA, Action.DISCOVER}),
    Action.ADMINISTER: frozenset(
        {
            Action.ADMINISTER,
            Action.MANAGE,
            Action.APPROVE,
            Action.VIEW_METADATA,
            Action.DISCOVER,
        }
    ),
}

# Which actions give the key action: used to ask "does any of these grants allow it?".
GIVEN_BY: Mapping[Action, frozenset[Action]] = {
    action: frozenset(giver for giver, given in IMPLIES.items() if action in given)
    for action in Action
}


class Subject(NamedTuple):
    """A user or a group that a fact speaks of."""

    kind: Literal["user", "group"]
    id: EntityId


class Target(NamedTuple):
    """What a grant is on. A grant on a domain holds for every dataset below it."""

    kind: Literal["dataset", "domain"]
    id: EntityId


@dataclass(frozen=True)
class Principal:
    """Who asks. `purpose` is what the caller declared; `actions` is the most that its token allows."""

    id: EntityId
    username: str
    groups: frozenset[EntityId] = frozenset()
    group_names: frozenset[str] = frozenset()
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    is_superuser: bool = False
    is_active: bool = True
    purpose: str | None = None
    actions: frozenset[Action] | None = None

    @cached_property
    def subjects(self) -> frozenset[Subject]:
        """This user and each of their groups, as facts name them."""
        return frozenset([Subject("user", self.id), *(Subject("group", g) for g in self.groups)])

    @cached_property
    def anchors(self) -> tuple[Anchor, ...]:
        """Where policies that may bear on this principal hang."""
        groups = (("group", name) for name in self.group_names)
        return (ANY_ANCHOR, ("user", self.username), *groups)

    def is_one_of(self, subjects: frozenset[Subject]) -> bool:
        """Whether any of `subjects` is this user or one of their groups."""
        return bool(subjects) and not subjects.isdisjoint(self.subjects)

    def token_allows(self, action: Action) -> bool:
        """Whether the token that the caller used, if any, reaches as far as `action`."""
        return self.actions is None or not self.actions.isdisjoint(GIVEN_BY[action])


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A field as the kernel sees it. `tags` holds declared and inherited labels.

    `label_paths` says for an inherited label through which field ids it came, source first. Ids, since the names
    along the way may belong to datasets that the asker may not know of.
    """

    id: EntityId
    name: str
    type: str
    tags: frozenset[str] = frozenset()
    required: bool = False
    label_paths: Mapping[str, tuple[EntityId, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Resource:
    """A dataset as the kernel sees it. `domain_path` holds domain ids from the root to the leaf."""

    id: EntityId
    namespace: str
    name: str
    kind: str
    domain_path: tuple[EntityId, ...] = ()
    owners: frozenset[Subject] = frozenset()
    stewards: frozenset[Subject] = frozenset()
    tags: frozenset[str] = frozenset()
    fields: tuple[FieldInfo, ...] = ()

    @cached_property
    def field_types(self) -> Mapping[str, str]:
        """Type by field name."""
        return {each.name: each.type for each in self.fields}

    @cached_property
    def field_tags(self) -> frozenset[str]:
        """Every tag that any field bears."""
        return frozenset().union(*(each.tags for each in self.fields))

    @cached_property
    def anchors(self) -> tuple[Anchor, ...]:
        """Where policies that may bear on this dataset hang."""
        return (
            ANY_ANCHOR,
            ("kind", self.kind),
            *(("domain", each) for each in self.domain_path),
            *(("tag", each) for each in self.tags),
            *(("field_tag", each) for each in self.field_tags),
        )

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """What a grant that reaches this dataset is on."""
        return (Target("dataset", self.id), *(Target("domain", each) for each in self.domain_path))


@dataclass(frozen=True, slots=True)
class Grant:
    """A rectangle of cells: the rows that `row_filter` selects, the named `columns`; None is all of them.

    It holds while `now < expires_at`. A grant for a purpose serves that purpose only; a caller who declares
    none is taken to act for the purpose of the grant.
    """

    id: EntityId
    subject: Subject
    target: Target
    action: Action
    row_filter: str | None = None
    columns: frozenset[str] | None = None
    purpose: str | None = None
    expires_at: datetime | None = None
    request_id: EntityId | None = None

    def holds_for(self, principal: Principal, *, now: datetime) -> bool:
        """Whether time and purpose let this grant count. The subject is checked by the index."""
        if self.expires_at is not None and now >= self.expires_at:
            return False
        return self.purpose is None or principal.purpose in (None, self.purpose)


@dataclass(frozen=True, slots=True)
class SubjectMatch:
    """Users or groups (any of them; none named means everybody) who bear all of the attributes."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    attributes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    purposes: frozenset[str] = frozenset()

    def matches(self, principal: Principal) -> bool:
        """Whether `principal` is one of the users or groups, bears the attributes and declared a purpose."""
        if (self.users or self.groups) and not (
            principal.username in self.users or not self.groups.isdisjoint(principal.group_names)
        ):
            return False
        if self.purposes and principal.purpose not in self.purposes:
            return False
        return all(
            not wanted.isdisjoint(attribute_texts(principal.attributes.get(name)))
            for name, wanted in self.attributes.items()
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """Which datasets a policy applies to: each stated condition must hold, any value of it will do."""

    domains: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    field_tags: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allow:
    actions: frozenset[Action]


@dataclass(frozen=True, slots=True)
class Deny:
    actions: frozenset[Action]


@dataclass(frozen=True, slots=True)
class FilterRows:
    sql: str


@dataclass(frozen=True, slots=True)
class MaskColumns:
    mask: Mask


PolicyEffect: TypeAlias = Allow | Deny | FilterRows | MaskColumns


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a policy. With `error` set its document cannot be read, and it denies everything."""

    id: EntityId
    name: str
    version: int
    scope: Scope = Scope()
    effect: PolicyEffect = Deny(frozenset({Action.DISCOVER}))
    subjects: SubjectMatch = SubjectMatch()
    exempt: SubjectMatch | None = None
    purposes: frozenset[str] = frozenset()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    description: str = ""
    error: str | None = None

    def concerns(self, principal: Principal, *, now: datetime) -> bool:
        """Whether time, purpose, subjects and exceptions let this policy bear on `principal`."""
        if self.valid_from is not None and now < self.valid_from:
            return False
        if self.valid_until is not None and now >= self.valid_until:
            return False
        if not self.subjects.matches(principal):
            return False
        if self.exempt is not None and self.exempt.matches(principal):
            return False
        return self._purpose_fits(principal)

    def denies(self, action: Action) -> bool:
        """Whether the policy, where it applies, forbids `action`, itself or something that it needs."""
        effect = self.effect
        return isinstance(effect, Deny) and not effect.actions.isdisjoint(IMPLIES[action])

    def allows(self, action: Action) -> bool:
        """Whether the policy, where it applies, gives `action`, itself or by implication."""
        effect = self.effect
        return isinstance(effect, Allow) and not effect.actions.isdisjoint(GIVEN_BY[action])

    def _purpose_fits(self, principal: Principal) -> bool:
        if not self.purposes:
            return True
        if principal.purpose is None:
            # A caller who hides the purpose gains nothing: no allowance, every restriction.
            return not isinstance(self.effect, Allow)
        return principal.purpose in self.purposes


@dataclass(frozen=True, slots=True)
class DomainInfo:
    """A domain of the tree. `path` is its slash-separated name from the root."""

    id: EntityId
    path: str
    parent_id: EntityId | None = None
    owners: frozenset[Subject] = frozenset()
    stewards: frozenset[Subject] = frozenset()


@dataclass(frozen=True)
class Facts:
    """Everything besides principal and resource that a decision depends on, as of `now`."""

    now: datetime
    grants: tuple[Grant, ...] = ()
    policies: tuple[Policy, ...] = ()
    domains: Mapping[EntityId, DomainInfo] = field(default_factory=dict)

    @cached_property
    def index(self) -> "PolicyIndex":
        """The same facts arranged for lookup; built once."""
        from governance.policy.index import PolicyIndex

        return PolicyIndex.build(self)

    def at(self, now: datetime) -> "Facts":
        """The same facts at another instant."""
        return replace(self, now=now)

    def with_grants(self, grants: tuple[Grant, ...], *, now: datetime) -> "Facts":
        """The same policies and domains with other grants, at another instant; the index of the policies is shared."""
        facts = replace(self, now=now, grants=grants)
        facts.__dict__["index"] = self.index.serving(facts)
        return facts


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: the kind of fact, its id and version, and a sentence."""

    kind: Literal["grant", "policy", "role", "token", "account", "missing"]
    text: str
    id: EntityId | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """A visible column. `visible_when` is an SQL condition on original values; None is every visible row.

    Where the condition does not hold the cell is NULL. `mask` is applied to what is visible.
    """

    name: str
    field_id: EntityId
    type: str
    visible_when: str | None = None
    mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class Obligations:
    """What a reader must apply: first `row_filter` on original values, then the columns and their masks.

    A column that is not listed is not there. `row_filter` and `visible_when` are DuckDB SQL with quoted identifiers.
    """

    row_filter: str | None = None
    columns: tuple[ColumnRule, ...] = ()

    def narrowed(self) -> tuple["Obligations", tuple[str, ...]]:
        """One filter and one projection for readers that cannot hide single cells, and the columns lost by it."""
        kept = tuple(each for each in self.columns if each.visible_when is None)
        lost = tuple(each.name for each in self.columns if each.visible_when is not None)
        return Obligations(row_filter=self.row_filter, columns=kept), lost


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. `obligations` is set on an allowed `read` and None otherwise."""

    effect: Literal["allow", "deny"]
    reasons: tuple[Reason, ...]
    obligations: Obligations | None = None

    @property
    def allowed(self) -> bool:
        return self.effect == "allow"
