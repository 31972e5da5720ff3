"""Keeping a lease alive while one long piece of work runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.db import DatabaseError, connection

log = structlog.get_logger(__name__)


@contextmanager
def heartbeat(beat: Callable[[], bool], *, every: float, name: str) -> Iterator[None]:
    """Call `beat` from a second thread each `every` seconds while the block runs, until it returns False.

    `beat` prolongs a lease in the database and says whether it was still held. A process that is killed stops
    beating, so its lease ends by itself. INVARIANT: nothing's safety rests on this; what commits proves its lease
    in the committing transaction.
    """
    stop = threading.Event()
    thread = threading.Thread(
        target=_beat_until, args=(stop, beat, every, name), name=f"heartbeat {name}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat_until(stop: threading.Event, beat: Callable[[], bool], every: float, name: str) -> None:
    try:
        while not stop.wait(every):
            if not beat():
                return
    except DatabaseError as error:
        # The lease then ends by itself, and the commit finds out.
        log.warning("lease is not prolonged", lease=name, error=type(error).__name__)
    finally:
        # Django's connections belong to threads: this one's goes with it.
        connection.close()
