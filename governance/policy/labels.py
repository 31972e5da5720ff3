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
