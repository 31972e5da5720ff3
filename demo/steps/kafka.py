"""Ingestion from Kafka: flights and bookings, landed exactly once as Iceberg tables."""

import time
from typing import Any

from demo.passengers import generate_passengers
from demo.progress import bar, say
from demo.topics import Produced, count_records, create_topic, produce, read_flights
from demo.world import INGEST_SERVICE, World

FLIGHTS_TOPIC, BOOKINGS_TOPIC = "demo.flights", "demo.bookings"
BOOKINGS = 120_000
BROKEN_EVERY = 4_000
LAND_SECONDS = 300


def columns(text: str) -> list[dict[str, Any]]:
    """`name type` lines as the API wants columns; a `!` after the type makes one required."""
    rows = [line.split() for line in text.strip().splitlines()]
    return [
        {"name": name, "type": kind.rstrip("!"), "required": kind.endswith("!")}
        for name, kind in rows
    ]


FLIGHT_COLUMNS = columns("""
    year int!
    month int!
    day int!
    dep_time int
    sched_dep_time int
    dep_delay double
    arr_time int
    sched_arr_time int
    arr_delay double
    carrier string!
    flight int!
    tailnum string
    origin string!
    dest string!
    air_time double
    distance double
    hour int
    minute int
    time_hour timestamptz
""")
BOOKING_COLUMNS = columns("""
    booking_id long!
    name string!
    email string!
    card_number string!
    region string!
    carrier string
    flight int
    month int
    day int
    fare double
    booked_at timestamptz
""")


def run(world: World) -> None:
    """Produce both topics at full speed, make the sources, and wait until all of it has landed."""
    flights = read_flights(world.cache / "inputs" / "csv" / "flights.csv")
    world.figures["flights in the file"] = len(flights)
    _produce(world, FLIGHTS_TOPIC, flights, total=len(flights))
    bookings = generate_passengers(flights, count=BOOKINGS)
    _produce(world, BOOKINGS_TOPIC, bookings, total=BOOKINGS)
    for source in (
        _source("flights", FLIGHTS_TOPIC, "raw", FLIGHT_COLUMNS, partition_by="month"),
        _source("bookings", BOOKINGS_TOPIC, "people", BOOKING_COLUMNS),
    ):
        waiting = world.admin.create("/api/v1/ingestion/sources", source) is not None
        world.admin.post(f"/api/v1/ingestion/sources/{source['name']}/land")
    started = time.monotonic()
    for name, topic in (("flights", FLIGHTS_TOPIC), ("bookings", BOOKINGS_TOPIC)):
        _wait_until_landed(world, name, topic)
    seconds = time.monotonic() - started
    total = sum(each.total for each in world.produced.values())
    if waiting:
        world.figures["records landed a second, waiting for the worker included"] = round(
            total / seconds
        )


def _source(
    name: str, topic: str, namespace: str, fields: list[dict[str, Any]], *, partition_by: str = ""
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "kafka",
        "config": {"topic": topic},
        "namespace": namespace,
        "table": name,
        "format": "json",
        "columns": fields,
        "partition_by": [{"field": partition_by}] if partition_by else [],
        "owner": INGEST_SERVICE,
    }


def _produce(world: World, topic: str, rows: Any, *, total: int) -> None:
    expected = Produced(good=total, broken=total // BROKEN_EVERY)
    create_topic(topic)
    there = count_records(topic)
    if there == expected.total:
        say(f"{topic}: {there:,} records are there from an earlier run")
        world.produced[topic] = expected
        return
    if there:
        raise SystemExit(f"topic `{topic}` has {there} records; run with RESET=1 to begin anew")
    started = time.monotonic()
    with bar(f"produce {topic}", expected.total) as advance:
        world.produced[topic] = produce(topic, rows, broken_every=BROKEN_EVERY, progress=advance)
    rate = expected.total / (time.monotonic() - started)
    say(
        f"{topic}: {expected.good:,} records and {expected.broken} broken ones, {rate:,.0f} a second"
    )


def _wait_until_landed(world: World, name: str, topic: str) -> None:
    made = world.produced[topic]
    deadline = time.monotonic() + LAND_SECONDS
    with bar(f"land {name}", made.total) as advance:
        while True:
            status = world.admin.get(f"/api/v1/ingestion/sources/{name}")
            done = status["landed"] + status["rejected"]
            advance(done)
            if done >= made.total:
                break
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"source `{name}` landed {done} of {made.total} in {LAND_SECONDS} s"
                )
            time.sleep(0.3)
    say(f"{name}: {status['landed']:,} landed, {status['rejected']} dead letters")
    world.claim(f"{name}: rows landed", expected=made.good, found=status["landed"])
    world.claim(f"{name}: dead letters", expected=made.broken, found=status["rejected"])
