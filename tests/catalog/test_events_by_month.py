"""Raw events by month: tables made ahead, rows moved in, months thrown away; and runs that fall silent."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from catalog.models import Dataset, Run, RunEvent
from catalog.services.events import make_event_partitions, sweep_events
from catalog.services.openlineage import record_event
from catalog.services.runs import mark_stale_runs
from core.errors import InvalidInputError
from governance.models import AuditRecord
from tests.catalog.world import dataset, run_event

pytestmark = pytest.mark.django_db
NOW = datetime(2031, 5, 20, tzinfo=UTC)
OWN = ["2031_05", "2031_06", "2031_07"]


def record(number, at, **more):
    event = run_event(
        run=f"0198a3b1-7c1e-7d32-9a30-{number:012d}", at=at, outputs=[dataset("b")], **more
    )
    record_event(event=event, sender=None)
    return event


def where():
    """The partition of each event, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM catalog_runevent ORDER BY event_time")
        return [row[0].removeprefix("catalog_runevent_") for row in cursor.fetchall()]


def test_months_get_tables_and_rows_move_into_them():
    first = record(1, "2031-04-30T23:59:59.999999Z")
    record(2, "2031-05-01T00:00:00Z")
    record(3, "1999-01-01T00:00:00Z")
    assert where() == ["default"] * 3
    assert make_event_partitions(now=NOW) == [
        f"catalog_runevent_{each}" for each in ("2031_04", *OWN)
    ]
    record(4, "2031-07-31T10:00:00Z")
    record(5, "2031-08-01T00:00:00Z")
    assert where() == ["default", "2031_04", "2031_05", "2031_07", "default"]
    assert make_event_partitions(now=NOW) == []
    record_event(event=first, sender=None)  # the same event is known in its new place
    assert RunEvent.objects.count() == 5
    assert RunEvent.objects.get(run_id="0198a3b1-7c1e-7d32-9a30-000000000001").payload == first


def test_old_months_go_whole_after_a_dry_run():
    for number, at in enumerate(("1999-01-01", "2031-03-10", "2031-04-10", "2031-05-10")):
        record(number, f"{at}T10:00:00Z")
    make_event_partitions(now=NOW)
    audited = AuditRecord.objects.count()
    older_than = timedelta(days=30)  # since 20 April: all of March is older, April is not
    found = sweep_events(older_than=older_than, now=NOW)
    assert (found.partitions, found.stray_rows) == (("catalog_runevent_2031_03",), 1)
    assert found.size > 0
    assert len(where()) == 4
    assert AuditRecord.objects.count() == audited

    assert sweep_events(older_than=older_than, dry_run=False, now=NOW).removed
    assert where() == ["2031_04", "2031_05"]
    assert AuditRecord.objects.filter(action="events.remove").count() == 1
    found = sweep_events(older_than=older_than, dry_run=False, now=NOW)
    assert (found.partitions, found.stray_rows) == ((), 0)
    assert AuditRecord.objects.filter(action="events.remove").count() == 1
    assert (Run.objects.count(), Dataset.objects.count()) == (4, 1)  # what followed from them stays


def test_events_of_today_are_never_swept():
    with pytest.raises(InvalidInputError):
        sweep_events(older_than=timedelta(hours=1), dry_run=False)


def test_the_command_says_what_it_found(capsys):
    record(1, "2001-02-03T10:00:00Z")
    call_command("sweep_events", "30")
    assert "0 months (0 bytes) and 1 other events" in capsys.readouterr().out
    assert RunEvent.objects.count() == 1
    call_command("sweep_events", "30", "--delete")
    assert capsys.readouterr().out.endswith("removed\n")
    assert RunEvent.objects.count() == 0


def test_one_table_is_asked_for_the_events_of_a_time():
    make_event_partitions(now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN SELECT * FROM catalog_runevent WHERE event_time >= '2031-06-02' AND event_time < '2031-06-09'"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "catalog_runevent_2031_06" in plan
    assert "Append" not in plan


def test_a_silent_run_is_stale_until_its_next_event():
    record(1, "2031-05-18T10:00:00Z", kind="START")
    record(2, "2031-05-19T22:00:00Z", kind="START")
    record(3, "2031-05-10T10:00:00Z")
    assert mark_stale_runs(silent_for=timedelta(hours=24), now=NOW) == 1
    stale = Run.objects.exclude(stale_at=None).get()
    assert (stale.pk.int & 0xFF, stale.stale_at) == (1, NOW)
    assert mark_stale_runs(silent_for=timedelta(hours=24), now=NOW) == 0
    record(1, "2031-05-20T01:00:00Z", kind="RUNNING")
    assert Run.objects.get(pk=stale.pk).stale_at is None
