"""Which rows of Arrow data are a person's, or tell of them."""

import re
from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.retention.identifiers import SHORTEST_MENTION, Forms

# The characters that mean something to RE2; `re.escape` escapes more than RE2 takes.
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


class Matcher:
    """Looks for the forms of a person.

    Where a column is `reached` by lineage from a labelled one, short values and numbers count as well; elsewhere they
    would hit strangers by chance.
    """

    def __init__(self, forms: Forms) -> None:
        self.forms = forms
        self._whole = pa.array(sorted(forms.whole), pa.string())
        strong = sorted(each for each in forms.whole if len(each) >= SHORTEST_MENTION)
        self._strong = pa.array(strong, pa.string())
        self._within = "|".join(_SPECIAL.sub(r"\\\1", each) for each in forms.within)

    def rows(self, table: pa.Table, *, reached: Collection[str] = ()) -> BoolArray:
        """One flag a row of `table`; `reached` names columns."""
        found = np.zeros(table.num_rows, dtype=bool)
        for name in table.column_names:
            for chunk, start in _chunks(table.column(name)):
                hits = self._values(chunk, is_reached=name in reached)
                found[start : start + len(chunk)] |= hits
        return found

    def is_in(self, value: Any) -> bool:
        """Whether a value of a JSON document tells of the person."""
        if isinstance(value, dict):
            return any(self.is_in(key) or self.is_in(each) for key, each in value.items())
        if isinstance(value, list):
            return any(self.is_in(each) for each in value)
        text = str(value).strip().lower()
        return text in self.forms.whole or self.forms.are_in(text)

    def is_in_bytes(self, data: bytes) -> bool:
        """Whether bytes hold a form of the person, in UTF-8 or UTF-16."""
        if any(raw in data for raw in self.forms.raw):
            return True
        plain = data.decode("utf-8", "ignore").lower()
        wide = data.decode("utf-16-le", "ignore").lower() if b"\0" in data else ""
        return any(form in plain or form in wide for form in self.forms.within)

    def _values(self, array: pa.Array, *, is_reached: bool) -> BoolArray:
        kind = array.type
        if pa.types.is_dictionary(kind):
            array, kind = array.dictionary_decode(), kind.value_type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return self._texts(array, is_reached=is_reached)
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or _is_fixed(kind):
            return np.array([self._is_binary_hit(each.as_py()) for each in array], dtype=bool)
        if pa.types.is_struct(kind):
            return _any(self._values(part, is_reached=is_reached) for part in array.flatten())
        if pa.types.is_nested(kind):
            return self._lists(array, is_reached=is_reached)
        if is_reached and (pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
            return _flags(pc.is_in(array.cast(pa.string()), value_set=self._whole))
        return np.zeros(len(array), dtype=bool)

    def _texts(self, array: pa.Array, *, is_reached: bool) -> BoolArray:
        lowered = pc.utf8_lower(pc.utf8_trim_whitespace(array.cast(pa.string())))
        equal = _flags(pc.is_in(lowered, value_set=self._whole if is_reached else self._strong))
        if not self._within:
            return equal
        return equal | _flags(pc.match_substring_regex(lowered, self._within))

    def _lists(self, array: pa.Array, *, is_reached: bool) -> BoolArray:
        if pa.types.is_map(array.type):
            array = array.cast(pa.list_(pa.struct([array.type.key_field, array.type.item_field])))
        found = np.zeros(len(array), dtype=bool)
        values = self._values(pc.list_flatten(array), is_reached=is_reached)
        parents = pc.list_parent_indices(array).to_numpy(zero_copy_only=False)
        found[parents[values]] = True
        return found

    def _is_binary_hit(self, value: bytes | None) -> bool:
        return value is not None and self.is_in_bytes(value)


def _chunks(column: pa.ChunkedArray) -> list[tuple[pa.Array, int]]:
    found, start = [], 0
    for chunk in column.chunks:
        found.append((chunk, start))
        start += len(chunk)
    return found


def _flags(array: Any) -> BoolArray:
    flags: BoolArray = pc.fill_null(array, False).to_numpy(zero_copy_only=False)
    return flags


def _any(parts: Any) -> BoolArray:
    found: BoolArray = np.logical_or.reduce(list(parts))
    return found


def _is_fixed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_binary(kind))
