"""Random graphs and the slow, obvious reference for every question about them."""

from collections.abc import Collection, Iterable
from itertools import count

import numpy as np
from hypothesis import strategies as st

from catalog.lineage.adjacency import Adjacency, Change

# An edge: (id, origin, destination). Several may join the same nodes.
Edge = tuple[int, int, int]
KEYS = st.integers(0, 9)


@st.composite
def edges(draw, *, most: int = 20) -> list[Edge]:
    pairs = draw(st.lists(st.tuples(KEYS, KEYS), max_size=most))
    return [(number, origin, target) for number, (origin, target) in enumerate(pairs)]


@st.composite
def churn(draw) -> tuple[list[Edge], list[list[Change]], list[Edge]]:
    """Edges at the beginning, batches of changes (some told twice, some that change nothing), and edges at the end."""
    first = draw(edges(most=12))
    live = {edge[0]: edge for edge in first}
    numbers = count(len(first))
    batches = []
    for _ in range(draw(st.integers(0, 4))):
        batch: list[Change] = []
        for _ in range(draw(st.integers(0, 5))):
            closing = draw(st.booleans()) and bool(live)
            if closing:
                edge = live.pop(draw(st.sampled_from(sorted(live))))
            else:
                edge = (next(numbers), draw(st.integers(0, 12)), draw(st.integers(0, 12)))
                live[edge[0]] = edge
            batch.append(Change(not closing, *edge))
            if draw(st.booleans()):
                batch.append(batch[-1])
        batches.append(batch)
    return first, batches, list(live.values())


def view_of(rows: Iterable[Edge]) -> Adjacency:
    array = np.array(list(rows), dtype=np.int64).reshape(-1, 3)
    return Adjacency.of(array[:, 1], array[:, 2], array[:, 0])


def neighbours(rows: Collection[Edge], node: int, direction: str) -> set[int]:
    found = set()
    for _, origin, target in rows:
        if direction in {"downstream", "both"} and origin == node:
            found.add(target)
        if direction in {"upstream", "both"} and target == node:
            found.add(origin)
    return found


def distances(
    rows: Collection[Edge], start: int, *, direction: str, steps: int, allowed: Collection[int]
) -> dict[int, int]:
    """Breadth first, one node after the other."""
    found = {start: 0}
    frontier = [start]
    for step in range(1, steps + 1):
        following = []
        for node in frontier:
            for other in neighbours(rows, node, direction):
                if other in allowed and other not in found:
                    found[other] = step
                    following.append(other)
        frontier = following
    return found


def all_ways(
    rows: Collection[Edge], start: int, end: int, *, direction: str, allowed: Collection[int]
) -> set[tuple[int, ...]]:
    """Every shortest way, by trying all ways without a node twice, short ones first."""
    ways = [(start,)]
    while ways:
        done = {way for way in ways if way[-1] == end}
        if done:
            return done
        ways = [
            (*way, other)
            for way in ways
            for other in neighbours(rows, way[-1], direction)
            if other in allowed and other not in way
        ]
    return set()
