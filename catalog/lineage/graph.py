"""Walking a graph nearest first, within a depth and a node budget. Plain Python: the edges come from a function."""

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

NodeT = TypeVar("NodeT", bound=Hashable)

# (frontier, most nodes wanted) → neighbours of the frontier, in a stable order; more than wanted do no harm.
Expand = Callable[[Collection[NodeT], int], Iterable[NodeT]]


@dataclass(frozen=True)
class Walk(Generic[NodeT]):
    """The nodes reached by distance from the start, and whether the budget left some out."""

    distances: dict[NodeT, int]
    cut: bool = False
    # Nodes whose neighbours were not, or not all, followed: where one can go on.
    open_ends: tuple[NodeT, ...] = field(default=())

    @property
    def nodes(self) -> list[NodeT]:
        """Nearest first."""
        return list(self.distances)


def walk(start: Iterable[NodeT], *, depth: int, budget: int, expand: Expand[NodeT]) -> Walk[NodeT]:
    """Every node within `depth` steps of `start`, nearest first, at most `budget` of them (`start` is always in).

    `expand` is called once a level. What the budget leaves out is told: `cut`, and the nodes to go on from.
    """
    distances = dict.fromkeys(start, 0)
    frontier = list(distances)
    for distance in range(1, depth + 1):
        if not frontier:
            break
        room = budget - len(distances)
        neighbours = dict.fromkeys(expand(frontier, room + len(distances) + 1))
        fresh = [node for node in neighbours if node not in distances]
        if len(fresh) > room:
            distances |= dict.fromkeys(fresh[: max(room, 0)], distance)
            return Walk(distances, cut=True, open_ends=tuple(frontier))
        distances |= dict.fromkeys(fresh, distance)
        frontier = fresh
    return Walk(distances)


def join_walks(*walks: Walk[NodeT]) -> Walk[NodeT]:
    """The union: each node at its smallest distance, nearest first."""
    merged: dict[NodeT, int] = {}
    for each in walks:
        for node, distance in each.distances.items():
            merged[node] = min(distance, merged.get(node, distance))
    ends = tuple(dict.fromkeys(end for each in walks for end in each.open_ends))
    return Walk(
        dict(sorted(merged.items(), key=lambda item: item[1])),
        cut=any(each.cut for each in walks),
        open_ends=ends,
    )
