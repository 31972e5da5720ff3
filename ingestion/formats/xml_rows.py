"""XML: one element is one row, its attributes and its leaf children are the columns.

Entities, external DTDs and the network are off. A well-formed document is read in one pass; of a broken one each
row element is cut out and read alone, so that only the broken elements are refused.
"""

import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa
from lxml import etree

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
from ingestion.formats.text_rows import TextRow, type_rows
from ingestion.formats.values import ValueRejectedError

# Entities expand and reach outside. Element and attribute declarations of an internal subset, which real files such as
# ISO 3166's have, do nothing here: no DTD is loaded, nothing is validated, and no default is filled in.
_DECLARATIONS = re.compile(rb"<!(?:ENTITY|NOTATION)", re.IGNORECASE)

_HEADER_DECLARATION = re.compile(rb"^\s*(?:\xef\xbb\xbf)?<\?xml[^>]*\?>")
_NAMESPACES = re.compile(rb"""xmlns(?::[\w.-]+)?\s*=\s*(?:"[^"<]*"|'[^'<]*')""")
_SELF_CLOSED = re.compile(rb"""<[^\s<>/]+(?:\s+[^\s=<>]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*/>""")


class XmlFormat:
    """XML documents whose row elements `options.row_path` names from the root, or the root's own children."""

    name: ClassVar[str] = "xml"
    media_type: ClassVar[str] = "application/xml"

    def infer_schema(self, data: bytes, *, options: FormatOptions = DEFAULT_OPTIONS) -> pa.Schema:
        rows, _ = self._read(data, options=options)
        names: dict[str, list[str | None]] = {}
        for row in rows:
            for key, text in row.cells.items():
                names.setdefault(key, []).append(text)
        if not names:
            raise UndecidableSchemaError(
                "no row element found, expected at least one to infer a schema"
            )
        columns = {key: pl.Series(texts, dtype=pl.String) for key, texts in names.items()}
        return pa.schema([(key, infer_text_type(texts)) for key, texts in columns.items()])

    def read_document(
        self, data: bytes, *, schema: pa.Schema, options: FormatOptions = DEFAULT_OPTIONS
    ) -> Parsed:
        rows, rejects = self._read(data, options=options)
        return type_rows(rows, rejects, schema=schema)

    def read_records(
        self,
        values: Sequence[bytes | None],
        *,
        schema: pa.Schema,
        options: FormatOptions = DEFAULT_OPTIONS,
    ) -> Parsed:
        rows: list[TextRow] = []
        rejects: list[Reject] = []
        for index, value in enumerate(values):
            try:
                cells = _read_message(value, options=options)
            except ValueRejectedError as error:
                rejects.append(Reject(index, error.reason, error.message, value or b""))
            else:
                rows.append(TextRow(index, cells, value or b""))
        return type_rows(rows, rejects, schema=schema).with_kept(len(values))

    def _read(self, data: bytes, *, options: FormatOptions) -> tuple[list[TextRow], list[Reject]]:
        check_size(data, options=options)
        try:
            return list(_read_whole(data, options=options)), []
        except ValueRejectedError as error:
            if error.reason is Reason.TOO_DEEP:
                return [], [Reject(1, error.reason, error.message, data)]
            return _read_slices(data, error=error, options=options)


def _parser_arguments() -> dict[str, Any]:
    return {
        "resolve_entities": False,
        "no_network": True,
        "load_dtd": False,
        "attribute_defaults": False,
        "dtd_validation": False,
        "huge_tree": False,
        "remove_comments": True,
        "remove_pis": True,
    }


def _refuse_declarations(data: bytes) -> None:
    if _DECLARATIONS.search(data):
        raise ValueRejectedError(Reason.BAD_XML, "declarations of entities are not accepted")


def _local_name(element: Any) -> str:
    return str(etree.QName(element).localname)


def _read_whole(data: bytes, *, options: FormatOptions) -> Iterator[TextRow]:
    """Yield the rows of a well-formed document; raises `ValueRejectedError` at the first fault."""
    _refuse_declarations(data)
    wanted = [part for part in options.row_path.split("/") if part]
    path: list[str] = []
    try:
        for event, element in etree.iterparse(
            io.BytesIO(data), events=("start", "end"), **_parser_arguments()
        ):
            if event == "start":
                path.append(_local_name(element))
                if len(path) > options.max_depth:
                    raise ValueRejectedError(
                        Reason.TOO_DEEP, f"nested deeper than {options.max_depth}"
                    )
                continue
            if _is_row(path, wanted):
                line = element.sourceline or 1
                yield TextRow(line, _cells(element, options=options), _serialise(element))
            path.pop()
            if len(path) <= max(len(wanted) - 1, 1) and element.getparent() is not None:
                _forget(element)
    except etree.XMLSyntaxError as error:
        raise ValueRejectedError(_xml_reason(error, data), str(error.msg or error)) from None


def _is_row(path: list[str], wanted: list[str]) -> bool:
    return path == wanted if wanted else len(path) == 2  # noqa: PLR2004 - the root's children


def _forget(element: Any) -> None:
    """Drop what was read before the element: memory stays one row, whatever the document's size."""
    while element.getprevious() is not None:
        del element.getparent()[0]


def _xml_reason(error: etree.XMLSyntaxError, data: bytes) -> Reason:
    message = str(error.msg or error)
    if message.startswith("Premature end") or not data.rstrip().endswith(b">"):
        return Reason.TRUNCATED
    if "encoding" in message.lower() or "not proper UTF-8" in message:
        return Reason.BAD_UTF8
    return Reason.BAD_XML


def _serialise(element: Any) -> bytes:
    return bytes(etree.tostring(element, with_tail=False, encoding="utf-8"))


def _cells(element: Any, *, options: FormatOptions) -> dict[str, str | None]:
    """Return attributes and leaf children by local name, nested ones as `parent_child`."""
    found: dict[str, list[str]] = {}
    _collect(element, "", found)
    cells: dict[str, str | None] = {}
    for key, texts in found.items():
        # a repeated child is not dropped: its values stand as one JSON array
        text = texts[0] if len(texts) == 1 else json.dumps(texts, ensure_ascii=False)
        name = options.renames.get(key, key)
        cells[name] = None if text in options.null_values else text
    return cells


def _collect(element: Any, prefix: str, found: dict[str, list[str]]) -> None:
    for key, value in element.attrib.items():
        found.setdefault(prefix + str(etree.QName(key).localname), []).append(str(value))
    children = [child for child in element if isinstance(child.tag, str)]
    text = "".join(element.itertext()).strip() if not children else (element.text or "").strip()
    if not children and prefix:
        found.setdefault(prefix.removesuffix("_"), []).append(text)
    elif text:
        found.setdefault(prefix + "text", []).append(text)
    for child in children:
        _collect(child, f"{prefix}{_local_name(child)}_", found)


def _read_message(value: bytes | None, *, options: FormatOptions) -> dict[str, str | None]:
    """Return the cells of a message whose root element is the row."""
    if value is None or not value.strip():
        raise ValueRejectedError(Reason.EMPTY, "the record has no value")
    _refuse_declarations(value)
    try:
        root = etree.fromstring(value, etree.XMLParser(**_parser_arguments()))
    except etree.XMLSyntaxError as error:
        raise ValueRejectedError(_xml_reason(error, value), str(error.msg or error)) from None
    if max(_depths(root, 1)) > options.max_depth:
        raise ValueRejectedError(Reason.TOO_DEEP, f"nested deeper than {options.max_depth}")
    return _cells(root, options=options)


def _depths(element: Any, depth: int) -> Iterator[int]:
    yield depth
    for child in element:
        yield from _depths(child, depth + 1)


def _read_slices(
    data: bytes, *, error: ValueRejectedError, options: FormatOptions
) -> tuple[list[TextRow], list[Reject]]:
    """Read each row element of a broken document alone; the fault itself is a reject as well."""
    tag = options.row_path.rstrip("/").rpartition("/")[2].encode()
    if not tag or _DECLARATIONS.search(data):
        return [], [Reject(1, error.reason, error.message, data)]
    starts = [
        m.start() for m in re.finditer(rb"<(?:[\w.-]+:)?" + re.escape(tag) + rb"(?=[\s/>])", data)
    ]
    if not starts:
        return [], [Reject(1, error.reason, error.message, data)]
    head = data[: starts[0]]
    rows: list[TextRow] = []
    rejects: list[Reject] = []
    line, counted = 1, 0
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        line += data.count(b"\n", counted, start)
        counted = start
        piece = _cut(data[start:end], tag)
        try:
            rows.append(TextRow(line, _read_piece(piece, head, options=options), piece))
        except ValueRejectedError as fault:
            last = end == len(data) and error.reason is Reason.TRUNCATED
            rejects.append(
                Reject(line, Reason.TRUNCATED if last else fault.reason, fault.message, piece)
            )
    if not rejects:
        tail = data[starts[-1] :].removeprefix(_cut(data[starts[-1] :], tag))
        rejects.append(Reject(line, error.reason, error.message, tail))
    return rows, rejects


def _cut(region: bytes, tag: bytes) -> bytes:
    """Return the element at the beginning of `region`, or all of it when its end is missing."""
    closed = _SELF_CLOSED.match(region)
    if closed:
        return closed.group()
    end = re.search(rb"</(?:[\w.-]+:)?" + re.escape(tag) + rb"\s*>", region)
    return region[: end.end()] if end else region


def _read_piece(piece: bytes, head: bytes, *, options: FormatOptions) -> dict[str, str | None]:
    declaration = _HEADER_DECLARATION.match(head)
    namespaces = b" ".join(_NAMESPACES.findall(head))
    wrapped = b"%b<piece %b>%b</piece>" % (
        declaration.group().strip() if declaration else b"",
        namespaces,
        piece,
    )
    try:
        root = etree.fromstring(wrapped, etree.XMLParser(**_parser_arguments()))
    except etree.XMLSyntaxError as error:
        raise ValueRejectedError(_xml_reason(error, piece), str(error.msg or error)) from None
    if len(root) != 1 or max(_depths(root, 1)) > options.max_depth:
        raise ValueRejectedError(Reason.BAD_XML, "expected one element of bounded depth")
    return _cells(root[0], options=options)
