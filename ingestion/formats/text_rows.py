"""Rows of texts (CSV cells, XML values) to typed rows: the half that CSV and XML share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from ingestion.formats.base import Parsed, Reason, Reject
from ingestion.formats.columns import parse_texts, to_arrow
from ingestion.formats.values import ValueRejectedError, convert_text


@dataclass(frozen=True, slots=True)
class TextRow:
    """One record: `cells` by column name, None for null; `original` as it stood in the document."""

    position: int
    cells: dict[str, str | None]
    original: bytes


def type_columns(
    columns: Mapping[str, pl.Series], *, schema: pa.Schema, height: int
) -> tuple[pa.Table, list[int]]:
    """Return the rows that fit `schema`, and the indices of those that do not; a missing column is null."""
    absent = pl.Series([None] * height, dtype=pl.String)
    unfit = pl.repeat(False, height, eager=True)
    typed = []
    for field in schema:
        texts = columns.get(field.name, absent)
        column = parse_texts(texts, field.type)
        unfit = unfit | (column.is_null() & texts.is_not_null())
        if not field.nullable:
            unfit = unfit | column.is_null()
        typed.append(column.alias(field.name))
    frame = pl.DataFrame(typed).filter(~unfit)
    return to_arrow(frame).cast(schema), unfit.arg_true().to_list()


def explain_cells(cells: Mapping[str, str | None], *, schema: pa.Schema) -> ValueRejectedError:
    """Return why one row of texts does not fit `schema`."""
    for field in schema:
        text = cells.get(field.name)
        if text is None:
            if not field.nullable:
                return ValueRejectedError(Reason.MISSING_REQUIRED, f"`{field.name}` is required")
            continue
        try:
            convert_text(text, field.type)
        except ValueRejectedError as error:
            return ValueRejectedError(error.reason, f"`{field.name}`: {error.message}")
    return ValueRejectedError(Reason.WRONG_TYPE, "the row does not fit the schema")


def type_rows(rows: Sequence[TextRow], rejects: Sequence[Reject], *, schema: pa.Schema) -> Parsed:
    """Return the rows typed, and `rejects` together with the rows that do not fit, by position."""
    columns = {
        field.name: pl.Series([row.cells.get(field.name) for row in rows], dtype=pl.String)
        for field in schema
    }
    table, unfit = type_columns(columns, schema=schema, height=len(rows))
    refused = list(rejects)
    for index in unfit:
        row = rows[index]
        error = explain_cells(row.cells, schema=schema)
        refused.append(Reject(row.position, error.reason, error.message, row.original))
    return Parsed(table, sorted(refused, key=lambda reject: reject.position))
