"""JSON documents: JSON Lines, an array, one object, or an object that holds the list."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from ingestion.formats.base import (
    DEFAULT_OPTIONS,
    FormatOptions,
    Parsed,
    Reason,
    Reject,
    UndecidableSchemaError,
    check_size,
)
from ingestion.formats.json_records import RecordParser
from ingestion.formats.json_value import decode_object, may_be_deep, nesting_depth
from ingestion.formats.values import ValueRejectedError

_SAMPLE_RECORDS = 10_000
_BLANKS = b" \t\r\n"


class JsonFormat:
    """JSON Lines, a JSON array, one object, or an object whose list `options.row_path` names."""

    name: ClassVar[str] = "json"
    media_type: ClassVar[str] = "application/json"

    def infer_schema(self, data: bytes, *, options: FormatOptions = DEFAULT_OPTIONS) -> pa.Schema:
        check_size(data, options=options)
        values = [value for _, value in split_document(data, options=options) or []]
        return infer_record_schema(values[:_SAMPLE_RECORDS])

    def read_document(
        self, data: bytes, *, schema: pa.Schema, options: FormatOptions = DEFAULT_OPTIONS
    ) -> Parsed:
        check_size(data, options=options)
        pieces = split_document(data, options=options)
        if pieces is None:
            message = f"no list at `{options.row_path}`"
            return Parsed(schema.empty_table(), [Reject(1, Reason.BAD_JSON, message, data)])
        parsed = RecordParser(schema).parse([value for _, value in pieces])
        rejects = [
            Reject(pieces[r.position][0], r.reason, r.message, r.original) for r in parsed.rejects
        ]
        return Parsed(parsed.rows, rejects, parsed.kept)

    def read_records(
        self,
        values: Sequence[bytes | None],
        *,
        schema: pa.Schema,
        options: FormatOptions = DEFAULT_OPTIONS,  # noqa: ARG002 - of the interface
    ) -> Parsed:
        return RecordParser(schema).parse(values)


def split_document(data: bytes, *, options: FormatOptions) -> list[tuple[int, bytes]] | None:
    """Return (line from 1, bytes) of each record, one that holds all where nothing can be split.

    None when the document has no list at `options.row_path`.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    if options.row_path or data.lstrip(_BLANKS)[:1] == b"[":
        return _split_list(data, options=options)
    lines = [(n, line) for n, line in enumerate(data.split(b"\n"), 1) if line.strip(_BLANKS)]
    if len(lines) > 1 and not _is_object(lines[0][1]) and _is_object(data):
        return [(lines[0][0], data)]
    return lines


def _is_object(data: bytes) -> bool:
    try:
        decode_object(data)
    except ValueRejectedError:
        return False
    return True


def _split_list(data: bytes, *, options: FormatOptions) -> list[tuple[int, bytes]] | None:
    """Return the elements of the list as they came; a broken list gives its good beginning and the rest as one."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return [(1, data)]
    if may_be_deep(data) and nesting_depth(text) > options.max_depth:
        return [(1, data)]
    start = _find_list(text, options.row_path)
    if start is None:
        return None
    return [(line, piece.encode()) for line, piece in _elements(text, start)]


_TOKEN_GAP = re.compile(r"[ \t\r\n]*")


def _gap(text: str, at: int) -> int:
    match = _TOKEN_GAP.match(text, at)
    return match.end() if match else at


def _find_list(text: str, row_path: str) -> int | None:
    """Return where the list at `row_path` (keys joined by `/`) begins, without decoding its elements."""
    at = _gap(text, 0)
    for key in [part for part in row_path.split("/") if part]:
        found = _find_key(text, at, key)
        if found is None:
            return None
        at = found
    return at if text[at : at + 1] == "[" else None


def _find_key(text: str, at: int, key: str) -> int | None:
    decoder = json.JSONDecoder()
    if text[at : at + 1] != "{":
        return None
    at = _gap(text, at + 1)
    try:
        while text[at : at + 1] == '"':
            name, at = decoder.raw_decode(text, at)
            at = _gap(text, at)
            if text[at : at + 1] != ":":
                return None
            at = _gap(text, at + 1)
            if name == key:
                return at
            _, at = decoder.raw_decode(text, at)
            at = _gap(text, at)
            at = _gap(text, at + 1) if text[at : at + 1] == "," else at
    except ValueError:
        return None
    return None


def _elements(text: str, start: int) -> list[tuple[int, str]]:
    decoder = json.JSONDecoder()
    pieces: list[tuple[int, str]] = []
    at, line, counted = _gap(text, start + 1), 1, 0
    while text[at : at + 1] != "]":
        line += text.count("\n", counted, at)
        counted = at
        try:
            _, end = decoder.raw_decode(text, at)
        except ValueError:
            return [*pieces, (line, text[at:])]
        pieces.append((line, text[at:end]))
        at = _gap(text, end)
        if text[at : at + 1] == ",":
            at = _gap(text, at + 1)
        elif text[at : at + 1] != "]":
            # the list is not closed: what follows is a record of its own, broken by definition
            return [*pieces, (line, text[at:] or text[start : start + 1])]
    return pieces


def infer_record_schema(values: Sequence[bytes | None]) -> pa.Schema:
    """Return a schema of the objects in `values`: of each key the type that most of its values have."""
    seen: dict[str, Counter[pa.DataType]] = {}
    for value in values:
        try:
            record = decode_object(value)
        except ValueRejectedError:
            continue
        for key, item in record.items():
            counter = seen.setdefault(key, Counter())
            if item is not None:
                counter[_infer_type(item)] += 1
    if not seen:
        raise UndecidableSchemaError(
            "no JSON object found, expected at least one to infer a schema"
        )
    return pa.schema([(key, _decide_type(counter)) for key, counter in seen.items()])


def _infer_type(item: Any) -> pa.DataType:
    if isinstance(item, bool):
        return pa.bool_()
    if isinstance(item, int):
        return pa.int64()
    if isinstance(item, float):
        return pa.float64()
    if isinstance(item, list):
        return pa.list_(_decide_type(Counter(_infer_type(x) for x in item if x is not None)))
    if isinstance(item, dict):
        return pa.struct([(key, _infer_type(x)) for key, x in item.items() if x is not None])
    return pa.string()


def _decide_type(counter: Counter[pa.DataType]) -> pa.DataType:
    if not counter:
        return pa.string()
    if counter[pa.float64()] and counter[pa.int64()]:
        counter[pa.float64()] += counter.pop(pa.int64())
    type_, _ = counter.most_common(1)[0]
    if not pa.types.is_struct(type_):
        return type_
    structs = [other for other in counter if pa.types.is_struct(other)]
    merged: dict[str, Counter[pa.DataType]] = {}
    for struct in structs:
        for field in struct:
            merged.setdefault(field.name, Counter())[field.type] += counter[struct]
    return pa.struct([(key, _decide_type(types)) for key, types in merged.items()])
