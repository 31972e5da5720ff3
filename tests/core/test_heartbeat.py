"""A heartbeat beats while the block runs, stops with it, and stops when the lease is lost."""

import threading

import pytest

from core.heartbeat import heartbeat

EVERY = 0.02


@pytest.mark.django_db(transaction=True)
def test_it_beats_while_the_block_runs_and_stops_with_it():
    beats: list[int] = []
    third = threading.Event()

    def beat() -> bool:
        beats.append(1)
        if len(beats) == 3:
            third.set()
        return True

    with heartbeat(beat, every=EVERY, name="test"):
        assert third.wait(10)
    after = len(beats)
    assert not any(thread.name == "heartbeat test" for thread in threading.enumerate())
    assert len(beats) == after


@pytest.mark.django_db(transaction=True)
def test_it_stops_when_the_lease_is_lost():
    beats: list[int] = []
    lost = threading.Event()

    def beat() -> bool:
        beats.append(1)
        lost.set()
        return False

    with heartbeat(beat, every=EVERY, name="test"):
        assert lost.wait(10)
        threading.Event().wait(EVERY * 5)
    assert len(beats) == 1
