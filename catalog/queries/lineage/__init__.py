"""Reading lineage: walks over the graph in memory, within what the caller may see, and the names for the answer only."""

from catalog.queries.lineage.describing import describe, load_jobs, name_jobs
from catalog.queries.lineage.graphs import (
    MAX_BUDGET,
    MAX_DEPTH,
    NODE_BUDGET,
    Edge,
    Graph,
    KeyGraph,
    Node,
    dataset_graph,
    edges_around,
    split_keys,
    steps_of,
    walk_keys,
)
from catalog.queries.lineage.sight import Gate, QuerySetSight, Sight, allow_fields, allow_nodes

__all__ = [
    "MAX_BUDGET",
    "MAX_DEPTH",
    "NODE_BUDGET",
    "Edge",
    "Gate",
    "Graph",
    "KeyGraph",
    "Node",
    "QuerySetSight",
    "Sight",
    "allow_fields",
    "allow_nodes",
    "dataset_graph",
    "describe",
    "edges_around",
    "load_jobs",
    "name_jobs",
    "split_keys",
    "steps_of",
    "walk_keys",
]
