"""Statements that go to the server together: what comes back, and what a failure among them leaves."""

import uuid
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from catalog.models import RunEvent
from catalog.services.openlineage import record_event, sql
from catalog.services.openlineage.sql import RoundTrip, fetch
from tests.catalog.world import dataset, run_event

pytestmark = pytest.mark.django_db(transaction=True)

A_UUID = uuid.UUID("0198a3b1-7c1e-7d32-9a30-000000000001")
VALUES = {
    "bigint": [0, -1, (1 << 63) - 1, -(1 << 63), None],
    "boolean": [True, False, None],
    "bytea": [b"", b"\x00\xff" * 40, None],
    "text": ["", "a\x1fb", "ä€🙂", None],
    "timestamptz": [
        datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
        None,
    ],
    "uuid": [A_UUID, None],
}
INSERT_JOB = """
INSERT INTO catalog_job (uuid, namespace, name, type, description, facets, facet_stamps, edges_hash, created_at, updated_at)
SELECT uuid, 'n', name, '', '', '{}', '{}', '', now(), now()
  FROM unnest(%s::uuid[], %s::text[]) AS q (uuid, name)
"""
COUNT_JOBS = "SELECT count(*) FROM catalog_job"


@pytest.mark.parametrize("element", VALUES)
def test_arrays_arrive_as_they_are(element):
    rows = fetch(f"SELECT * FROM unnest(%s::{element}[]) WITH ORDINALITY", [VALUES[element]])
    assert [row[0] for row in rows] == VALUES[element]
    assert fetch(f"SELECT cardinality(%s::{element}[])", [[]]) == [(0,)]


def test_json_arrives_as_it_is():
    text = '{"a":[1,"€"]}'
    rows = fetch("SELECT value::text FROM unnest(%s::jsonb[]) AS q (value)", [[text, None]])
    assert rows == [('{"a": [1, "€"]}',), (None,)]


def test_answers_belong_to_their_statements():
    trip = RoundTrip()
    first = trip.send("SELECT * FROM unnest(%s::bigint[])", [[1, 2]])
    none = trip.send_if([], "SELECT * FROM unnest(%s::bigint[])")
    again = trip.send("SELECT * FROM unnest(%s::bigint[])", [[3]])
    trip.run()
    assert (first.rows, none.rows, again.rows) == ([(1,), (2,)], [], [(3,)])


def test_more_than_the_network_holds_at_once_goes_both_ways():
    big = "x" * 8_000_000
    trip = RoundTrip()
    answers = [trip.send("SELECT * FROM unnest(%s::text[])", [[big]]) for _ in range(3)]
    trip.run()
    assert [len(each.rows[0][0]) for each in answers] == [len(big)] * 3


def test_a_failure_undoes_the_round_trip_and_the_connection_lives():
    trip = RoundTrip()
    trip.send(INSERT_JOB, [[A_UUID], ["one"]])
    trip.send(INSERT_JOB, [[A_UUID], ["two"]])
    trip.send("COMMIT")
    with pytest.raises(IntegrityError), transaction.atomic():
        trip.run()
    assert fetch(COUNT_JOBS, []) == [(0,)]


def test_a_commit_on_the_way_is_one():
    with transaction.atomic():
        trip = RoundTrip()
        trip.send(INSERT_JOB, [[A_UUID], ["one"]])
        trip.send("COMMIT")
        trip.run()
        connection.connection.rollback()
    assert fetch(COUNT_JOBS, []) == [(1,)]


def test_without_a_commit_the_caller_decides():
    with transaction.atomic():
        trip = RoundTrip()
        trip.send(INSERT_JOB, [[A_UUID], ["one"]])
        trip.run()
        transaction.set_rollback(True)
    assert fetch(COUNT_JOBS, []) == [(0,)]


def test_statements_that_the_server_forgot_are_prepared_anew():
    fetch(COUNT_JOBS, [])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with pytest.raises(OperationalError):
        fetch(COUNT_JOBS, [])
    assert fetch(COUNT_JOBS, []) == [(0,)]


def small(number, *, kind="COMPLETE", run=None):
    return run_event(
        run=f"0198a3b1-7c1e-7d32-9a30-{number if run is None else run:012d}",
        at=f"2026-01-01T10:{number:02d}:00Z",
        kind=kind,
        inputs=[dataset("a", fields=["x"])],
        outputs=[dataset("b", fields=["y"])],
    )


def test_an_event_outlives_forgotten_statements_and_a_lost_connection():
    record_event(event=small(0), sender=None)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    record_event(event=small(1), sender=None)
    backend = connection.connection.info.backend_pid
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
    other.close()
    record_event(event=small(2), sender=None)
    assert RunEvent.objects.count() == 3


@pytest.fixture
def trips(monkeypatch):
    """The first word of each statement, by round trip."""
    seen = []
    exchange = sql._exchange

    def counting(own, answers):
        seen.append([each.text.split()[0] for each in answers])
        exchange(own, answers)

    monkeypatch.setattr(sql, "_exchange", counting)
    return seen


def test_a_known_job_costs_two_round_trips(trips):
    for number in range(2):
        record_event(event=small(number), sender=None)
    trips.clear()
    record_event(event=small(2), sender=None)
    assert trips == [
        ["BEGIN", "INSERT", *["SELECT"] * 6],
        ["INSERT", "UPDATE", "INSERT", "COMMIT"],
    ]


def test_a_run_that_ends_costs_two_round_trips_also_behind_a_later_one(trips):
    for number, kind in ((20, "START"), (30, "COMPLETE")):
        record_event(event=small(number, kind=kind, run=20), sender=None)
    for number, kind in ((1, "START"), (40, "START")):
        record_event(event=small(number, kind=kind, run=number), sender=None)
    trips.clear()
    # One that began before the last completed run, and ends now; and one that becomes the last.
    for run, number in ((1, 5), (40, 45)):
        record_event(event=small(number, run=run), sender=None)
    # What the first tells of its datasets was told later already: no stamp is raised.
    assert trips == [
        ["BEGIN", "INSERT", *["SELECT"] * 6],
        ["UPDATE", "UPDATE", "COMMIT"],
        ["BEGIN", "INSERT", *["SELECT"] * 6],
        ["UPDATE", "UPDATE", "UPDATE", "COMMIT"],
    ]
