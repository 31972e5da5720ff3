"""Labels travel: a tag on a field flows along field lineage to whatever is derived from it.

A label stops only at an edge that a steward approved as declassifying. An edge of which nothing is known carries
every label.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from governance.policy.types import EntityId


class FieldEdge(NamedTuple):
    """`target` is derived from `source`; both are field ids."""

    source: EntityId
    target: EntityId


# By field, by tag: the fields that the tag came through, the declaring one first, the field itself last.
LabelPaths: TypeAlias = dict[EntityId, dict[str, tuple[EntityId, ...]]]


def close_labels(
    edges: Iterable[FieldEdge],
    declared: Mapping[EntityId, Iterable[str]],
    declassifying: frozenset[FieldEdge] = frozenset(),
) -> LabelPaths:
    """The labels that each field inherits and does not declare itself, each with a shortest path.

    `declassifying` are the edges that a steward approved. Cycles are fine. Time and space grow with edges times distinct tags.
    """
    followers = _followers(edges, declassifying)
    declaring: dict[str, list[EntityId]] = defaultdict(list)
    for field, tags in declared.items():
        for tag in tags:
            declaring[tag].append(field)
    closed: LabelPaths = defaultdict(dict)
    for tag, sources in sorted(declaring.items()):
        for field, path in _flow(followers, sources).items():
            closed[field][tag] = path
    return dict(closed)


def _followers(
    edges: Iterable[FieldEdge], declassifying: frozenset[FieldEdge]
) -> dict[EntityId, list[EntityId]]:
    followers: dict[EntityId, list[EntityId]] = defaultdict(list)
    for edge in edges:
        if edge not in declassifying:
            followers[edge.source].append(edge.target)
    return followers


def _flow(
    followers: Mapping[EntityId, list[EntityId]], sources: list[EntityId]
) -> dict[EntityId, tuple[EntityId, ...]]:
    """Breadth first from all sources at once; the sources themselves declare and do not inherit."""
    came_from: dict[EntityId, EntityId] = {}
    reached = set(sources)
    queue = deque(sources)
    while queue:
        field = queue.popleft()
        for follower in followers.get(field, ()):
            if follower not in reached:
                reached.add(follower)
                came_from[follower] = field
                queue.append(follower)
    return {field: _path(field, came_from) for field in came_from}


def _path(field: EntityId, came_from: Mapping[EntityId, EntityId]) -> tuple[EntityId, ...]:
    path = [field]
    while path[-1] in came_from:
        path.append(came_from[path[-1]])
    return tuple(reversed(path))


class LabelClosure:
    """Which labels each field bears, kept right edge by edge: always what `close_labels` says of the edges there are.

    An edge costs what it changes and no more. The declared labels do not change.
    """

    def __init__(
        self, edges: Iterable[FieldEdge], declared: Mapping[EntityId, Iterable[str]]
    ) -> None:
        self._followers: dict[EntityId, set[EntityId]] = defaultdict(set)
        self._sources: dict[EntityId, set[EntityId]] = defaultdict(set)
        # By tag, by field that bears it: the field that it came from, or None where it is declared.
        self._came_from: dict[str, dict[EntityId, EntityId | None]] = defaultdict(dict)
        for field, tags in declared.items():
            for tag in tags:
                self._came_from[tag][field] = None
        for edge in edges:
            self.add(edge)

    def inherited(self) -> dict[EntityId, set[str]]:
        """The labels that each field bears and does not declare."""
        found: dict[EntityId, set[str]] = defaultdict(set)
        for tag, came_from in self._came_from.items():
            for field, source in came_from.items():
                if source is not None:
                    found[field].add(tag)
        return dict(found)

    def add(self, edge: FieldEdge) -> None:
        """Let the labels of the source flow on."""
        self._followers[edge.source].add(edge.target)
        self._sources[edge.target].add(edge.source)
        for came_from in self._came_from.values():
            if edge.source in came_from and edge.target not in came_from:
                came_from[edge.target] = edge.source
                self._flow_on(came_from, [edge.target])

    def remove(self, edge: FieldEdge) -> set[tuple[EntityId, str]]:
        """Cut an edge; returns the (field, label) pairs that held through it alone."""
        self._followers[edge.source].discard(edge.target)
        self._sources[edge.target].discard(edge.source)
        lost: set[tuple[EntityId, str]] = set()
        for tag, came_from in self._came_from.items():
            if came_from.get(edge.target) == edge.source and edge.target in came_from:
                lost |= {(field, tag) for field in self._cut_off(came_from, edge.target)}
        return lost

    def _flow_on(self, came_from: dict[EntityId, EntityId | None], waiting: list[EntityId]) -> None:
        while waiting:
            field = waiting.pop()
            for follower in self._followers[field]:
                if follower not in came_from:
                    came_from[follower] = field
                    waiting.append(follower)

    def _cut_off(
        self, came_from: dict[EntityId, EntityId | None], start: EntityId
    ) -> set[EntityId]:
        """Take the label from `start` and all that had it from there, but for those to which it comes another way."""
        doubtful, waiting = {start}, [start]
        while waiting:
            field = waiting.pop()
            heirs = [each for each in self._followers[field] if came_from.get(each) == field]
            waiting += [each for each in heirs if each not in doubtful]
            doubtful.update(heirs)
        for field in doubtful:
            del came_from[field]
        for field in doubtful:
            source = next((each for each in self._sources[field] if each in came_from), None)
            if source is not None and field not in came_from:
                came_from[field] = source
                self._flow_on(came_from, [field])
        return {field for field in doubtful if field not in came_from}
