"""What a walk over a lineage graph found."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

NodeT = TypeVar("NodeT", bound=Hashable)


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
