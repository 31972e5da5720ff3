"""Batches of JSON messages to typed rows.

A batch is parsed by one polars call (CPU: 1.6 s a million records of 300 bytes). polars is strict about
every type but text, into which it would print numbers; so text is read as a category, which refuses them
as well. Only when the call refuses the batch are the suspects singled out and explained by plain Python,
and the rest is parsed again: a record's fate never depends on its neighbours.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ingestion.formats.base import MAX_DEPTH, Parsed, Reason, Reject, merge_parsed
from ingestion.formats.columns import finite_floats, parse_moments, to_arrow
from ingestion.formats.json_value import decode_object, may_be_deep
from ingestion.formats.values import ValueRejectedError, check_json_type, convert_json_object

CHUNK_RECORDS = (
    20_000  # 6 MB of 300-byte records: larger chunks cost page faults, smaller ones calls
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_BIG_NUMBER_TEXT = "Static("  # what a category makes of a number past 64 bits
_NARROW = {8: pl.Int8, 16: pl.Int16, 32: pl.Int32}
Indices = npt.NDArray[np.int64]


class Trust(IntEnum):
    """What is already known of a batch that is parsed again."""

    NONE = 0
    LOOKED = 1  # the records that could hurt the vector parser were explained
    EXPLAINED = 2  # every record was accepted by plain Python


class BatchRefusedError(ValueError):
    """The vector parser refuses the batch; says nothing about which record is broken."""


class RecordParser:
    """Parses batches of JSON objects into one schema; keep one for a stream, it holds compiled parts.

    A key that stands twice counts by its first value; unknown keys are ignored.
    """

    def __init__(self, schema: pa.Schema) -> None:
        for field in schema:
            check_json_type(field.type)
        self.schema = schema
        self.vectorised = all(_is_vectorised(field.type) for field in schema)
        self._fields = list(schema)
        self._required = [field.name for field in schema if not field.nullable]
        self._exact = any(_holds_decimal(field.type) for field in schema)
        self._screen = _make_screen(schema) if self.vectorised else None

    def parse(self, values: Sequence[bytes | None]) -> Parsed:
        """Return the good rows in order, and a reject for each value that is not one object of the schema."""
        parts = []
        for start in range(0, len(values), CHUNK_RECORDS):
            chunk = values[start : start + CHUNK_RECORDS]
            rows, rejects, kept = self._parse_chunk(chunk)
            moved = [Reject(r.position + start, r.reason, r.message, r.original) for r in rejects]
            parts.append(Parsed(rows, moved, kept + start))
        merged = merge_parsed(parts, schema=self.schema)
        return merged if merged.rejects else Parsed(merged.rows, [], None)

    def explain(self, value: bytes | None) -> ValueRejectedError | None:
        """Return why `value` is refused, by plain Python; None when nothing is wrong with it."""
        try:
            self._convert(value)
        except ValueRejectedError as error:
            return error
        return None

    def _convert(self, value: bytes | None) -> dict[str, Any]:
        record = decode_object(value, exact=self._exact)
        return convert_json_object(record, self._fields)

    def _parse_chunk(
        self, values: Sequence[bytes | None]
    ) -> tuple[pa.Table, list[Reject], Indices]:
        if not self.vectorised:
            return self._parse_slowly(values)
        try:
            rows, broken = self._parse_whole(values)
            tables = [rows]
        except BatchRefusedError:
            tables, broken = self._parse_around_suspects(values)
        rows = pa.concat_tables(tables) if tables else self.schema.empty_table()
        kept = np.delete(np.arange(len(values), dtype=np.int64), broken)
        return rows, [self._reject(index, values[index]) for index in sorted(broken)], kept

    def _reject(self, position: int, value: bytes | None) -> Reject:
        error = self.explain(value)
        if error is None:
            return Reject(
                position, Reason.OUT_OF_RANGE, "a number has too many digits", value or b""
            )
        return Reject(position, error.reason, error.message, value or b"")

    def _parse_slowly(
        self, values: Sequence[bytes | None]
    ) -> tuple[pa.Table, list[Reject], Indices]:
        rows, rejects, kept = [], [], []
        for index, value in enumerate(values):
            try:
                rows.append(self._convert(value))
                kept.append(index)
            except ValueRejectedError as error:
                rejects.append(Reject(index, error.reason, error.message, value or b""))
        table = pa.Table.from_pylist(rows, schema=self.schema)
        return table, rejects, np.array(kept, dtype=np.int64)

    def _parse_around_suspects(
        self, values: Sequence[bytes | None]
    ) -> tuple[list[pa.Table], list[int]]:
        """Return the good rows in order, and the indices of broken records of a batch that was refused."""
        suspects = [i for i, value in enumerate(values) if self._is_suspect(value)]
        broken = [i for i in suspects if self.explain(values[i]) is not None]
        rest = np.delete(np.arange(len(values), dtype=np.int64), broken)
        try:
            tables, more = self._settle(values, rest, trust=Trust.LOOKED)
        except BatchRefusedError:
            doubted = [i for i in rest.tolist() if self.explain(values[i]) is not None]
            broken += doubted
            rest = np.setdiff1d(rest, doubted)
            tables, more = self._bisect(values, rest)
        return tables, broken + more

    def _settle(
        self, values: Sequence[bytes | None], indices: Indices, *, trust: Trust
    ) -> tuple[list[pa.Table], list[int]]:
        # raw line feeds of a value that is valid JSON can only be white space between its tokens
        picked = [_one_line(values[int(i)]) for i in indices]
        rows, broken = self._parse_whole(picked, trust=trust)
        return [rows], [int(indices[i]) for i in broken]

    def _bisect(
        self, values: Sequence[bytes | None], indices: Indices
    ) -> tuple[list[pa.Table], list[int]]:
        """Part what plain Python accepts from what only the vector parser refuses."""
        if not len(indices):
            return [], []
        try:
            return self._settle(values, indices, trust=Trust.EXPLAINED)
        except BatchRefusedError:
            if len(indices) == 1:
                return [], [int(indices[0])]
        left, right = np.array_split(indices, 2)
        tables, broken = self._bisect(values, left)
        more_tables, more_broken = self._bisect(values, right)
        return tables + more_tables, broken + more_broken

    def _is_suspect(self, value: bytes | None) -> bool:
        if not value or may_be_deep(value) or b"\n" in value or _SURROGATE.search(value):
            return True
        assert self._screen is not None  # noqa: S101 - only vectorised schemas come here
        try:
            self._screen.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return True
        return False

    def _parse_whole(
        self, values: Sequence[bytes | None], *, trust: Trust = Trust.NONE
    ) -> tuple[pa.Table, list[int]]:
        """Return rows, and the indices of those whose texts or nulls break the schema; all or nothing else."""
        if not len(values):
            return self.schema.empty_table(), []
        frame = self._read_frame(values, trust=trust)
        broken = pl.repeat(False, frame.height, eager=True)
        columns = []
        for field in self._fields:
            column, unfit = _finish_column(frame[field.name], field.type)
            columns.append(column.alias(field.name))
            if unfit is not None:
                broken = broken | unfit
            if not field.nullable:
                broken = broken | column.is_null()
        frame = pl.DataFrame(columns)
        indices = broken.arg_true().to_list()
        if indices:
            frame = frame.filter(~broken)
        return to_arrow(frame).cast(self.schema), indices

    def _read_frame(self, values: Sequence[bytes | None], *, trust: Trust) -> pl.DataFrame:
        data = b"\n".join([value or b"" for value in values])
        if data.count(b"\n") != len(values) - 1:
            raise BatchRefusedError
        if trust < Trust.LOOKED and _needs_a_look(values, data):
            raise BatchRefusedError
        categories = pl.Categories.random()  # its own pool: freed with the frame
        dtypes = {field.name: _read_dtype(field.type, categories) for field in self._fields}
        try:
            frame = pl.read_ndjson(data, schema=dtypes)
        except pl.exceptions.PolarsError:
            raise BatchRefusedError from None
        if frame.height != len(values):
            raise BatchRefusedError
        texts = [name for name, dtype in dtypes.items() if isinstance(dtype, pl.Categorical)]
        frame = frame.with_columns(pl.col(texts).cast(pl.String))
        if trust < Trust.EXPLAINED and _holds_number_texts(frame, texts):
            raise BatchRefusedError
        return frame


def _needs_a_look(values: Sequence[bytes | None], data: bytes) -> bool:
    """Tell whether a batch holds what the vector parser would take wrongly, or die of.

    It turns a lone surrogate into U+0000, and overflows its stack at a nesting of some thousands.
    """
    if b"\\" in data and _SURROGATE.search(data) is not None:
        return True
    return any(may_be_deep(value) for value in values if value and len(value) > 2 * MAX_DEPTH)


def _holds_number_texts(frame: pl.DataFrame, names: list[str]) -> bool:
    """Tell whether a text column may hold a number past 64 bits, which a category prints as text."""
    return any(bool(frame[name].str.starts_with(_BIG_NUMBER_TEXT).any()) for name in names)


def _one_line(value: bytes | None) -> bytes | None:
    return value.replace(b"\n", b" ") if value and b"\n" in value else value


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or _is_moment(type_))


def _is_vectorised(type_: pa.DataType) -> bool:
    return bool(
        _is_text(type_)
        or pa.types.is_boolean(type_)
        or pa.types.is_signed_integer(type_)
        or pa.types.is_float32(type_)
        or pa.types.is_float64(type_)
    )


def _holds_decimal(type_: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(type_)) or any(
        _holds_decimal(type_.field(index).type) for index in range(type_.num_fields)
    )


def _is_moment(type_: pa.DataType) -> bool:
    return bool(pa.types.is_date32(type_) or pa.types.is_timestamp(type_))


def _read_dtype(type_: pa.DataType, categories: pl.Categories) -> Any:
    if _is_moment(type_):
        return (
            pl.String
        )  # a number printed as text is no moment either, so that it is refused later
    if _is_text(type_):
        return pl.Categorical(categories)
    if pa.types.is_boolean(type_):
        return pl.Boolean
    if pa.types.is_floating(type_):
        return pl.Float64
    return pl.Int64


def _screen_type(type_: pa.DataType) -> Any:
    if _is_text(type_):
        return str
    if pa.types.is_boolean(type_):
        return bool
    return float if pa.types.is_floating(type_) else int


def _make_screen(schema: pa.Schema) -> msgspec.json.Decoder[Any]:
    """Return a decoder that refuses nearly every record of the wrong types; it judges nothing, it only sorts."""
    fields: list[Any] = []
    for index, field in enumerate(schema):
        type_ = _screen_type(field.type)
        fields.append((f"f{index}", type_ | None, None) if field.nullable else (f"f{index}", type_))
    names = {f"f{index}": field.name for index, field in enumerate(schema)}
    return msgspec.json.Decoder(
        msgspec.defstruct("Row", fields, rename=names, kw_only=True, gc=False)
    )


def _finish_column(column: pl.Series, type_: pa.DataType) -> tuple[pl.Series, pl.Series | None]:
    """Return the column in its final type, and a mask of the values that do not fit it."""
    if _is_moment(type_):
        typed = parse_moments(column, type_)
    elif pa.types.is_float32(type_):
        typed = finite_floats(column, type_)
    elif pa.types.is_signed_integer(type_) and type_.bit_width < 64:  # noqa: PLR2004
        typed = column.cast(_NARROW[type_.bit_width], strict=False)
    else:
        return column, None
    return typed, typed.is_null() & column.is_not_null()
