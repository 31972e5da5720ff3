"""What somebody may do with a dataset, as a value that can be compared; and whose answers are the same by their facts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from governance.policy import decide
from governance.policy.types import (
    Action,
    Decision,
    EntityId,
    Facts,
    FilterRows,
    Principal,
    Resource,
)
from governance.simulation.people import Person
from governance.simulation.supposition import Pair

ASKED = (Action.DISCOVER, Action.VIEW_METADATA, Action.READ)


@dataclass(frozen=True, slots=True)
class Answer:
    """Which of the actions asked about are allowed, and what a read is put under: by column its mask and the rows it is seen in."""

    allowed: frozenset[Action]
    row_filter: str | None
    columns: dict[str, tuple[str, str]]
    reasons: tuple[str, ...]

    def is_as(self, other: "Answer") -> bool:
        """Whether both open the same, for whatever reasons."""
        return (
            self.allowed == other.allowed
            and self.row_filter == other.row_filter
            and self.columns == other.columns
        )


def answer_of(
    principal: Principal, resource: Resource, facts: Facts, *, asked: Sequence[Action] = ASKED
) -> Answer:
    """The kernel's decisions about one dataset; the reasons are those of `read`."""
    read = decide(principal, Action.READ, resource, facts)
    allowed = frozenset(
        action
        for action in asked
        if (read if action is Action.READ else decide(principal, action, resource, facts)).allowed
    )
    return Answer(allowed, *_opened(read), tuple(each.text for each in read.reasons))


def _opened(read: Decision) -> tuple[str | None, dict[str, tuple[str, str]]]:
    if read.obligations is None:
        return None, {}
    return read.obligations.row_filter, {
        each.name: (each.mask.value if each.mask else "", each.visible_when or "")
        for each in read.obligations.columns
    }


@dataclass(frozen=True, slots=True)
class Bearing:
    """What of a person decisions about one dataset hang on: these groups, these users by id or name, and attributes."""

    groups: frozenset[EntityId | str]
    users: frozenset[EntityId | str]
    attributes: frozenset[str] | None

    def key(self, principal: Principal) -> Any:
        """Equal for those whose answers are equal. INVARIANT: nothing else of a principal bears on the dataset."""
        given: Mapping[str, Any] = principal.attributes
        told = given if self.attributes is None else {k: given.get(k) for k in self.attributes}
        named = principal.id if {principal.id, principal.username} & self.users else None
        mine = frozenset({*principal.groups, *principal.group_names} & self.groups)
        return named, principal.is_superuser, mine, orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


def bearing_on(resource: Resource, facts: Facts) -> Bearing:
    """What of people bears on decisions about `resource`; the grants of `facts` are those that reach it."""
    policies = list(facts.index.fitting(resource))
    held = {each.subject for each in facts.grants} | resource.owners | resource.stewards
    for key in resource.domain_path:
        held |= facts.domains[key].stewards | facts.domains[key].owners
    filters = [each.effect.sql for each in policies if isinstance(each.effect, FilterRows)]
    filters += [each.row_filter for each in facts.grants if each.row_filter]
    matches = [m for each in policies for m in (each.subjects, each.exempt) if m is not None]
    return Bearing(
        groups=_ids(held, "group").union(*(each.groups for each in matches)),
        users=_ids(held, "user").union(*(each.users for each in matches)),
        # a filter that asks of the principal may ask for anything
        attributes=None
        if any("principal" in sql.lower() for sql in filters)
        else frozenset().union(*(each.attributes for each in matches)),
    )


def _ids(held: Iterable[Any], kind: str) -> frozenset[Any]:
    return frozenset(each.id for each in held if each.kind == kind)


def bearings_of(pair: Pair) -> tuple[Bearing, Bearing]:
    """What of people bears on the dataset, before and after."""
    return bearing_on(pair.before, pair.facts_before), bearing_on(pair.after, pair.facts_after)


def classes_of(bearings: tuple[Bearing, Bearing], people: Iterable[Person]) -> list[list[Person]]:
    """People by what bears on a dataset before and after: each class has one answer, its first member's."""
    before, after = bearings
    found: dict[Any, list[Person]] = {}
    for person in people:
        key = (before.key(person.before), after.key(person.after))
        found.setdefault(key, []).append(person)
    return list(found.values())
