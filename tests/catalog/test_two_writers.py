"""Two writers of the same job at once: no deadlock, and the state of one after the other."""

import threading

import pytest
from django.db import connection

from catalog.models import RunEvent
from catalog.services.openlineage import record_event
from tests.catalog.test_any_order import EVENTS
from tests.catalog.world import state


@pytest.mark.django_db(transaction=True)
def test_interleaved_writers_leave_what_one_writer_leaves() -> None:
    for event in EVENTS:
        record_event(event=event, sender=None)
    wanted = state()
    with connection.cursor() as cursor:
        # What runs use has no foreign keys (`RunDataset`), so that no cascade reaches it.
        cursor.execute(
            "TRUNCATE catalog_dataset, catalog_job, catalog_runevent, catalog_rundataset CASCADE"
        )

    failures: list[BaseException] = []

    def write(events) -> None:
        try:
            for event in events:
                record_event(event=event, sender=None)
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)
        finally:
            connection.close()

    writers = [
        threading.Thread(target=write, args=(events,))
        for events in (EVENTS, EVENTS[::-1], EVENTS[::2] + EVENTS[1::2])
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert failures == []
    assert RunEvent.objects.count() == len(EVENTS)
    assert state() == wanted
