"""Hold beats retention beats tiering: what may happen to the bytes of a dataset, and what stands against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Cause(StrEnum):
    """Why bytes are to go."""

    ERASURE = "erasure"  # a person's data, on request
    RETENTION = "retention"  # a rule says that its time is over
    TIERING = "tiering"  # a verified copy lies elsewhere
    UPKEEP = "upkeep"  # expired snapshots, orphans, replaced content, a dropped table


class What(StrEnum):
    """What of a dataset a rule deletes."""

    ROWS = "rows"
    SNAPSHOTS = "snapshots"
    OBJECTS = "objects"
    DATASET = "dataset"


class Act(StrEnum):
    """What happens to a thing of which several want something."""

    KEEP = "keep"
    DELETE = "delete"
    MOVE = "move"


@dataclass(frozen=True, kw_only=True)
class Term:
    """What one rule says of a dataset: nothing younger than `keep_for` goes; `what` goes when older than `delete_after`."""

    rule: str
    keep_for: timedelta | None = None
    what: What | None = None
    column: str = ""
    delete_after: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`beaten_by` is "hold" or "retention" where it is not allowed; `reasons` are for people."""

    allowed: bool
    beaten_by: str = ""
    reasons: tuple[str, ...] = ()


ALLOWED = Verdict(allowed=True)


def decide_deletion(
    cause: Cause, *, holds: Sequence[str], terms: Sequence[Term], age: timedelta | None
) -> Verdict:
    """Whether bytes of this `age` (None: not known) may be deleted for this cause.

    A hold stands against every cause. A rule that keeps stands against erasure and other rules; tiering and upkeep
    delete no data that is not elsewhere or replaced, so it does not stand against them. What age is not known is
    taken for young.
    """
    if holds:
        return Verdict(allowed=False, beaten_by="hold", reasons=tuple(holds))
    if cause in (Cause.TIERING, Cause.UPKEEP):
        return ALLOWED
    keeping = [
        f"rule `{each.rule}` keeps it for {each.keep_for.days} days"
        for each in terms
        if each.keep_for is not None and (age is None or age < each.keep_for)
    ]
    if keeping:
        return Verdict(allowed=False, beaten_by="retention", reasons=tuple(keeping))
    return ALLOWED


def choose_act(
    *, holds: Sequence[str], terms: Sequence[Term], age: timedelta, tier_wants_it: bool
) -> Act:
    """What happens to a thing of this age on which a hold, rules and a tier policy may all bear."""
    overdue = any(each.delete_after is not None and age >= each.delete_after for each in terms)
    verdict = decide_deletion(Cause.RETENTION, holds=holds, terms=terms, age=age)
    if overdue and verdict.allowed:
        return Act.DELETE
    return Act.MOVE if tier_wants_it and not holds else Act.KEEP


def cutoff(term: Term, terms: Sequence[Term], *, now: datetime) -> datetime:
    """The instant before which what `term` deletes may go: its own, or that of whoever keeps longest."""
    spans = [term.delete_after, *(each.keep_for for each in terms)]
    return now - max(span for span in spans if span is not None)
