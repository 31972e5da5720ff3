"""Sets of dataset ids as roaring bitmaps, read from the database in bulk."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from django.db.backends.utils import CursorWrapper
from pyroaring import BitMap64, FrozenBitMap64

# 64 bits, since sequences skip numbers. What is handed out is frozen; what is kept up to date is not.
Ids: TypeAlias = BitMap64
FrozenIds: TypeAlias = FrozenBitMap64

_CONTAINER = 8192  # bytes of a dense container of 65,536 ids


def read_ids(cursor: CursorWrapper, sql: str, params: Sequence[Any] = ()) -> Ids:
    """The ids (bigint, not null) that a query of one column gives."""
    return ids_of(read_columns(cursor, sql, params, width=1)[:, 0])


def read_columns(
    cursor: CursorWrapper, sql: str, params: Sequence[Any] = (), *, width: int
) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Rows by columns, in no order, of a query that gives `width` columns, each bigint and not null.

    Sent as one value: a row a message costs ten times as much.
    """
    names = [f"c{number}" for number in range(width)]
    packed = " || ".join(f"int8send({each})" for each in names)
    cursor.execute(
        f"SELECT string_agg({packed}, ''::bytea) FROM ({sql}) q ({', '.join(names)})",  # noqa: S608  # our own SQL
        params,
    )
    return unpacked(cursor.fetchone()[0]).reshape(-1, width)


def unpacked(packed: bytes | None) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """The numbers of `string_agg(int8send(…), '')`; none for NULL."""
    return np.frombuffer(packed or b"", dtype=">i8").astype(np.int64)


def ids_of(values: "np.ndarray[Any, np.dtype[np.int64]] | Iterable[int]") -> Ids:
    """A set of these ids."""
    if isinstance(values, np.ndarray):
        return BitMap64(array("Q", values.astype("<u8").tobytes()))
    return BitMap64(values)


def group_ids(
    keys: "np.ndarray[Any, np.dtype[np.int64]]", values: "np.ndarray[Any, np.dtype[np.int64]]"
) -> dict[int, Ids]:
    """The `values` of each key as a set."""
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    if not keys.size:
        return {}
    starts = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
    parts = np.split(values, starts[1:])
    return {int(keys[start]): ids_of(part) for start, part in zip(starts, parts, strict=True)}


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
    """About how many bytes the set takes."""
    if not ids:
        return 64
    containers = (ids.max() - ids.min()) // 65536 + 1
    return int(64 + min(2 * len(ids) + 32 * containers, containers * _CONTAINER))
