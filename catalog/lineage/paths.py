"""The shortest ways from one node of a lineage graph to another. Plain Python and NumPy, no I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from catalog.lineage.adjacency import Adjacency, Side
from catalog.lineage.walking import SIDES, Allow, Walker

_AGAINST: dict[Side, Side] = {"out": "into", "into": "out"}
ANY_NUMBER = 1_000_000


@dataclass(frozen=True)
class Ways:
    """Every shortest way: its places by distance from the origin, and each place's next ones.

    Without a way `distances` is empty; then `cut` says that the search ended at its budget, not at the graph's end.
    """

    distances: dict[int, int]
    following: dict[int, list[int]]
    cut: bool = False

    def listed(self, *, most: int) -> list[list[int]]:
        """The first `most` ways as places from origin to destination; of two the one with lower places first."""
        if not self.distances:
            return []
        ways: list[list[int]] = []
        for way in _ways(next(iter(self.distances)), self.following):
            ways.append(way)
            if len(ways) == most:
                break
        return ways


def find_ways(
    view: Adjacency,
    origin: int,
    destination: int,
    *,
    direction: str,
    budget: int,
    allow: Allow,
) -> Ways:
    """Every shortest way between two places through allowed places, after looking at no more than `budget`.

    Searches from both ends at once, always from the end with less to look at (bidirectional breadth-first search).
    """
    search = _Search(view, (origin, destination), direction=direction, allow=allow)
    return search.run(budget=budget)


class _Search:
    """Two walks that grow towards each other; index 0 is the origin's."""

    def __init__(
        self, view: Adjacency, ends: tuple[int, int], *, direction: str, allow: Allow
    ) -> None:
        there = SIDES[direction]
        back = tuple(_AGAINST[side] for side in there)
        self.walkers = [Walker(view, sides=sides, allow=allow) for sides in (there, back)]
        # What one end has asked the other need not ask.
        self.walkers[1].verdicts = self.walkers[0].verdicts
        self.walkers[0].verdicts.update(dict.fromkeys(ends, True))
        self.known: list[dict[int, int]] = [{end: 0} for end in ends]
        self.frontiers: list[list[int]] = [[end] for end in ends]

    def run(self, *, budget: int) -> Ways:
        meeting = [place for place in self.known[0] if place in self.known[1]]
        while not meeting:
            if not all(self.frontiers):
                return Ways({}, {})
            near = 0 if len(self.frontiers[0]) <= len(self.frontiers[1]) else 1
            room = budget - len(self.known[0]) - len(self.known[1])
            fresh = self._grow(near, most=room + 1)
            if len(fresh) > room:
                return Ways({}, {}, cut=True)
            meeting = [place for place in fresh if place in self.known[1 - near]]
        return self._through(meeting)

    def _grow(self, near: int, *, most: int) -> list[int]:
        known, frontier = self.known[near], self.frontiers[near]
        fresh = self.walkers[near].allowed_next(
            frontier, known=known, most=max(most, 1), steps=ANY_NUMBER
        )
        known |= dict.fromkeys(fresh, known[frontier[0]] + 1)
        self.frontiers[near] = fresh
        return fresh

    def _through(self, meeting: Sequence[int]) -> Ways:
        """Every place between the ends: from the meeting ones step by step to either end."""
        length = self.known[0][meeting[0]] + self.known[1][meeting[0]]
        distances = dict.fromkeys(meeting, self.known[0][meeting[0]])
        for near in (0, 1):
            level = list(meeting)
            while level and self.known[near][level[0]] > 0:
                nearer = self.known[near][level[0]] - 1
                beside = self.walkers[1 - near].view.neighbours(
                    level, sides=self.walkers[1 - near].sides
                )
                level = [p for p in beside.tolist() if self.known[near].get(p) == nearer]
                distance = nearer if near == 0 else length - nearer
                distances |= dict.fromkeys(level, distance)
        ordered = dict(sorted(distances.items(), key=lambda item: (item[1], item[0])))
        return Ways(ordered, {place: self._next(place, ordered) for place in ordered})

    def _next(self, place: int, distances: dict[int, int]) -> list[int]:
        walker = self.walkers[0]
        beside = walker.view.neighbours([place], sides=walker.sides).tolist()
        return [p for p in beside if distances.get(p) == distances[place] + 1]


def _ways(start: int, following: dict[int, list[int]]) -> Iterator[list[int]]:
    """Each way to the end, depth first, without recursion: a way may be longer than the stack is deep."""
    way = [start]
    choices = [iter(following[start])]
    if not following[start]:
        yield way
        return
    while choices:
        place = next(choices[-1], None)
        if place is None:
            choices.pop()
            way.pop()
        elif following[place]:
            way.append(place)
            choices.append(iter(following[place]))
        else:
            yield [*way, place]
