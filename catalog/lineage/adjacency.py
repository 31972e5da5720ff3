"""A directed graph that is read by many threads while edges are opened and closed: frozen views, each made of the last.

A view is a `Csr` and the rows that have changed since. Plain NumPy, no I/O.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from catalog.lineage.csr import Csr, IntArray, Rows, build_csr, distinct

Side = Literal["out", "into"]
# Below this many rows or values a loop is faster than a call of NumPy on them all.
FEW_ROWS = 16
FEW_VALUES = 4_096
NONE: IntArray = np.empty(0, dtype=np.int64)


class Change(NamedTuple):
    """An edge was opened, or closed; keys of its ends."""

    opened: bool
    edge: int
    origin: int
    destination: int


class EdgeArrays(NamedTuple):
    """Edges by position: places of both ends, and edge ids."""

    origins: IntArray
    destinations: IntArray
    edges: IntArray


@dataclass(frozen=True, slots=True)
class _OutRow:
    """The destinations of a node and the ids of the edges to them, ascending by destination."""

    places: IntArray
    edges: IntArray


@dataclass(frozen=True, slots=True)
class Adjacency:
    """A graph as it was at one moment. Never changed: `apply` gives another, which shares what is the same."""

    base: Csr
    out_rows: dict[int, _OutRow] = field(default_factory=dict)
    into_rows: dict[int, IntArray] = field(default_factory=dict)
    # Nodes that are not in `base` have the places after it.
    more_keys: tuple[int, ...] = ()
    more_places: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, origins: IntArray, destinations: IntArray, edges: IntArray) -> "Adjacency":
        """The graph of these edges."""
        return cls(build_csr(origins, destinations, edges))

    @property
    def size(self) -> int:
        """The number of places: nodes that have, or since the build have had, an edge."""
        return self.base.size + len(self.more_keys)

    @property
    def changed_rows(self) -> int:
        """How many rows differ from the base: what a compaction would do away with."""
        return len(self.out_rows) + len(self.into_rows)

    @property
    def nbytes(self) -> int:
        """Bytes of the base, and of the changed rows (each about 200 bytes of Python besides its values)."""
        rows = sum(row.places.nbytes + row.edges.nbytes for row in self.out_rows.values())
        rows += sum(row.nbytes for row in self.into_rows.values())
        return self.base.nbytes + rows + 200 * self.changed_rows

    def place(self, key: int) -> int | None:
        """The place of a node; None if it never had an edge."""
        found = self.more_places.get(key)
        return self.base.place(key) if found is None else found

    def keys(self, places: Sequence[int] | IntArray) -> IntArray:
        """The keys of the nodes at `places`."""
        wanted = np.asarray(places, dtype=np.int64)
        if not self.more_keys:
            return self.base.keys[wanted]
        added = wanted >= self.base.size
        found = np.empty(len(wanted), dtype=np.int64)
        found[~added] = self.base.keys[wanted[~added]]
        found[added] = np.asarray(self.more_keys, dtype=np.int64)[wanted[added] - self.base.size]
        return found

    def neighbours(self, places: Sequence[int], *, sides: Sequence[Side]) -> IntArray:
        """The places next to any of `places`, each once, ascending."""
        arrays = [array for side in sides for array in self._rows(places, side)]
        if not arrays:
            return NONE
        found = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        if len(found) > FEW_VALUES:
            marked = np.zeros(self.size, dtype=np.bool_)
            marked[found] = True
            return np.flatnonzero(marked)
        return distinct(found)

    def _rows(self, places: Sequence[int], side: Side) -> list[IntArray]:
        """The rows of `places`, changed ones and those of the base."""
        rows: Rows = getattr(self.base, side)
        changed = self.out_rows if side == "out" else self.into_rows
        found: list[IntArray] = []
        plain = places
        if changed or self.more_keys:
            plain = [p for p in places if p not in changed and p < self.base.size]
            found = [self._row(p, side) for p in places if p in changed]
        if len(plain) <= FEW_ROWS:
            return found + [rows.row(place) for place in plain]
        slots, _ = rows.slots(np.asarray(plain, dtype=np.int64))
        return [*found, rows.places[slots]]

    def _row(self, place: int, side: Side) -> IntArray:
        if side == "into":
            changed = self.into_rows.get(place)
            if changed is not None:
                return changed
        elif place in self.out_rows:
            return self.out_rows[place].places
        rows: Rows = getattr(self.base, side)
        return rows.row(place) if place < self.base.size else NONE

    def edges_among(self, places: Sequence[int]) -> EdgeArrays:
        """Every edge of which both ends are in `places`, ascending by origin, then destination."""
        inside = np.zeros(self.size, dtype=np.bool_)
        inside[np.asarray(places, dtype=np.int64)] = True
        changed = (
            [place for place in places if not self._is_plain(place)] if self.is_changed else []
        )
        plain = [place for place in places if self._is_plain(place)] if changed else places
        found = [self._plain_edges(plain)]
        found += [_edges_of(place, self._out_row(place)) for place in changed]
        joined = EdgeArrays(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
        kept = inside[joined.destinations]
        joined = EdgeArrays(*(part[kept] for part in joined))
        order = np.lexsort((joined.destinations, joined.origins))
        return EdgeArrays(*(part[order] for part in joined))

    @property
    def is_changed(self) -> bool:
        """Whether anything came since the build."""
        return bool(self.out_rows or self.more_keys)

    def _is_plain(self, place: int) -> bool:
        return place not in self.out_rows and place < self.base.size

    def _plain_edges(self, places: Sequence[int] | IntArray) -> EdgeArrays:
        wanted = np.asarray(places, dtype=np.int64)
        slots, lengths = self.base.out.slots(wanted)
        return EdgeArrays(
            np.repeat(wanted, lengths), self.base.out.places[slots], self.base.edges[slots]
        )

    def _out_row(self, place: int) -> _OutRow:
        changed = self.out_rows.get(place)
        if changed is not None:
            return changed
        if place >= self.base.size:
            return _OutRow(NONE, NONE)
        return _OutRow(self.base.out.row(place), self.base.row_edges(place))

    def apply(self, changes: Iterable[Change]) -> "Adjacency":
        """The graph after these changes, in their order.

        Opening an edge that is open, or closing one that is not, changes nothing. Costs the number of changed rows
        since the build, and the length of each row that changes.
        """
        return _Changing(self).apply(changes)

    def compacted(self) -> "Adjacency":
        """The same graph with every change built in, and no node without an edge."""
        is_plain = np.ones(self.base.size, dtype=np.bool_)
        is_plain[[place for place in self.out_rows if place < self.base.size]] = False
        plain = self._plain_edges(np.flatnonzero(is_plain))
        rows = [_edges_of(place, row) for place, row in self.out_rows.items()]
        parts = [np.concatenate(parts) for parts in zip(plain, *rows, strict=True)]
        return Adjacency.of(self.keys(parts[0]), self.keys(parts[1]), parts[2])


class _Changing:
    """One `apply`: copies of what changes."""

    def __init__(self, view: Adjacency) -> None:
        self.view = view
        self.places = dict(view.more_places)
        self.keys = list(view.more_keys)

    def apply(self, changes: Iterable[Change]) -> Adjacency:
        # Of each edge between the same ends the last word counts.
        last: dict[tuple[int, int, int], bool] = {}
        for change in changes:
            key = (change.edge, change.origin, change.destination)
            last.pop(key, None)
            last[key] = change.opened
        out: dict[int, dict[int, tuple[int, bool]]] = {}
        for (edge, origin, destination), opened in last.items():
            ends = self._place(origin), self._place(destination)
            out.setdefault(ends[0], {})[edge] = (ends[1], opened)
        out_rows, into_rows = dict(self.view.out_rows), dict(self.view.into_rows)
        came: dict[int, list[int]] = {}
        went: dict[int, Counter[int]] = {}
        for place, edges in out.items():
            row = self._changed_row(place, edges, came=came, went=went)
            if row is not None:
                out_rows[place] = row
        for place in came.keys() | went.keys():
            into_rows[place] = self._changed_into(
                place, came=came.get(place, []), went=went.get(place, Counter())
            )
        return Adjacency(
            self.view.base, out_rows, into_rows, more_keys=tuple(self.keys), more_places=self.places
        )

    def _place(self, key: int) -> int:
        found = self.places.get(key)
        if found is None:
            found = self.view.base.place(key)
        if found is None:
            found = self.view.base.size + len(self.keys)
            self.places[key] = found
            self.keys.append(key)
        return found

    def _changed_row(
        self,
        place: int,
        edges: dict[int, tuple[int, bool]],
        *,
        came: dict[int, list[int]],
        went: dict[int, Counter[int]],
    ) -> _OutRow | None:
        """The new row of destinations, None if it is as it was; what came and went is noted by destination."""
        row = self.view._out_row(place)  # noqa: SLF001 - the other half of `Adjacency`
        known = set(row.edges.tolist())
        opened = [e for e, (_, is_open) in edges.items() if is_open and e not in known]
        closed = [e for e, (_, is_open) in edges.items() if not is_open and e in known]
        if not opened and not closed:
            return None
        kept = ~np.isin(row.edges, closed) if closed else np.ones(len(row.edges), dtype=np.bool_)
        for destination in row.places[~kept].tolist() if closed else ():
            went.setdefault(destination, Counter())[place] += 1
        for edge in opened:
            came.setdefault(edges[edge][0], []).append(place)
        places = np.concatenate([row.places[kept], [edges[e][0] for e in opened]]).astype(np.int64)
        ids = np.concatenate([row.edges[kept], opened]).astype(np.int64)
        order = np.lexsort((ids, places))
        return _OutRow(places[order], ids[order])

    def _changed_into(self, place: int, *, came: list[int], went: Counter[int]) -> IntArray:
        row = self.view._row(place, "into")  # noqa: SLF001 - the other half of `Adjacency`
        gone = [
            int(np.searchsorted(row, origin)) + number
            for origin, count in went.items()
            for number in range(count)
        ]
        kept = np.delete(row, gone) if gone else row
        return np.sort(np.concatenate([kept, came]).astype(np.int64))


def _edges_of(place: int, row: _OutRow) -> EdgeArrays:
    return EdgeArrays(np.full(len(row.places), place), row.places, row.edges)
