"""Group commit: what the threads of a process record at the same time goes into one transaction.

A thread leaves its events in the queue and waits for the turn to write. Whoever has the turn takes all that wait, so
that under load the cost of a transaction (its round trips, its flush to disk) is shared by many events, and alone an
event waits for nobody. One writer a process: more would only wait for each other's row locks.
"""

import threading
from collections import deque
from collections.abc import Sequence

from django.db import connection

from catalog.lineage.events import Event
from catalog.services.openlineage.recording import MAX_BATCH, record_events
from catalog.services.openlineage.runs import parse_ahead
from core.errors import UnavailableError

# More than the threads of a server hold at a time; past it the producer is told to come again.
MAX_WAITING = 2_000
RETRY_AFTER_SECONDS = 1

Outcome = Exception | None


class _Ticket:
    """A thread's events, and what became of them."""

    __slots__ = ("items", "outcomes")

    def __init__(self, items: Sequence[tuple[Event, int | None]]) -> None:
        self.items = items
        self.outcomes: list[Outcome] | None = None


class GroupCommit:
    """The queue of one process. INVARIANT: a ticket in no batch is in the queue; `_waiting` counts the queue's events."""

    def __init__(self) -> None:
        self._queue: deque[_Ticket] = deque()
        self._waiting = 0
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def record(self, items: Sequence[tuple[Event, int | None]]) -> list[Outcome]:
        """`record_events`, together with what other threads record. UnavailableError if too much waits already."""
        ticket = _Ticket(items)
        with self._lock:
            if self._waiting + len(items) > MAX_WAITING:
                raise UnavailableError(
                    "too many events wait to be recorded", retry_after=RETRY_AFTER_SECONDS
                )
            self._queue.append(ticket)
            self._waiting += len(items)
        with self._turn:
            while ticket.outcomes is None:
                self._write(self._take())
        return ticket.outcomes

    def _take(self) -> list[_Ticket]:
        """The first tickets in the queue, one at least, of as many events as one transaction takes."""
        taken: list[_Ticket] = []
        with self._lock:
            room = MAX_BATCH
            while self._queue and (not taken or len(self._queue[0].items) <= room):
                taken.append(self._queue.popleft())
                room -= len(taken[-1].items)
            self._waiting -= sum(len(each.items) for each in taken)
        return taken

    def _write(self, tickets: Sequence[_Ticket]) -> None:
        try:
            outcomes = record_events([item for each in tickets for item in each.items])
        except BaseException as error:
            # Whatever it is, nobody waits for ever: the others are told that it failed, this thread raises it.
            for each in tickets:
                each.outcomes = [_as_failure(error)] * len(each.items)
            raise
        start = 0
        for each in tickets:
            each.outcomes = outcomes[start : start + len(each.items)]
            start += len(each.items)


def _as_failure(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else UnavailableError("the writer was stopped")


_of_this_process = GroupCommit()


def record_together(items: Sequence[tuple[Event, int | None]]) -> list[Outcome]:
    """`record_events` by group commit; a caller that holds a transaction records in its own."""
    for event, _ in items:
        parse_ahead(event)
    if connection.in_atomic_block:
        return record_events(items)
    outcomes: list[Outcome] = []
    for start in range(0, len(items), MAX_BATCH):
        outcomes += _of_this_process.record(items[start : start + MAX_BATCH])
    return outcomes
