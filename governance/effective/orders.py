"""The first of a set in some order, without sorting the set: each order of all datasets is kept, and walked from a place on.

What was entered or renamed since the order was read stands beside it, and is sorted by the database with the rest of the page.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from django.db.backends.utils import CursorWrapper

from governance.effective.ids import FrozenIds, Ids, ids_of, mask_of, read_packed

Order: TypeAlias = Literal["name", "namespace", "created_at"]
_ORDERED = """
SELECT string_agg(int8send(id), ''::bytea ORDER BY {0}, id)
  FROM catalog_dataset WHERE deleted_at IS NULL AND {0} IS NOT NULL
"""
# With more beside it, an order is read anew.
MAX_BESIDE = 20_000
# A table of one byte an id is quicker than a search, and bounded.
MAX_TABLE = 50_000_000
_CHUNK = 65_536


@dataclass(slots=True)
class Ordering:
    """Ids of the living in an order, and those about which it no longer tells."""

    ids: "np.ndarray[Any, np.dtype[np.int64]]"
    beside: Ids

    @property
    def bytes(self) -> int:
        return int(self.ids.nbytes)


def read_ordering(cursor: CursorWrapper, order: Order) -> Ordering:
    """All of them; one query."""
    return Ordering(read_packed(cursor, _ORDERED.format(order)), ids_of(()))


def first_in(
    ordering: Ordering, among: Ids | FrozenIds, *, after: int | None, count: int, descending: bool
) -> list[int] | None:
    """Ids among which the next `count` of `among` behind `after` are; None where the order does not know `after`.

    All of `among` that stand beside the order are of them: where they belong only the database can say.
    """
    ids = ordering.ids[::-1] if descending else ordering.ids
    start = 0
    if after is not None:
        places = np.flatnonzero(ids == after)
        if not places.size or after in ordering.beside:
            return None
        start = int(places[0]) + 1
    wanted = among - ordering.beside
    found: list[int] = []
    table = _table_of(wanted)
    for place in range(start, len(ids), _CHUNK):
        chunk = ids[place : place + _CHUNK]
        inside = (
            mask_of(wanted, chunk) if table is None else table[np.minimum(chunk, len(table) - 1)]
        )
        found += chunk[inside][: count - len(found)].tolist()
        if len(found) >= count:
            break
    return [*found, *(among & ordering.beside)]


def _table_of(ids: Ids | FrozenIds) -> "np.ndarray[Any, np.dtype[np.bool_]] | None":
    """Whether each number is in the set; the last entry, for all greater ones, is False."""
    if not ids or ids.max() > MAX_TABLE:
        return None if ids else np.zeros(1, dtype=np.bool_)
    table = np.zeros(ids.max() + 2, dtype=np.bool_)
    table[np.frombuffer(ids.to_array(), dtype=np.uint64)] = True
    return table
