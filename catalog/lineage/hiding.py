"""Which nodes of a found graph stand in it without a name. Plain Python, no I/O.

Keys are those of the dataset graph: datasets are even, jobs odd.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

# An anonymous node that joins fewer nodes tells nothing of how others hang together.
LEAST_JOINED = 2


class Hidden(NamedTuple):
    """Nodes that are shown without a name, and nodes that are not shown."""

    anonymous: frozenset[int]
    dropped: frozenset[int]


def hide_nodes(
    nodes: Collection[int],
    edges: Iterable[tuple[int, int]],
    *,
    datasets: Collection[int],
    start: Collection[int],
) -> Hidden:
    """What becomes of the hidden `datasets` among `nodes`, and of the jobs that only they show.

    A job shows itself by a dataset that the caller may discover; one without, that is not in `start`, is hidden too.
    A hidden node stays, without a name, if it joins at least two nodes that stay: so what is left is how the
    named nodes hang together, and a dead end that nobody may know of is not told.
    """
    beside: dict[int, set[int]] = {node: set() for node in nodes}
    for origin, destination in edges:
        if origin != destination:
            beside[origin].add(destination)
            beside[destination].add(origin)
    anonymous = set(datasets)
    anonymous |= {
        node
        for node, others in beside.items()
        if node & 1 and node not in start and others <= anonymous
    }
    dropped: set[int] = set()
    waiting = list(anonymous)
    while waiting:
        node = waiting.pop()
        if node in dropped or len(beside[node]) >= LEAST_JOINED:
            continue
        dropped.add(node)
        for other in beside[node]:
            beside[other].discard(node)
            if other in anonymous:
                waiting.append(other)
    return Hidden(frozenset(anonymous - dropped), frozenset(dropped))
