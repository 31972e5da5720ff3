"""CSV (RFC 4180): a header line, then one record a line; quoted fields may hold line feeds.

Cells are read as text by pyarrow and typed column by column. pyarrow hands over the lines with the wrong
number of fields; a document that it cannot read is read record by record by Python's `csv`.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from ingestion.formats.base import (
    DEFAULT_OPTIONS,
    FormatOptions,
    Parsed,
    Reason,
    Reject,
    UndecidableSchemaError,
    check_size,
)
from ingestion.formats.columns import infer_text_type
from ingestion.formats.text_rows import TextRow, type_columns, type_rows

_BLOCK_BYTES = 8 << 20
_MAX_FIELD_BYTES = 16 << 20


class CsvFormat:
    name: ClassVar[str] = "csv"
    media_type: ClassVar[str] = "text/csv"

    def infer_schema(self, data: bytes, *, options: FormatOptions = DEFAULT_OPTIONS) -> pa.Schema:
        check_size(data, options=options)
        header = _header(data, options=options)
        texts = _read_texts(data, header, options=options)
        if texts is None:
            rows, _ = _read_slowly(data, header, options=options)
            texts = {
                name: pl.Series([row.cells.get(name) for row in rows], dtype=pl.String)
                for name in header
            }
        if not header:
            raise UndecidableSchemaError("the document has no header line")
        return pa.schema([(name, infer_text_type(texts[name])) for name in header])

    def read_document(
        self, data: bytes, *, schema: pa.Schema, options: FormatOptions = DEFAULT_OPTIONS
    ) -> Parsed:
        check_size(data, options=options)
        header = _header(data, options=options)
        texts = _read_texts(data, header, options=options)
        if texts is not None:
            height = len(next(iter(texts.values()))) if texts else 0
            rows, unfit = type_columns(texts, schema=schema, height=height)
            if not unfit:
                return Parsed(rows, [])
        slow_rows, rejects = _read_slowly(data, header, options=options)
        return type_rows(slow_rows, rejects, schema=schema)

    def read_records(
        self,
        values: Sequence[bytes | None],
        *,
        schema: pa.Schema,
        options: FormatOptions = DEFAULT_OPTIONS,
    ) -> Parsed:
        """Read each value as one line without a header, its cells in the order of the schema."""
        header = list(schema.names)
        rows: list[TextRow] = []
        rejects: list[Reject] = []
        for index, value in enumerate(values):
            found, broken = _read_slowly(value or b"", header, options=options, skip_header=False)
            if len(found) == 1 and not broken:
                rows.append(TextRow(index, found[0].cells, value or b""))
            elif value is None or not value.strip():
                rejects.append(Reject(index, Reason.EMPTY, "the record has no value", b""))
            else:
                fault = broken[0] if broken else None
                reason = fault.reason if fault else Reason.BAD_CSV
                message = fault.message if fault else "expected one line"
                rejects.append(Reject(index, reason, message, value))
        return type_rows(rows, rejects, schema=schema).with_kept(len(values))


def _header(data: bytes, *, options: FormatOptions) -> list[str]:
    for record, _, _ in _records(data, options=options):
        if isinstance(record, list):
            return [options.renames.get(name, name) for name in record]
        break
    return []


def _read_texts(
    data: bytes, header: list[str], *, options: FormatOptions
) -> dict[str, pl.Series] | None:
    """Return the cells by column, or None when any record needs a closer look."""
    if not header or len(set(header)) != len(header):
        return None
    try:
        table = pa_csv.read_csv(
            io.BytesIO(data),
            read_options=pa_csv.ReadOptions(
                column_names=header,
                skip_rows_after_names=1,
                block_size=_BLOCK_BYTES,
                encoding=options.encoding,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=options.delimiter, quote_char=options.quote, newlines_in_values=True
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.large_string()),
                null_values=list(options.null_values),
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    return {name: pl.Series(name, pl.from_arrow(table[name])) for name in header}


class _Lines(Iterator[str]):
    """Feeds lines to `csv.reader` and keeps what it took, so that a record's own text can be told."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.taken: list[str] = []

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken.append(line)
        return line


def _records(
    data: bytes, *, options: FormatOptions
) -> Iterator[tuple[list[str] | str, int, bytes]]:
    """Yield (fields, or what is wrong; line from 1; original bytes) of every record."""
    text = data.decode(options.encoding, errors="surrogateescape").removeprefix("\ufeff")
    lines = _Lines(io.StringIO(text, newline=""))
    csv.field_size_limit(_MAX_FIELD_BYTES)
    reader = csv.reader(lines, delimiter=options.delimiter, quotechar=options.quote, strict=True)
    line = 1
    while True:
        try:
            fields: list[str] | str = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fields = str(error)
        taken = "".join(lines.taken)
        if fields:
            yield fields, line, taken.encode(options.encoding, errors="surrogateescape")
        line += len(lines.taken)
        lines.taken.clear()


def _read_slowly(
    data: bytes, header: list[str], *, options: FormatOptions, skip_header: bool = True
) -> tuple[list[TextRow], list[Reject]]:
    rows: list[TextRow] = []
    rejects: list[Reject] = []
    for index, (fields, line, original) in enumerate(_records(data, options=options)):
        if index == 0 and skip_header:
            continue
        if isinstance(fields, str):
            cut = "unexpected end" in fields
            reason = Reason.TRUNCATED if cut else Reason.BAD_CSV
            rejects.append(Reject(line, reason, fields, original))
        elif len(fields) != len(header):
            message = f"{len(fields)} fields, expected {len(header)}"
            rejects.append(Reject(line, Reason.BAD_CSV, message, original))
        elif not _is_encoded(original, options.encoding):
            rejects.append(Reject(line, Reason.BAD_UTF8, f"not {options.encoding}", original))
        else:
            cells = {
                name: None if text in options.null_values else text
                for name, text in zip(header, fields, strict=True)
            }
            rows.append(TextRow(line, cells, original))
    return rows, rejects


def _is_encoded(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
