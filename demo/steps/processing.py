"""Processing: Spark cleans, joins and aggregates the raw tables into curated and feature tables."""

import time
from typing import Any

from demo.progress import bar, say
from demo.steps.people import DOMAIN
from demo.world import SPARK_SERVICE, World

RUN_SECONDS = 420
NAME = "refine_flights"

CURATED_FLIGHTS = """
SELECT f.year, f.month, f.day, f.hour, f.carrier, a.name AS airline, f.flight, f.tailnum,
       f.origin, f.dest, f.distance, f.dep_delay, f.arr_delay, f.arr_delay IS NULL AS cancelled,
       p.manufacturer, p.seats, w.temp, w.wind_speed, w.precip, w.visib
FROM raw.flights f
LEFT JOIN raw.airlines a ON a.carrier = f.carrier
LEFT JOIN raw.planes p ON p.tailnum = f.tailnum
LEFT JOIN (
    SELECT origin, month, day, hour, avg(temp) AS temp, avg(wind_speed) AS wind_speed,
           avg(precip) AS precip, avg(visib) AS visib
    FROM raw.weather GROUP BY origin, month, day, hour
) w ON w.origin = f.origin AND w.month = f.month AND w.day = f.day AND w.hour = f.hour
"""
PASSENGERS = """
SELECT b.booking_id, b.name, b.email, b.card_number, b.region, a.name AS airline, b.flight,
       b.month, b.day, b.fare
FROM people.bookings b
LEFT JOIN raw.airlines a ON a.carrier = b.carrier
"""
FEATURES = """
SELECT cast(month AS double) AS month, cast(hour AS double) AS hour, distance,
       coalesce(temp, 55.0) AS temp, coalesce(wind_speed, 10.0) AS wind_speed,
       coalesce(precip, 0.0) AS precip, coalesce(visib, 10.0) AS visib,
       cast(coalesce(seats, 150) AS double) AS seats,
       CASE WHEN arr_delay > 15 THEN 1 ELSE 0 END AS late
FROM curated.flights WHERE NOT cancelled
"""
STEPS: list[dict[str, Any]] = [
    {
        "name": "flights",
        "sql": CURATED_FLIGHTS,
        "output": "curated.flights",
        "checks": [
            {"name": "origin is known", "kind": "not_null", "columns": ["origin"]},
            {
                "name": "origin is a New York airport",
                "kind": "accepted_values",
                "columns": ["origin"],
                "values": ["EWR", "JFK", "LGA"],
            },
        ],
    },
    {
        "name": "passengers",
        "sql": PASSENGERS,
        "output": "people.passengers",
        "checks": [{"name": "one row a booking", "kind": "unique", "columns": ["booking_id"]}],
    },
    {
        "name": "features",
        "sql": FEATURES,
        "output": "features.flight_delays",
        "checks": [{"name": "there are rows", "kind": "row_count", "min": 100_000}],
    },
]


def run(world: World) -> None:
    """Declare the pipeline, run it on Spark, and wait for its end."""
    pipeline = _pipeline(world)
    run_ = world.admin.post(f"/api/v1/processing/pipelines/{pipeline['uuid']}/runs")
    started = time.monotonic()
    with bar("Spark", None):
        while run_["state"] not in {"succeeded", "failed", "cancelled", "completed"}:
            if time.monotonic() - started > RUN_SECONDS:
                raise SystemExit(f"the pipeline is still {run_['state']} after {RUN_SECONDS} s")
            time.sleep(1)
            run_ = world.admin.get(f"/api/v1/processing/runs/{run_['uuid']}")
    if run_["state"] in {"failed", "cancelled"}:
        raise SystemExit(f"the pipeline failed: {run_['error']}\n{run_.get('log_tail', '')}")
    for name in ("curated.flights", "people.passengers", "features.flight_delays"):
        rows = _rows(world, name)
        world.figures[f"rows of {name}"] = rows
        say(f"{name}: {rows:,} rows")
    flights = world.figures["flights in the file"]
    world.claim(
        "curated.flights: one row a flight",
        expected=flights,
        found=world.figures["rows of curated.flights"],
    )


def _pipeline(world: World) -> dict[str, Any]:
    body = {
        "name": NAME,
        "domain": DOMAIN,
        "definition": {"steps": STEPS},
        "run_as": SPARK_SERVICE,
        "description": "Clean, join and aggregate flights; curate passengers; make features.",
    }
    made = world.admin.create("/api/v1/processing/pipelines", body)
    if made is None:
        made = world.admin.items("/api/v1/processing/pipelines", name=NAME)[0]
    pipeline: dict[str, Any] = made
    return pipeline


def _rows(world: World, name: str) -> int:
    """Rows of the table's current version, as its own metadata counts them."""
    uuid = world.dataset(name)["uuid"]
    version = world.admin.get(f"/api/v1/catalog/datasets/{uuid}")["current_version"]
    return int(version["statistics"]["rows"])
