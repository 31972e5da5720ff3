"""Walking a lineage graph nearest first, within steps and a node budget, through allowed nodes only.

Plain Python and NumPy: whether a node is allowed is asked of a function, for many nodes at once.
"""

from collections.abc import Callable, Iterator, Sequence

from catalog.lineage.adjacency import Adjacency, Side
from catalog.lineage.csr import BoolArray, IntArray
from catalog.lineage.graph import Walk

# Node keys → which of them may be in an answer, and be walked through.
Allow = Callable[[IntArray], BoolArray]
# Frontier, known places, how many at most, steps that are left → the next places, ascending.
Follow = Callable[[Sequence[int], dict[int, int], int, int], list[int]]

SIDES: dict[str, tuple[Side, ...]] = {
    "downstream": ("out",),
    "upstream": ("into",),
    "both": ("out", "into"),
}
# Asking about some nodes more costs less than asking twice; about very many it does not.
LEAST_AHEAD = 256
MOST_AHEAD = 5_000


def walk(
    view: Adjacency,
    start: Sequence[int],
    *,
    direction: str,
    steps: int,
    budget: int,
    allow: Allow,
) -> Walk[int]:
    """Every allowed place within `steps` of `start`, nearest first, at most `budget` of them (`start` is always in).

    What is not allowed is neither in the answer nor a bridge to what lies behind it. Of places at the same distance
    the lower come first. What the budget leaves out is told: `cut`, and the places to go on from.

    `allow` is asked once if all is allowed and fits, else at most once a level and chunk.
    """
    walker = Walker(view, sides=SIDES[direction], allow=allow)
    return walker.walk(start, steps=steps, budget=budget)


class Walker:
    """A walk over one view for one caller; remembers which nodes are allowed."""

    def __init__(self, view: Adjacency, *, sides: Sequence[Side], allow: Allow) -> None:
        self.view = view
        self.sides = sides
        self.allow = allow
        self.verdicts: dict[int, bool] = {}

    def walk(self, start: Sequence[int], *, steps: int, budget: int) -> Walk[int]:
        """See `walk`."""
        self.verdicts |= dict.fromkeys(start, True)
        # One node more than the budget: whether something was cut hangs on nodes that are allowed.
        whole = self._unrestricted(start, steps=steps, budget=budget + 1)
        self._ask(whole.nodes)
        is_fit = len(whole.distances) <= budget
        if is_fit and all(self.verdicts[place] for place in whole.distances):
            return whole
        return self._restricted(start, steps=steps, budget=budget)

    def _unrestricted(self, start: Sequence[int], *, steps: int, budget: int) -> Walk[int]:
        def all_next(
            frontier: Sequence[int], known: dict[int, int], most: int, _: int
        ) -> list[int]:
            return next(self._fresh(frontier, known=known, most=most), [])

        return _walk_by(all_next, start, steps=steps, budget=budget)

    def _restricted(self, start: Sequence[int], *, steps: int, budget: int) -> Walk[int]:
        def allowed(
            frontier: Sequence[int], known: dict[int, int], most: int, left: int
        ) -> list[int]:
            return self.allowed_next(frontier, known=known, most=most, steps=left)

        return _walk_by(allowed, start, steps=steps, budget=budget)

    def allowed_next(
        self, frontier: Sequence[int], *, known: dict[int, int], most: int, steps: int
    ) -> list[int]:
        """Up to `most` allowed neighbours of `frontier` that are not `known`, ascending.

        `steps` is how far the walk may still go: nodes that far ahead are asked about together with these.
        """
        found: list[int] = []
        for chunk in self._fresh(frontier, known=known, most=max(most, LEAST_AHEAD)):
            unknown = [place for place in chunk if place not in self.verdicts]
            if unknown:
                room = min(max(most, LEAST_AHEAD), MOST_AHEAD)
                ahead = self._unrestricted(unknown, steps=steps, budget=len(unknown) + room)
                self._ask(ahead.nodes)
            found += [place for place in chunk if self.verdicts[place]]
            if len(found) >= most:
                break
        return found[:most]

    def _fresh(
        self, frontier: Sequence[int], *, known: dict[int, int], most: int
    ) -> Iterator[list[int]]:
        """The neighbours of `frontier` that are not `known`, in lists of at most `most`, ascending."""
        near = self.view.neighbours(frontier, sides=self.sides)
        waiting: list[int] = []
        size = most + len(known)
        for begin in range(0, len(near), size):
            waiting += [p for p in near[begin : begin + size].tolist() if p not in known]
            while len(waiting) >= most:
                yield waiting[:most]
                waiting = waiting[most:]
        if waiting:
            yield waiting

    def _ask(self, places: Sequence[int]) -> None:
        unknown = [place for place in places if place not in self.verdicts]
        if unknown:
            allowed = self.allow(self.view.keys(unknown))
            self.verdicts.update(zip(unknown, allowed.tolist(), strict=True))


def _walk_by(follow: Follow, start: Sequence[int], *, steps: int, budget: int) -> Walk[int]:
    """Level by level, by what `follow` finds next, until `budget` places are in."""
    distances = dict.fromkeys(start, 0)
    frontier = list(distances)
    for distance in range(1, steps + 1):
        if not frontier:
            break
        room = budget - len(distances)
        fresh = follow(frontier, distances, room + 1, steps - distance)
        distances |= dict.fromkeys(fresh[: max(room, 0)], distance)
        if len(fresh) > room:
            return Walk(distances, cut=True, open_ends=tuple(frontier))
        frontier = fresh
    return Walk(distances)
