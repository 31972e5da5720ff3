"""Group commit: what waits is recorded together, each event for itself, and nobody waits for ever."""

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection

from catalog.lineage.events import parse_event
from catalog.models import RunEvent
from catalog.services.openlineage import group_commit
from catalog.services.openlineage.group_commit import GroupCommit
from core.errors import UnavailableError
from tests.catalog.world import dataset, run_event

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 6


def make(number):
    event = run_event(
        run=f"0198a3b1-7c1e-7d32-9a30-{number:012d}",
        job=f"job{number % 3}",
        at="2026-01-01T10:00:00Z",
        inputs=[dataset("a")],
        outputs=[dataset(f"b{number % 3}")],
    )
    return parse_event(event)


@pytest.fixture
def sizes(monkeypatch):
    """How many events each transaction was given."""
    seen = []
    record = group_commit.record_events

    def counting(items):
        seen.append(len(items))
        return record(items)

    monkeypatch.setattr(group_commit, "record_events", counting)
    return seen


def record_at_once(queue, events):
    """Record each event in a thread of its own, all of them waiting when the first gets its turn."""

    def record(event):
        try:
            return queue.record([(event, None)])[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(len(events)) as pool:
        with led(queue, count=len(events)):
            found = [pool.submit(record, event) for event in events]
        return [each.result(timeout=60) for each in found]


@contextmanager
def led(queue, *, count):
    """Lead the queue until `count` tickets wait, then hand the lead over."""
    queue._is_led = True
    yield
    deadline = time.monotonic() + 20
    while len(queue._queue) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    queue._pass_on()


def test_what_waits_is_one_transaction(sizes):
    queue = GroupCommit()
    assert record_at_once(queue, [make(n) for n in range(THREADS)]) == [None] * THREADS
    assert sizes == [THREADS]
    assert RunEvent.objects.count() == THREADS
    assert (queue._waiting, len(queue._queue)) == (0, 0)


def test_an_event_that_cannot_be_stored_fails_alone(sizes):
    too_long = dataclasses.replace(make(1), type="X" * 30)
    found = record_at_once(GroupCommit(), [make(0), too_long, make(2), make(3)])
    assert [type(each).__name__ for each in found] == ["NoneType", "DataError", *["NoneType"] * 2]
    assert sizes == [4]
    assert RunEvent.objects.count() == 3


def test_a_transaction_takes_no_more_than_its_share(sizes, monkeypatch):
    monkeypatch.setattr(group_commit, "MAX_BATCH", 4)
    assert record_at_once(GroupCommit(), [make(n) for n in range(THREADS)]) == [None] * THREADS
    assert sizes == [4, 2]


def test_a_leader_waits_for_as_many_as_came_last_time(sizes, monkeypatch):
    monkeypatch.setattr(group_commit, "GATHER_SECONDS", 20)
    queue = GroupCommit()
    record_at_once(queue, [make(n) for n in range(THREADS)])

    def record(event):
        try:
            return queue.record([(event, None)])
        finally:
            connection.close()

    # One after the other, nobody leads meanwhile: the first waits for the rest, and the last wakes it.
    with ThreadPoolExecutor(THREADS) as pool:
        found = [pool.submit(record, make(n)) for n in range(THREADS, 2 * THREADS)]
        assert [each.result(timeout=15) for each in found] == [[None]] * THREADS
    assert sizes == [THREADS, THREADS]


def test_a_leader_waits_no_longer_than_it_may(sizes, monkeypatch):
    monkeypatch.setattr(group_commit, "GATHER_SECONDS", 0.01)
    queue = GroupCommit()
    record_at_once(queue, [make(n) for n in range(THREADS)])
    assert queue.record([(make(THREADS), None)]) == [None]
    assert queue._expected == 1
    assert sizes == [THREADS, 1]


def test_a_full_queue_refuses(monkeypatch):
    monkeypatch.setattr(group_commit, "MAX_WAITING", 2)
    queue = GroupCommit()
    with pytest.raises(UnavailableError) as refused:
        queue.record([(make(n), None) for n in range(3)])
    assert refused.value.data == {"retry_after": 1}
    assert queue.record([(make(0), None)]) == [None]


def test_a_writer_that_dies_tells_those_who_wait(monkeypatch):
    def die(items):
        raise SystemExit

    monkeypatch.setattr(group_commit, "record_events", die)
    queue = GroupCommit()
    found = []

    def record(event):
        try:
            found.append(queue.record([(event, None)])[0])
        except SystemExit:
            found.append("ended")

    threads = [threading.Thread(target=record, args=(make(n),)) for n in range(3)]
    with led(queue, count=len(threads)):
        for each in threads:
            each.start()
    for each in threads:
        each.join(20)
    assert sorted(str(each) for each in found) == ["ended", *["the writer was stopped"] * 2]
    assert RunEvent.objects.count() == 0
