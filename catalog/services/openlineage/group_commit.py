"""Group commit: what the threads of a process record at the same time goes into one transaction.

A thread leaves its events in the queue; if nobody writes it leads, else it waits. Who leads takes all that wait, so
that under load the cost of a transaction (its round trips, its flush to disk) is shared by many events, and then hands
the lead to the first who came meanwhile. One writer a process: more would only wait for each other's row locks.

Whoever was in the last transaction is likely to send again soon, so a leader waits a moment for as many as it had, and
as came while it was written.
A producer that is alone waits for nobody.
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
# As long as a few clients take to come back, and less than anybody minds.
GATHER_SECONDS = 0.004

Outcome = Exception | None


class _Ticket:
    """A thread's events, and what became of them; `called` is free once the thread has something to do."""

    __slots__ = ("called", "items", "outcomes")

    def __init__(self, items: Sequence[tuple[Event, int | None]]) -> None:
        self.items = items
        self.outcomes: list[Outcome] | None = None
        self.called = threading.Lock()
        self.called.acquire()


class GroupCommit:
    """The queue of one process.

    INVARIANT: a ticket in no batch is in the queue; `_waiting` counts the queue's events; while `_is_led`, one thread
    writes or is called to.
    """

    def __init__(self) -> None:
        self._queue: deque[_Ticket] = deque()
        self._waiting = 0
        self._is_led = False
        # Tickets of the last transaction, and with those that came meanwhile: as many are expected in the next.
        self._taken = 0
        self._expected = 1
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)

    def record(self, items: Sequence[tuple[Event, int | None]]) -> list[Outcome]:
        """`record_events`, together with what other threads record. UnavailableError if too much waits already."""
        ticket = _Ticket(items)
        if not self._join(ticket):
            ticket.called.acquire()
        if ticket.outcomes is None:
            try:
                self._write(self._take())
            finally:
                self._pass_on()
        return ticket.outcomes or []

    def _join(self, ticket: _Ticket) -> bool:
        """Queue it, and tell whether its thread is to lead at once."""
        with self._lock:
            if self._waiting + len(ticket.items) > MAX_WAITING:
                raise UnavailableError(
                    "too many events wait to be recorded", retry_after=RETRY_AFTER_SECONDS
                )
            self._queue.append(ticket)
            self._waiting += len(ticket.items)
            if self._is_led:
                if self._is_gathered():
                    self._arrived.notify()
                return False
            self._is_led = True
            return True

    def _is_gathered(self) -> bool:
        return len(self._queue) >= self._expected or self._waiting >= MAX_BATCH

    def _take(self) -> list[_Ticket]:
        """The first tickets in the queue, one at least, of as many events as one transaction takes."""
        taken: list[_Ticket] = []
        with self._lock:
            self._arrived.wait_for(self._is_gathered, timeout=GATHER_SECONDS)
            room = MAX_BATCH
            while self._queue and (not taken or len(self._queue[0].items) <= room):
                taken.append(self._queue.popleft())
                room -= len(taken[-1].items)
            self._waiting -= sum(len(each.items) for each in taken)
            self._taken = len(taken)
        return taken

    def _write(self, tickets: Sequence[_Ticket]) -> None:
        try:
            outcomes = record_events([item for each in tickets for item in each.items])
        except BaseException as error:
            # Whatever it is, nobody waits for ever: the others are told that it failed, this thread raises it.
            for each in tickets:
                each.outcomes = [_as_failure(error)] * len(each.items)
                each.called.release()
            raise
        start = 0
        for each in tickets:
            each.outcomes = outcomes[start : start + len(each.items)]
            each.called.release()
            start += len(each.items)

    def _pass_on(self) -> None:
        """The first who came meanwhile leads."""
        with self._lock:
            self._expected = self._taken + len(self._queue)
            self._is_led = bool(self._queue)
            if self._queue:
                self._queue[0].called.release()


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
