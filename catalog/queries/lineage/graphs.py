"""Lineage graphs around some nodes, as one caller may know them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
from django.db.models import QuerySet

from catalog.lineage.adjacency import Adjacency, EdgeArrays
from catalog.lineage.graph import Walk
from catalog.lineage.hiding import hide_nodes
from catalog.lineage.walking import SIDES, Allow, walk
from catalog.models import Dataset
from catalog.models.lineage import EdgeKind
from catalog.queries.lineage.asof import NODES_READ_FOR_ONE, read_around
from catalog.queries.lineage.memory import DATASET_EDGES, FIELD_EDGES
from catalog.queries.lineage.sight import JOB_BIT, QuerySetSight, allow_nodes

NODE_BUDGET: Final = 5_000
MAX_BUDGET: Final = 20_000
MAX_DEPTH: Final = 1_000
# More steps than any graph has nodes that fit an answer.
UNLIMITED: Final = 1_000_000
# Edges that an answer may hold for each of its nodes.
EDGES_FOR_ONE: Final = 20
_MEMORY: Final = {EdgeKind.DATASET: DATASET_EDGES, EdgeKind.FIELD: FIELD_EDGES}


class Node(NamedTuple):
    """A node of the dataset graph."""

    kind: str  # "dataset" or "job"
    pk: int

    @property
    def key(self) -> int:
        """What the node is called in a graph in memory: datasets are even, jobs odd."""
        return 2 * self.pk + (self.kind == "job")

    @classmethod
    def of(cls, key: int) -> "Node":
        """The node of a key."""
        return cls("job" if key & JOB_BIT else "dataset", key >> 1)


class Edge(NamedTuple):
    """From origin to destination, as data flows."""

    origin: Node
    destination: Node


@dataclass(frozen=True)
class KeyGraph:
    """What a walk found: node keys by distance, nearest first, and the edges between them as keys and ids.

    `edges_cut`: there are more edges between these nodes than an answer may hold. `anonymous`: the nodes that the caller
    may know to be there, and no more.
    """

    walk: Walk[int]
    edges: EdgeArrays
    edges_cut: bool = False
    anonymous: frozenset[int] = frozenset()

    @property
    def keys(self) -> list[int]:
        """Nearest first."""
        return self.walk.nodes

    @property
    def named(self) -> list[int]:
        """Those that are not anonymous, nearest first."""
        return [key for key in self.walk.distances if key not in self.anonymous]

    def hiding(self, datasets: Collection[int], *, start: Collection[int]) -> "KeyGraph":
        """The same graph with these datasets, and the jobs that only they show, anonymous or left out."""
        pairs = list(
            zip(self.edges.origins.tolist(), self.edges.destinations.tolist(), strict=True)
        )
        present = [key for key in datasets if key in self.walk.distances]
        hidden = hide_nodes(self.keys, pairs, datasets=present, start=start)
        kept = [not hidden.dropped.intersection(pair) for pair in pairs]
        distances = {k: d for k, d in self.walk.distances.items() if k not in hidden.dropped}
        return replace(
            self,
            walk=replace(self.walk, distances=distances),
            edges=EdgeArrays(*(part[kept] for part in self.edges)),
            anonymous=hidden.anonymous,
        )


@dataclass(frozen=True)
class Graph:
    """A graph of datasets and jobs: nodes nearest first, and every edge in force between two of them."""

    walk: Walk[Node]
    edges: list[Edge]


def edges_around(
    kind: EdgeKind, start: Sequence[int], *, direction: str, budget: int, at: datetime | None = None
) -> Adjacency:
    """A graph that holds at least what a walk of `budget` nodes from `start` may meet; that of `at`, or of now."""
    if at is None:
        view = _MEMORY[kind].view()
        if view is not None:
            return view
    nodes = NODES_READ_FOR_ONE * budget
    return read_around(kind, start, sides=SIDES[direction], nodes=nodes, at=at)


def walk_keys(
    view: Adjacency,
    start: Sequence[int],
    *,
    direction: str,
    steps: int,
    budget: int,
    allow: Allow,
) -> KeyGraph:
    """The graph around `start` (keys): what `allow` lets in, within `steps` and `budget`."""
    found = {key: view.place(key) for key in start}
    places = [place for place in found.values() if place is not None]
    walked = walk(view, places, direction=direction, steps=steps, budget=budget, allow=allow)
    keys = view.keys(walked.nodes).tolist()
    alone = {key: 0 for key, place in found.items() if place is None}
    distances = alone | dict(zip(keys, walked.distances.values(), strict=True))
    ends = tuple(view.keys(walked.open_ends).tolist())
    edges = view.edges_among(walked.nodes)
    most = EDGES_FOR_ONE * budget
    edges_cut = len(edges.edges) > most
    kept = slice(most)
    return KeyGraph(
        Walk(distances, cut=walked.cut, open_ends=ends),
        EdgeArrays(
            view.keys(edges.origins[kept]),
            view.keys(edges.destinations[kept]),
            edges.edges[kept],
        ),
        edges_cut,
    )


def steps_of(start: Node, depth: int | None) -> int:
    """`depth` counts the jobs on a way from a dataset, or beyond a job; None is as far as the graph goes."""
    return UNLIMITED if depth is None else 2 * depth + (start.kind == "job")


def dataset_graph(
    start: Node,
    *,
    depth: int,
    direction: str,
    visible: QuerySet[Dataset],
    budget: int = NODE_BUDGET,
) -> Graph:
    """The lineage around `start` among what is `visible`, in force now.

    `both` follows every edge either way, as Marquez does.
    """
    view = edges_around(EdgeKind.DATASET, [start.key], direction=direction, budget=budget)
    found = walk_keys(
        view,
        [start.key],
        direction=direction,
        steps=steps_of(start, depth),
        budget=budget,
        allow=allow_nodes(QuerySetSight(visible)),
    )
    walked = found.walk
    return Graph(
        Walk(
            {Node.of(key): distance for key, distance in walked.distances.items()},
            cut=walked.cut,
            open_ends=tuple(Node.of(key) for key in walked.open_ends),
        ),
        [
            Edge(Node.of(origin), Node.of(destination))
            for origin, destination in zip(
                found.edges.origins.tolist(), found.edges.destinations.tolist(), strict=True
            )
        ],
    )


def split_keys(keys: Collection[int]) -> tuple[list[int], list[int]]:
    """The ids of the datasets and of the jobs among node keys, in their order."""
    array = np.fromiter(keys, dtype=np.int64, count=len(keys))
    jobs = (array & JOB_BIT).astype(np.bool_)
    return (array[~jobs] >> 1).tolist(), (array[jobs] >> 1).tolist()
