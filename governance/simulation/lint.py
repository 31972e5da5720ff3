"""What is wrong with policies as a whole: dead ones, shadowed ones, ones that contradict each other. No I/O.

Every finding is true of the datasets and people that there are: it names counts as evidence. What is not found may still
be so for people or datasets that come later.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from governance.effective.ids import Ids, union
from governance.policy.masks import stronger
from governance.policy.types import Action, Allow, Deny, MaskColumns, Policy

FindingKind = Literal["dead", "shadowed", "conflicting"]
MAX_FINDINGS = 500


@dataclass(frozen=True, slots=True)
class Reach:
    """A policy with the datasets that it applies to, the people whom it concerns, and, of a mask, the fields it covers."""

    policy: Policy
    datasets: Ids
    people: Ids
    fields: frozenset[tuple[int, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """`others` are the policies that decide instead, or otherwise; `evidence` is in words and counts."""

    kind: FindingKind
    policy: str
    others: tuple[str, ...]
    evidence: str


def find_flaws(reaches: Sequence[Reach], *, now: datetime) -> list[Finding]:
    """The findings about these policies, at most MAX_FINDINGS."""
    found = [each for reach in reaches for each in _dead(reach, now)]
    dead = {each.policy for each in found}
    living = [reach for reach in reaches if reach.policy.name not in dead]
    found += [each for reach in living for each in _shadowed(reach, living)]
    found += _conflicts(living)
    return found[:MAX_FINDINGS]


def _dead(reach: Reach, now: datetime) -> Iterator[Finding]:
    policy = reach.policy
    if policy.error is not None:
        return
    if policy.valid_until is not None and policy.valid_until <= now:
        why = f"it ended at {policy.valid_until.isoformat()}"
    elif not reach.datasets:
        why = "no dataset is in its scope"
    elif not reach.people:
        why = "nobody is its subject"
    elif isinstance(policy.effect, MaskColumns) and not reach.fields:
        why = f"none of the {len(reach.datasets)} datasets in its scope has such a field"
    else:
        return
    yield Finding("dead", policy.name, (), why)


def _shadowed(reach: Reach, others: Sequence[Reach]) -> Iterator[Finding]:
    """Where others decide all cells first: what denies beats what allows, a deny repeats another, a mask is covered."""
    covering = [
        each
        for each in others
        if each is not reach and _beats(each, reach) and _reaches_beyond(each, reach)
    ]
    if not covering:
        return
    if _covers(covering, reach):
        yield Finding(
            "shadowed",
            reach.policy.name,
            tuple(sorted(each.policy.name for each in covering)),
            f"on each of its {len(reach.datasets)} datasets, for each of its {len(reach.people)} "
            "people, the others decide",
        )


def _covers(covering: Sequence[Reach], reach: Reach) -> bool:
    """Whether these together are on every cell of `reach`."""
    is_mask = isinstance(reach.policy.effect, MaskColumns)
    denied = union(e.datasets for e in covering if not isinstance(e.policy.effect, MaskColumns))
    if not is_mask:
        return bool(reach.datasets <= denied)
    masked: frozenset[tuple[int, str]] = frozenset().union(*(each.fields for each in covering))
    return all(each in masked or each[0] in denied for each in reach.fields)


def _reaches_beyond(other: Reach, reach: Reach) -> bool:
    """Whether `other` holds for everybody, whenever and for whatever purpose `reach` does."""
    ours, theirs = reach.policy, other.policy
    return (
        reach.people <= other.people
        and _window(theirs, ours)
        and (not theirs.purposes or (bool(ours.purposes) and ours.purposes <= theirs.purposes))
        and not (theirs.exempt is not None and theirs.exempt.purposes)
    )


def _window(outer: Policy, inner: Policy) -> bool:
    starts = outer.valid_from is None or (
        inner.valid_from is not None and outer.valid_from <= inner.valid_from
    )
    ends = outer.valid_until is None or (
        inner.valid_until is not None and inner.valid_until <= outer.valid_until
    )
    return starts and ends


def _beats(other: Reach, reach: Reach) -> bool:
    """Whether, on a cell of both, `reach` never decides anything beside `other`."""
    ours, theirs = reach.policy.effect, other.policy.effect
    if isinstance(theirs, Deny):
        if isinstance(ours, Allow):
            return all(other.policy.denies(action) for action in _given(reach.policy))
        if isinstance(ours, Deny):
            return _stronger_deny(other.policy, reach.policy)
        return other.policy.denies(Action.READ)
    if isinstance(theirs, MaskColumns) and isinstance(ours, MaskColumns):
        return _stronger_mask(other.policy, reach.policy)
    return False


def _given(policy: Policy) -> list[Action]:
    return [action for action in Action if policy.allows(action)]


def _stronger_deny(other: Policy, policy: Policy) -> bool:
    """Of two that deny the same, the one of the later name is the one too many."""
    theirs = {action for action in Action if other.denies(action)}
    ours = {action for action in Action if policy.denies(action)}
    return ours < theirs or (ours == theirs and other.name < policy.name)


def _stronger_mask(other: Policy, policy: Policy) -> bool:
    theirs, ours = other.effect, policy.effect
    if not isinstance(theirs, MaskColumns) or not isinstance(ours, MaskColumns):
        return False
    if theirs.mask == ours.mask:
        return other.name < policy.name
    return stronger([theirs.mask, ours.mask]) == theirs.mask


def _conflicts(reaches: Sequence[Reach]) -> Iterator[Finding]:
    for place, one in enumerate(reaches):
        for other in reaches[place + 1 :]:
            yield from _conflict(one, other)


def _conflict(one: Reach, other: Reach) -> Iterator[Finding]:
    people = one.people & other.people
    if not people or not _meet(one.policy, other.policy):
        return
    effects = (one.policy.effect, other.policy.effect)
    if isinstance(effects[0], MaskColumns) and isinstance(effects[1], MaskColumns):
        fields = one.fields & other.fields
        if fields and effects[0].mask != effects[1].mask:
            text = f"{len(fields)} fields are masked in two ways, such as `{min(fields)[1]}`"
            yield _contradiction(one, other, f"{text}: the stronger mask holds")
        return
    for allow, deny in ((one, other), (other, one)):
        given = [a for a in _given(allow.policy) if deny.policy.denies(a)]
        datasets = allow.datasets & deny.datasets
        if given and datasets:
            where = f"on {len(datasets)} datasets, for {len(people)} people"
            what = f"one allows what the other denies ({', '.join(given)}): the denial holds"
            yield _contradiction(allow, deny, f"{where}, {what}")


def _contradiction(one: Reach, other: Reach, evidence: str) -> Finding:
    return Finding("conflicting", one.policy.name, (other.policy.name,), evidence)


def _meet(one: Policy, other: Policy) -> bool:
    """Whether there is a time and a purpose at which both may hold."""
    for first, second in ((one, other), (other, one)):
        if first.valid_until and second.valid_from and first.valid_until <= second.valid_from:
            return False
    return not (one.purposes and other.purposes) or not one.purposes.isdisjoint(other.purposes)
