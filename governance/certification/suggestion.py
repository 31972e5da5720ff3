"""What the recorded use of a grant suggests to who decides about it. A suggestion decides nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SETTLED_IN = timedelta(days=30)  # a grant younger than that may not have been needed yet
IDLE = timedelta(days=90)
MAX_NAMED = 5
# In place of names: all columns were handed out, and which were looked at is not known.
ALL_COLUMNS = "*"


class Advice(StrEnum):
    NONE = ""
    KEEP = "keep"
    NARROW = "narrow"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Usage:
    """Recorded reads under one grant, by whomever; `columns` are those that were handed out in the last 90 days.

    ALL_COLUMNS among them stands for every one.
    """

    last_at: datetime | None = None
    reads_30: int = 0
    reads_90: int = 0
    columns: frozenset[str] = frozenset()
    readers: int = 0

    def has_read(self, column: str) -> bool:
        """Whether the column was handed out, as far as is known."""
        return column in self.columns or ALL_COLUMNS in self.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is known of a grant. `columns` are those that it reaches; `labels` those of each. Only reads are recorded.

    `peers` are the people of the holder's groups, and `active_peers` those of them that read the same dataset in the last 90 days.
    `members` is how many people hold a group's grant.
    """

    is_read: bool
    is_active: bool
    granted_at: datetime
    columns: Sequence[str] = ()
    labels: Sequence[tuple[str, Collection[str]]] = ()
    peers: int = 0
    active_peers: int = 0
    members: int | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`columns` are those to keep where the advice is to narrow."""

    advice: Advice
    reasons: tuple[str, ...]
    columns: tuple[str, ...] = ()


def suggest(held: Held, usage: Usage, *, now: datetime) -> Suggestion:
    """The advice with its reasons, the strongest first."""
    if not held.is_active:
        return Suggestion(Advice.REVOKE, ("the account is not active", *_context(held, usage)))
    if not held.is_read:
        return Suggestion(Advice.NONE, ("only reads are recorded, not this right's use",))
    if usage.last_at is None or now - usage.last_at > IDLE:
        return _idle(held, usage, now=now)
    unread = [name for name in held.columns if not usage.has_read(name)]
    if unread and len(unread) < len(held.columns):
        kept = tuple(name for name in held.columns if usage.has_read(name))
        told = f"{len(unread)} of {len(held.columns)} columns were not read in 90 days: {_named(unread)}"
        return Suggestion(Advice.NARROW, (told, *_context(held, usage)), kept)
    return Suggestion(Advice.KEEP, (f"{usage.reads_90} reads in 90 days", *_context(held, usage)))


def _idle(held: Held, usage: Usage, *, now: datetime) -> Suggestion:
    if usage.last_at is None:
        told = f"not used since it was given {(now - held.granted_at).days} days ago"
    else:
        told = f"last used {(now - usage.last_at).days} days ago"
    is_new = usage.last_at is None and now - held.granted_at < SETTLED_IN
    advice = Advice.NONE if is_new else Advice.REVOKE
    return Suggestion(advice, (told, *_context(held, usage)))


def _context(held: Held, usage: Usage) -> tuple[str, ...]:
    found: list[str] = []
    labels = sorted({label for _, each in held.labels for label in each})
    if labels:
        found.append(f"bears {_named(labels)}")
    if held.members is not None:
        found.append(f"{usage.readers} of {held.members} members of the group used it")
    if held.peers:
        found.append(
            f"{held.active_peers} of {held.peers} people in the same groups read this in 90 days"
        )
    return tuple(found)


def _named(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
