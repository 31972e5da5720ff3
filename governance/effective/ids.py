"""Sets of dataset ids as roaring bitmaps, read from the database in bulk."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import psycopg
from django.db.backends.utils import CursorWrapper
from pyroaring import BitMap64, FrozenBitMap64

# 64 bits, since sequences skip numbers. What is handed out is frozen; what is kept up to date is not.
Ids: TypeAlias = BitMap64
FrozenIds: TypeAlias = FrozenBitMap64

_CONTAINER = 8192  # bytes of a dense container of 65,536 ids
_ENTRY = 512  # of an empty set, its key and their places in a dictionary


def read_ids(cursor: CursorWrapper, sql: str, params: Sequence[Any] = ()) -> Ids:
    """The ids (bigint, not null) that a query of one column gives, in no order.

    Sent as one value: a row a message costs ten times as much.
    """
    statement = f"SELECT string_agg(int8send(id), ''::bytea) FROM ({sql}) q (id)"  # noqa: S608  # our own SQL
    return ids_of(read_packed(cursor, statement, params))


def read_packed(
    cursor: CursorWrapper, statement: str, params: Sequence[Any] = ()
) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """The numbers of a statement that gives one `string_agg(int8send(…), '')`."""
    ((packed,),) = _fetch(cursor, statement, params)
    return _unpacked(packed)


def read_packed_by(cursor: CursorWrapper, statement: str) -> "Iterator[tuple[Any, Any, Ids]]":
    """The two keys and the set of each row, of a statement that gives (key, key, `string_agg(int8send(…), '')`)."""
    for first, second, packed in _fetch(cursor, statement, ()):
        yield first, second, ids_of(_unpacked(packed))


def _fetch(cursor: CursorWrapper, statement: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    # In binary, which halves the bytes on the wire and in memory; Django's own cursors know no binary results.
    with psycopg.Cursor[Any](cursor.connection) as plain:
        return plain.execute(statement, params, binary=True).fetchall()


def _unpacked(packed: bytes | None) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return np.frombuffer(packed or b"", dtype=">i8").astype(np.int64)


def ids_of(values: "np.ndarray[Any, np.dtype[np.int64]] | Iterable[int]") -> Ids:
    """A set of these ids."""
    if isinstance(values, np.ndarray):
        return BitMap64(array("Q", values.astype("<u8").tobytes()))
    return BitMap64(values)


def mask_of(
    ids: Ids | FrozenIds, values: "np.ndarray[Any, np.dtype[np.int64]]"
) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """For each of `values`, whether it is in the set."""
    kept = np.frombuffer(ids.to_array(), dtype=np.uint64).astype(np.int64)
    if not kept.size:
        return np.zeros(values.shape, dtype=np.bool_)
    places = np.searchsorted(kept, values)
    places[places == kept.size] = 0
    found: np.ndarray[Any, np.dtype[np.bool_]] = kept[places] == values
    return found


def union(parts: Iterable[Ids]) -> Ids:
    """All of `parts`, in a new set."""
    found = BitMap64()
    for part in parts:
        found |= part
    return found


def weight(ids: Ids | FrozenIds) -> int:
    """About how many bytes the set takes, with what it is kept by."""
    if not ids:
        return _ENTRY
    containers = (ids.max() - ids.min()) // 65536 + 1
    return int(_ENTRY + min(2 * len(ids) + 32 * containers, containers * _CONTAINER))
