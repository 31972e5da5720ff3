"""Which stages are open, who may act in them and in whose name, and what follows from the votes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from governance.approval.plan import Plan, Stage
from governance.approval.rules import Kind

# Who is next in line where nobody of a kind is there, or time has passed.
NEXT_IN_LINE: Mapping[Kind, Kind] = {
    Kind.OWNER: Kind.STEWARD,
    Kind.STEWARD: Kind.APPROVER,
    Kind.GROUP: Kind.APPROVER,
}


class Outcome(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Vote:
    """`by` acted; `in_name_of` is who they stood for, themselves where they stood for nobody."""

    stage: int
    by: int
    in_name_of: int
    agrees: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Deputy:
    """`person` is away and `delegate` acts for them; without a delegate nobody does."""

    person: int
    delegate: int | None


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Everything but the plan that decides who may act, as of `now`. People are ids of users.

    `holders` are the active people by kind (`owner`, `steward`, `group:NAME`); `approvers` are those whom the kernel
    lets approve on the dataset, of the people who are asked about; `groups` are the names of a person's groups.
    `interested` would profit beside the requester.
    """

    requester: int
    asked_at: datetime
    now: datetime
    interested: frozenset[int] = frozenset()
    holders: Mapping[str, frozenset[int]] = field(default_factory=dict)
    approvers: frozenset[int] = frozenset()
    groups: Mapping[int, frozenset[str]] = field(default_factory=dict)
    deputies: Sequence[Deputy] = ()
    votes: Sequence[Vote] = ()


@dataclass(frozen=True, slots=True)
class Capacity:
    """A way in which somebody may act: in this stage, in this person's name."""

    stage: int
    in_name_of: int


def outcome(plan: Plan, votes: Sequence[Vote]) -> Outcome:
    """One refusal ends it; it is approved when every stage has what it needs."""
    if any(not vote.agrees for vote in votes):
        return Outcome.DENIED
    complete = all(is_complete(stage, votes) for stage in plan.stages)
    return Outcome.APPROVED if complete else Outcome.WAITING


def is_complete(stage: Stage, votes: Sequence[Vote]) -> bool:
    """Whether it passed by itself, or enough different people agreed, each counted once by whom they stood for."""
    agreed = {vote.in_name_of for vote in votes if vote.stage == stage.number and vote.agrees}
    return stage.passed or len(agreed) >= stage.needed


def open_stages(
    plan: Plan, votes: Sequence[Vote], *, asked_at: datetime
) -> Iterator[tuple[Stage, datetime]]:
    """The stages that wait, each with the instant since when it has."""
    for stage in plan.stages:
        since = opened_at(plan, stage, votes, asked_at=asked_at)
        if since is not None and not is_complete(stage, votes):
            yield stage, since


def opened_at(
    plan: Plan, stage: Stage, votes: Sequence[Vote], *, asked_at: datetime
) -> datetime | None:
    """When `stage` could first be acted in: when the one before was completed; None while it is not."""
    if stage.after is None:
        return asked_at
    former = plan.stages[stage.after]
    if not is_complete(former, votes):
        return None
    since = opened_at(plan, former, votes, asked_at=asked_at)
    last = [vote.at for vote in votes if vote.stage == former.number and vote.agrees]
    return max([since, *last]) if since is not None else None


def kinds_in_charge(stage: Stage, situation: Situation, *, since: datetime) -> list[Kind]:
    """The stage's own kind, and those next in line while nobody there can act, or when the time to escalate has come."""
    kinds = [stage.kind]
    late = stage.escalate_hours is not None and situation.now >= since + timedelta(
        hours=stage.escalate_hours
    )
    if late and stage.kind in NEXT_IN_LINE:
        kinds.append(NEXT_IN_LINE[stage.kind])
    while kinds[-1] in NEXT_IN_LINE and not _anybody(stage, kinds[-1], situation):
        kinds.append(NEXT_IN_LINE[kinds[-1]])
    return kinds


def capacities(plan: Plan, situation: Situation, *, actor: int) -> list[Capacity]:
    """Every way in which `actor` may act now, stage by stage, in their own name first."""
    if actor not in situation.approvers or not _unbiased(plan, situation, actor):
        return []
    named = [actor, *sorted(_represented(situation, actor))]
    found: list[Capacity] = []
    for stage, since in open_stages(plan, situation.votes, asked_at=situation.asked_at):
        if _acted(plan, situation, stage, actor):
            continue
        kinds = kinds_in_charge(stage, situation, since=since)
        found += [
            Capacity(stage.number, person)
            for person in named
            if _unbiased(plan, situation, person)
            and not _acted(plan, situation, stage, person)
            and any(_is_of(stage, kind, person, situation) for kind in kinds)
        ]
    return found


def in_charge(plan: Plan, situation: Situation) -> frozenset[int]:
    """The people to tell that something waits for them: who is there, or who acts for them, where the kind is named."""
    found: set[int] = set()
    for stage, since in open_stages(plan, situation.votes, asked_at=situation.asked_at):
        for kind in kinds_in_charge(stage, situation, since=since):
            for person in situation.holders.get(_key(stage, kind), frozenset()):
                found |= {
                    each
                    for each in _acting_for(situation, person)
                    if _unbiased(plan, situation, each)
                    and _unbiased(plan, situation, person)
                    and not _acted(plan, situation, stage, each)
                }
    return frozenset(found)


def _anybody(stage: Stage, kind: Kind, situation: Situation) -> bool:
    """Whether enough people of this kind are there, or have somebody who acts for them, besides those who profit."""
    people = situation.holders.get(_key(stage, kind), frozenset())
    present = {
        person
        for person in people
        if person not in _parties(situation) and _acting_for(situation, person)
    }
    needed = stage.needed if kind is stage.kind else 1
    return len(present) >= needed


def _acting_for(situation: Situation, person: int) -> set[int]:
    """Who acts for `person` now: themselves unless they are away, and their delegates, never who profits."""
    own = [deputy for deputy in situation.deputies if deputy.person == person]
    acting = {deputy.delegate for deputy in own if deputy.delegate is not None}
    if all(deputy.delegate is not None for deputy in own):
        acting.add(person)
    return acting - _parties(situation)


def _represented(situation: Situation, actor: int) -> set[int]:
    return {each.person for each in situation.deputies if each.delegate == actor} - {actor}


def _is_of(stage: Stage, kind: Kind, person: int, situation: Situation) -> bool:
    if kind is Kind.APPROVER:
        return person in situation.approvers
    return person in situation.holders.get(_key(stage, kind), frozenset())


def _key(stage: Stage, kind: Kind) -> str:
    return f"group:{stage.group}" if kind is Kind.GROUP else str(kind)


def _acted(plan: Plan, situation: Situation, stage: Stage, person: int) -> bool:
    """Whether the person has had their say: in this stage, or in any where two stages need two people."""
    return any(
        person in (vote.by, vote.in_name_of)
        and (plan.different_people or vote.stage == stage.number)
        for vote in situation.votes
    )


def _unbiased(plan: Plan, situation: Situation, person: int) -> bool:
    """Nobody who profits, nobody who stands for them or for whom they stand, and of no rival group in common."""
    parties = _parties(situation)
    if person in parties:
        return False
    if any(_ties(each, person, parties) for each in situation.deputies):
        return False
    nobody: frozenset[str] = frozenset()
    shared = situation.groups.get(person, nobody) & situation.groups.get(
        situation.requester, nobody
    )
    return shared.isdisjoint(plan.rivals)


def _parties(situation: Situation) -> frozenset[int]:
    """Those who profit from a yes."""
    return situation.interested | {situation.requester}


def _ties(deputy: Deputy, person: int, parties: frozenset[int]) -> bool:
    return (deputy.person == person and deputy.delegate in parties) or (
        deputy.delegate == person and deputy.person in parties
    )
