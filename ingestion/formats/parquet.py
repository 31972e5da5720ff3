"""Parquet and Avro object container files: typed already, so a file fits the schema or is refused whole or row by row."""

import io
from collections.abc import Sequence
from typing import ClassVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.formats.base import (
    DEFAULT_OPTIONS,
    FormatOptions,
    Parsed,
    Reason,
    Reject,
    UndecidableSchemaError,
    check_size,
)
from ingestion.formats.columns import to_arrow


class ParquetFormat:
    name: ClassVar[str] = "parquet"
    media_type: ClassVar[str] = "application/vnd.apache.parquet"
    _reason: ClassVar[Reason] = Reason.BAD_PARQUET

    def _read(self, data: bytes) -> pa.Table:
        return pq.read_table(io.BytesIO(data))

    def infer_schema(self, data: bytes, *, options: FormatOptions = DEFAULT_OPTIONS) -> pa.Schema:
        check_size(data, options=options)
        try:
            return self._read(data).schema.remove_metadata()
        except _BROKEN as error:
            raise UndecidableSchemaError(f"not a readable {self.name} file: {error}") from None

    def read_document(
        self, data: bytes, *, schema: pa.Schema, options: FormatOptions = DEFAULT_OPTIONS
    ) -> Parsed:
        check_size(data, options=options)
        try:
            table = self._read(data)
        except _BROKEN as error:
            return Parsed(schema.empty_table(), [Reject(1, self._reason, str(error), data)])
        columns = []
        for field in schema:
            try:
                columns.append(_fit_column(table, field))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                fault = Reject(1, Reason.WRONG_TYPE, f"`{field.name}`: {error}", data)
                return Parsed(schema.empty_table(), [fault])
        return Parsed(pa.Table.from_arrays(columns, schema=schema), [])

    def read_records(
        self,
        values: Sequence[bytes | None],
        *,
        schema: pa.Schema,
        options: FormatOptions = DEFAULT_OPTIONS,
    ) -> Parsed:
        """Read each value as a file of exactly one row."""
        tables, rejects = [], []
        for index, value in enumerate(values):
            parsed = self.read_document(value or b"", schema=schema, options=options)
            if parsed.rows.num_rows == 1 and not parsed.rejects:
                tables.append(parsed.rows)
                continue
            reason = parsed.rejects[0].reason if parsed.rejects else self._reason
            message = parsed.rejects[0].message if parsed.rejects else "expected one row"
            rejects.append(Reject(index, reason if value else Reason.EMPTY, message, value or b""))
        rows = pa.concat_tables(tables) if tables else schema.empty_table()
        return Parsed(rows, rejects).with_kept(len(values))


class AvroFormat(ParquetFormat):
    """Avro object container files (specification 1.11, "Object Container Files")."""

    name: ClassVar[str] = "avro"
    media_type: ClassVar[str] = "application/avro"
    _reason: ClassVar[Reason] = Reason.BAD_AVRO

    def _read(self, data: bytes) -> pa.Table:
        return to_arrow(pl.read_avro(io.BytesIO(data)))


_BROKEN = (pa.ArrowException, OSError, pl.exceptions.PolarsError, EOFError)


def _fit_column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    """Return the column in the field's type without loss; raises `pa.ArrowInvalid` otherwise."""
    if field.name not in table.column_names:
        column = pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    else:
        column = table[field.name]
        if not _is_same_kind(column.type, field.type):
            raise pa.ArrowInvalid(f"{column.type} is not {field.type}")
        column = column.cast(field.type, safe=True)
    if not field.nullable and column.null_count:
        raise pa.ArrowInvalid("a required value is missing")
    return column


def _is_same_kind(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Tell whether a cast only widens or checks: text never becomes a number, nor a number text."""
    kinds = [
        lambda t: pa.types.is_string(t) or pa.types.is_large_string(t),
        pa.types.is_integer,
        lambda t: pa.types.is_floating(t) or pa.types.is_integer(t),
        lambda t: pa.types.is_binary(t) or pa.types.is_large_binary(t),
        pa.types.is_decimal,
    ]
    if pa.types.is_timestamp(found) and pa.types.is_timestamp(wanted):
        return bool((found.tz is None) == (wanted.tz is None))
    return found == wanted or any(kind(found) and kind(wanted) for kind in kinds)
