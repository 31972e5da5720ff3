"""Where the boxes and arrows of a lineage picture go: layers from left to right, few crossings, no I/O.

A plain form of the layered method of Sugiyama, Tagawa and Toda (1981): layers by longest path over the
condensation of the graph, then barycentre sweeps within the layers.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

NODE_WIDTH = 188
NODE_HEIGHT = 46
LAYER_GAP = 36
ROW_GAP = 18
MARGIN = 12
SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Box:
    """A placed node; `x` and `y` are of its upper left corner, in pixels."""

    key: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """A placed edge; `path` is an SVG path."""

    source: str
    target: str
    path: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The placed graph and its size in pixels."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    width: int
    height: int


def lay_out(keys: Iterable[str], edges: Iterable[tuple[str, str]]) -> Picture:
    """Place every node of `keys`; edges to nodes that are not among them are left out.

    The same graph gives the same picture. O((n + e) · sweeps · log n).
    """
    nodes = sorted(set(keys))
    known = set(nodes)
    arrows = sorted({(a, b) for a, b in edges if a in known and b in known and a != b})
    layer_of = _layers(nodes, arrows)
    rows = _ordered_rows(nodes, arrows, layer_of)
    places = _places(rows)
    tallest = max((len(row) for row in rows), default=0)
    return Picture(
        boxes=tuple(Box(key, *places[key]) for row in rows for key in row),
        arrows=tuple(Arrow(a, b, _curve(places[a], places[b])) for a, b in arrows),
        width=2 * MARGIN + len(rows) * NODE_WIDTH + max(len(rows) - 1, 0) * LAYER_GAP,
        height=2 * MARGIN + tallest * NODE_HEIGHT + max(tallest - 1, 0) * ROW_GAP,
    )


def _layers(nodes: Sequence[str], arrows: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Longest path from a source. Edges that close a cycle are found first and do not count."""
    forward = _without_cycles(nodes, arrows)
    incoming: dict[str, int] = dict.fromkeys(nodes, 0)
    following: dict[str, list[str]] = defaultdict(list)
    for source, target in forward:
        incoming[target] += 1
        following[source].append(target)
    layer = dict.fromkeys(nodes, 0)
    ready = [key for key in nodes if incoming[key] == 0]
    while ready:
        key = ready.pop()
        for target in following[key]:
            layer[target] = max(layer[target], layer[key] + 1)
            incoming[target] -= 1
            if incoming[target] == 0:
                ready.append(target)
    return layer


def _without_cycles(
    nodes: Sequence[str], arrows: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """`arrows` less those that lead back into the path of a depth-first walk. Iterative: graphs are deep."""
    following: dict[str, list[str]] = defaultdict(list)
    for source, target in arrows:
        following[source].append(target)
    kept: list[tuple[str, str]] = []
    done: set[str] = set()
    for root in nodes:
        path = [(root, iter(following[root]))] if root not in done else []
        on_path = {root}
        while path:
            key, targets = path[-1]
            ahead = next(targets, None)
            if ahead is None:
                path.pop()
                on_path.discard(key)
                done.add(key)
            elif ahead not in on_path:
                kept.append((key, ahead))
                if ahead not in done:
                    path.append((ahead, iter(following[ahead])))
                    on_path.add(ahead)
    return kept


def _ordered_rows(
    nodes: Sequence[str], arrows: Sequence[tuple[str, str]], layer_of: Mapping[str, int]
) -> list[list[str]]:
    """Nodes by layer, each layer in an order that follows the middle of its neighbours."""
    rows: list[list[str]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for key in nodes:
        rows[layer_of[key]].append(key)
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for source, target in arrows:
        before[target].append(source)
        after[source].append(target)
    for sweep in range(SWEEPS):
        neighbours, order = (before, rows) if sweep % 2 == 0 else (after, rows[::-1])
        position = {key: place for row in rows for place, key in enumerate(row)}
        for row in order:
            row.sort(key=lambda key: (_middle(neighbours[key], position, position[key]), key))
            position.update({key: place for place, key in enumerate(row)})
    return rows


def _middle(neighbours: Sequence[str], position: Mapping[str, int], own: int) -> float:
    if not neighbours:
        return float(own)
    return sum(position[key] for key in neighbours) / len(neighbours)


def _places(rows: Sequence[Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Upper left corners; shorter layers stand in the middle of the tallest."""
    tallest = max((len(row) for row in rows), default=0)
    step = NODE_HEIGHT + ROW_GAP
    return {
        key: (
            MARGIN + column * (NODE_WIDTH + LAYER_GAP),
            MARGIN + (tallest - len(row)) * step // 2 + place * step,
        )
        for column, row in enumerate(rows)
        for place, key in enumerate(row)
    }


def _curve(source: tuple[int, int], target: tuple[int, int]) -> str:
    """From the right side of one box to the left side of the other; an edge that goes back bends around."""
    x1, y1 = source[0] + NODE_WIDTH, source[1] + NODE_HEIGHT // 2
    x2, y2 = target[0], target[1] + NODE_HEIGHT // 2
    bend = max((x2 - x1) // 2, LAYER_GAP // 2)
    return f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}"
