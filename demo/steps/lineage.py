"""Catalog and lineage: everything is there by itself, and says where it came from, column by column."""

import os
from typing import Any

from demo.progress import say
from demo.steps.kafka import BOOKINGS_TOPIC, FLIGHTS_TOPIC
from demo.world import World

MAX_DEPTH = 20


def run(world: World) -> None:
    """Follow the feature table back to the topic and the files, and the e-mail column back to the bookings."""
    kafka = f"kafka://{os.environ['KAFKA_BOOTSTRAP_SERVERS'].split(',')[0]}"
    graph = _graph(world, "features.flight_delays", "/api/v1/lineage")
    names = {node["id"] for node in graph}
    edges = sum(len(node["outEdges"]) for node in graph)
    world.figures["lineage nodes above the feature table"] = len(graph)
    world.figures["lineage edges above the feature table"] = edges
    for node in (
        f"dataset:{kafka}:{FLIGHTS_TOPIC}",
        "dataset:lakewarden:raw.flights",
        "dataset:lakewarden:raw.weather",
        "dataset:lakewarden:curated.flights",
    ):
        world.claim(f"lineage of the features reaches {node}", expected=True, found=node in names)
    columns = _graph(world, "people.passengers", "/api/v1/column-lineage")
    fields = {node["id"] for node in columns}
    world.figures["column lineage nodes of the passengers"] = len(columns)
    source = "datasetField:lakewarden:people.bookings:email"
    world.claim(
        "column lineage: e-mail comes from the bookings", expected=True, found=source in fields
    )
    topic = f"dataset:{kafka}:{BOOKINGS_TOPIC}"
    above = {node["id"] for node in _graph(world, "people.passengers", "/api/v1/lineage")}
    world.claim(
        "lineage of the passengers reaches their topic", expected=True, found=topic in above
    )
    say(f"{len(graph)} nodes and {edges} edges above the features; {len(columns)} column nodes")


def _graph(world: World, name: str, path: str) -> list[dict[str, Any]]:
    node = f"dataset:lakewarden:{name}"
    answer = world.admin.get(path, nodeId=node, depth=MAX_DEPTH)
    graph: list[dict[str, Any]] = answer["graph"]
    return graph
