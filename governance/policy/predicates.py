"""A small algebra of questions about a dataset, which `restrict` answers with.

`matches` evaluates a predicate on one resource; `governance/queries.py` compiles the same values to SQL.
INVARIANT: each leaf has exactly one meaning in both; the tests hold them equal.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from governance.policy.fieldtypes import Family, family_of
from governance.policy.types import EntityId, Resource, Subject


@dataclass(frozen=True, slots=True)
class Everything:
    def matches(self, resource: Resource) -> bool:  # noqa: ARG002  # one signature for all leaves
        return True


@dataclass(frozen=True, slots=True)
class Nothing:
    def matches(self, resource: Resource) -> bool:  # noqa: ARG002
        return False


@dataclass(frozen=True, slots=True)
class AllOf:
    items: tuple["Predicate", ...]

    def matches(self, resource: Resource) -> bool:
        return all(item.matches(resource) for item in self.items)


@dataclass(frozen=True, slots=True)
class AnyOf:
    items: tuple["Predicate", ...]

    def matches(self, resource: Resource) -> bool:
        return any(item.matches(resource) for item in self.items)


@dataclass(frozen=True, slots=True)
class Not:
    item: "Predicate"

    def matches(self, resource: Resource) -> bool:
        return not self.item.matches(resource)


@dataclass(frozen=True, slots=True)
class DomainIn:
    """In one of these domains, or below one."""

    ids: frozenset[EntityId]

    def matches(self, resource: Resource) -> bool:
        return not self.ids.isdisjoint(resource.domain_path)


@dataclass(frozen=True, slots=True)
class DatasetIn:
    ids: frozenset[EntityId]

    def matches(self, resource: Resource) -> bool:
        return resource.id in self.ids


@dataclass(frozen=True, slots=True)
class OwnedBy:
    """Some of `subjects` are owners (or stewards) of the dataset itself."""

    subjects: frozenset[Subject]
    role: Literal["owner", "steward"]

    def matches(self, resource: Resource) -> bool:
        holders = resource.owners if self.role == "owner" else resource.stewards
        return not self.subjects.isdisjoint(holders)


@dataclass(frozen=True, slots=True)
class TagIn:
    """The dataset bears a tag that one of the patterns names: exact, or everything below with `pii.*`."""

    patterns: frozenset[str]

    def matches(self, resource: Resource) -> bool:
        return _any_tag(self.patterns, resource.tags)


@dataclass(frozen=True, slots=True)
class FieldTagIn:
    """Some field of the dataset bears such a tag, declared or inherited."""

    patterns: frozenset[str]

    def matches(self, resource: Resource) -> bool:
        return _any_tag(self.patterns, resource.field_tags)


@dataclass(frozen=True, slots=True)
class KindIs:
    kinds: frozenset[str]

    def matches(self, resource: Resource) -> bool:
        return resource.kind in self.kinds


@dataclass(frozen=True, slots=True)
class NameLike:
    """The name fits a glob: `*` is any run of characters, `?` any one."""

    pattern: str

    def matches(self, resource: Resource) -> bool:
        return compile_glob(self.pattern).search(resource.name) is not None


@dataclass(frozen=True, slots=True)
class NamespaceLike:
    pattern: str

    def matches(self, resource: Resource) -> bool:
        return compile_glob(self.pattern).search(resource.namespace) is not None


@dataclass(frozen=True, slots=True)
class HasField:
    """The dataset has a field of this name, of one of the type families; None is any type."""

    name: str
    families: frozenset[Family] | None = None

    def matches(self, resource: Resource) -> bool:
        type_name = resource.field_types.get(self.name)
        if type_name is None:
            return False
        return self.families is None or family_of(type_name) in self.families


Predicate: TypeAlias = (
    Everything
    | Nothing
    | AllOf
    | AnyOf
    | Not
    | DomainIn
    | DatasetIn
    | OwnedBy
    | TagIn
    | FieldTagIn
    | KindIs
    | NameLike
    | NamespaceLike
    | HasField
)

EVERYTHING = Everything()
NOTHING = Nothing()


def all_of(items: Iterable[Predicate]) -> Predicate:
    """The conjunction, without the parts that decide nothing."""
    kept = [item for item in items if item != EVERYTHING]
    if NOTHING in kept:
        return NOTHING
    if len(kept) == 1:
        return kept[0]
    return AllOf(tuple(kept)) if kept else EVERYTHING


def any_of(items: Iterable[Predicate]) -> Predicate:
    """The disjunction, without the parts that decide nothing; sets of ids are united into one leaf each."""
    kept = [item for item in items if item != NOTHING]
    if EVERYTHING in kept:
        return EVERYTHING
    datasets = frozenset().union(*(item.ids for item in kept if isinstance(item, DatasetIn)))
    domains = frozenset().union(*(item.ids for item in kept if isinstance(item, DomainIn)))
    united: list[Predicate] = [item for item in kept if not isinstance(item, DatasetIn | DomainIn)]
    if datasets:
        united.append(DatasetIn(datasets))
    if domains:
        united.append(DomainIn(domains))
    if len(united) == 1:
        return united[0]
    return AnyOf(tuple(united)) if united else NOTHING


def negate(item: Predicate) -> Predicate:
    """The negation."""
    if item == EVERYTHING:
        return NOTHING
    return EVERYTHING if item == NOTHING else Not(item)


def glob_to_regex(pattern: str) -> str:
    """An anchored regular expression that Python (with DOTALL) and PostgreSQL read alike."""
    wild = {"*": ".*", "?": "."}
    return "^" + "".join(wild.get(char) or _literal(char) for char in pattern) + "$"


def tag_matches(pattern: str, tag: str) -> bool:
    """`pii.*` is every tag that begins with `pii.`; anything else is itself."""
    return tag.startswith(pattern[:-1]) if pattern.endswith(".*") else tag == pattern


def _literal(char: str) -> str:
    return char if char.isalnum() or char in "_ " else f"\\{char}"


@lru_cache(maxsize=4096)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """A glob as Python searches with it."""
    return re.compile(glob_to_regex(pattern)[:-1] + r"\Z", re.DOTALL)


def _any_tag(patterns: frozenset[str], tags: frozenset[str]) -> bool:
    if not tags:
        return False
    if not patterns.isdisjoint(tags):
        return True
    return any(
        pattern.endswith(".*") and any(tag_matches(pattern, tag) for tag in tags)
        for pattern in patterns
    )
