"""Compressed sparse rows: the edges of a directed graph in four flat arrays and a key array, read from either end.

Nodes are known outside by a 64-bit key and inside by their place in the sorted keys. Plain NumPy, no I/O.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]

_INT32_MAX: Final = 2**31 - 1
# Up to so many times the number of nodes a table over all ids is worth its memory.
_DENSE: Final = 16


@dataclass(frozen=True, slots=True)
class Rows:
    """One direction: the neighbours of the node at place `i` are `places[starts[i]:starts[i + 1]]`, ascending."""

    starts: IntArray
    places: IntArray

    def row(self, place: int) -> IntArray:
        return self.places[self.starts[place] : self.starts[place + 1]]

    def slots(self, places: IntArray) -> tuple[IntArray, IntArray]:
        """Where in the flat arrays these rows lie, and how long each is."""
        begins = self.starts[places].astype(np.int64)
        lengths = self.starts[places + 1].astype(np.int64) - begins
        offsets = np.cumsum(lengths) - lengths
        return np.arange(lengths.sum()) + np.repeat(begins - offsets, lengths), lengths


@dataclass(frozen=True, slots=True)
class Csr:
    """The whole graph: `out` leads along the flow, `into` against it; `edges` are the ids of the `out` slots.

    Two nodes may be joined by several edges. Memory: 8 bytes a node and 16 bytes an edge, and 8 bytes a node for the
    starts, as long as there are less than 2³¹ edges.
    """

    keys: IntArray
    out: Rows
    into: Rows
    edges: IntArray

    @property
    def size(self) -> int:
        """The number of nodes."""
        return len(self.keys)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        arrays = (self.keys, self.edges, *_arrays(self.out), *_arrays(self.into))
        return sum(array.nbytes for array in arrays)

    def place(self, key: int) -> int | None:
        """Where `key` is; None if it has no edge."""
        found = int(np.searchsorted(self.keys, key))
        return found if found < self.size and self.keys[found] == key else None

    def row_edges(self, place: int) -> IntArray:
        """The ids of the edges that leave `place`, in the order of `out.row(place)`."""
        return self.edges[self.out.starts[place] : self.out.starts[place + 1]]


def build_csr(origins: IntArray, destinations: IntArray, edges: IntArray) -> Csr:
    """The graph of these edges: keys of both ends and an id, by position. O(m log m) time."""
    keys = distinct(np.concatenate([origins, destinations]).astype(np.int64))
    tails, heads = _places(keys, origins), _places(keys, destinations)
    order = np.argsort(tails * len(keys) + heads)
    out = _rows(tails[order], heads[order], size=len(keys))
    sorted_edges = edges[order].astype(np.int64)
    order = np.argsort(heads * len(keys) + tails)
    return Csr(keys, out, _rows(heads[order], tails[order], size=len(keys)), sorted_edges)


def distinct(values: IntArray) -> IntArray:
    """Each value once, ascending; `numpy.unique` hashes, which costs ten times as much on millions."""
    if len(values) < 2:  # noqa: PLR2004 - one value is sorted and distinct
        return values
    ordered = np.sort(values)
    kept = np.empty(len(ordered), dtype=np.bool_)
    kept[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=kept[1:])
    return ordered[kept]


def _places(keys: IntArray, wanted: IntArray) -> IntArray:
    """The place of each wanted key, all of which are in `keys`."""
    if not len(keys) or keys[-1] > _DENSE * len(keys):
        return np.searchsorted(keys, wanted)
    # Ids that lie close are looked up in a table, ten times as fast as by bisection.
    table = np.zeros(int(keys[-1]) + 1, dtype=np.int64)
    table[keys] = np.arange(len(keys))
    return table[wanted]


def _rows(heres: IntArray, theres: IntArray, *, size: int) -> Rows:
    small: type[np.integer[Any]] = np.int32 if max(size, len(heres)) < _INT32_MAX else np.int64
    starts: IntArray = np.zeros(size + 1, dtype=small)
    np.cumsum(np.bincount(heres, minlength=size), out=starts[1:])
    return Rows(starts, theres.astype(small))


def _arrays(rows: Rows) -> tuple[IntArray, IntArray]:
    return rows.starts, rows.places
