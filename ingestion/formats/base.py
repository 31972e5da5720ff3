"""The interface of every format, and what it answers with.

A tabular format answers with good rows and with rejects, never with an exception for broken input:
one broken record costs its neighbours nothing. An object format answers with metadata or one reject.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.errors import InvalidInputError, LimitExceededError

# Nesting of JSON and XML: deeper documents are hostile or broken. libxml2 stops at 256 by itself.
MAX_DEPTH = 250
MAX_DOCUMENT_BYTES = 1 << 30


class Reason(StrEnum):
    """Why a record was refused; the code is stable and goes into the dead letters."""

    EMPTY = "empty"
    BAD_UTF8 = "bad_utf8"
    BAD_JSON = "bad_json"
    BAD_XML = "bad_xml"
    BAD_CSV = "bad_csv"
    BAD_AVRO = "bad_avro"
    BAD_PARQUET = "bad_parquet"
    BAD_IMAGE = "bad_image"
    BAD_AUDIO = "bad_audio"
    BAD_TEXT = "bad_text"
    TRUNCATED = "truncated"
    NOT_AN_OBJECT = "not_an_object"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    MISSING_REQUIRED = "missing_required"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that did not become a row.

    `position` is the index in the batch (from 0) for `read_records`, the line (from 1) for `read_document`.
    `original` holds the record's bytes as they came.
    """

    position: int
    reason: Reason
    message: str
    original: bytes


@dataclass(frozen=True, slots=True)
class Parsed:
    """Rows in the schema that was asked for, in input order, and the rejects in input order.

    `kept` holds the batch index of each row, or None when no record was refused.
    """

    rows: pa.Table
    rejects: list[Reject]
    kept: npt.NDArray[np.int64] | None = None

    def with_kept(self, total: int) -> "Parsed":
        """Return itself with `kept` told, when the positions of the rejects are indices below `total`."""
        if not self.rejects:
            return self
        refused = [reject.position for reject in self.rejects]
        kept = np.delete(np.arange(total, dtype=np.int64), refused)
        return Parsed(self.rows, self.rejects, kept)


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """What a source may say about its input; formats ignore what is not theirs.

    `row_path`: the path of row elements from the root, `a/b/row` (XML), or of the list in a JSON object.
    `null_values`: texts that mean null (CSV, XML). `delimiter`, `quote`: CSV. `encoding`: of text documents.
    """

    row_path: str = ""
    null_values: tuple[str, ...] = ("",)
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    max_bytes: int = MAX_DOCUMENT_BYTES
    max_depth: int = MAX_DEPTH
    renames: Mapping[str, str] = field(default_factory=dict)


DEFAULT_OPTIONS = FormatOptions()


class TabularFormat(Protocol):
    """Turns bytes into typed rows.

    INVARIANT: a value of the wrong type is a reject; it never becomes null, truncated or another value.
    """

    name: ClassVar[str]
    media_type: ClassVar[str]

    def infer_schema(self, data: bytes, *, options: FormatOptions = DEFAULT_OPTIONS) -> pa.Schema:
        """Return a schema for `data`, all fields nullable; raises `UndecidableSchemaError` when there is no row."""
        ...

    def read_document(
        self, data: bytes, *, schema: pa.Schema, options: FormatOptions = DEFAULT_OPTIONS
    ) -> Parsed:
        """Return the rows of one file; raises `DocumentTooLargeError` only."""
        ...

    def read_records(
        self,
        values: Sequence[bytes | None],
        *,
        schema: pa.Schema,
        options: FormatOptions = DEFAULT_OPTIONS,
    ) -> Parsed:
        """Return a row for each value of a batch of messages; None is a message without a value."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectMetadata:
    """What is known of one object: `size` in bytes, `checksum` as `sha256:<hex>`, `properties` JSON-safe."""

    media_type: str
    size: int
    checksum: str
    properties: dict[str, Any]


class ObjectFormat(Protocol):
    """Turns the bytes of one object into metadata, or into the reason why it is broken."""

    name: ClassVar[str]
    media_types: ClassVar[frozenset[str]]

    def describe(
        self, data: bytes, *, options: FormatOptions = DEFAULT_OPTIONS
    ) -> ObjectMetadata | Reject:
        """Return metadata of the whole, decodable object; a truncated or hostile one is a reject."""
        ...


class DocumentTooLargeError(LimitExceededError):
    """The document passes the source's `max_bytes`."""

    code = "document-too-large"


class UndecidableSchemaError(InvalidInputError):
    """No schema was declared, and none can be inferred from this input."""

    code = "undecidable-schema"


class UnsupportedTypeError(InvalidInputError):
    """The schema declares a type that this format cannot fill."""

    code = "unsupported-type"


def check_size(data: bytes, *, options: FormatOptions) -> None:
    """Raise `DocumentTooLargeError` when `data` passes `options.max_bytes`."""
    if len(data) > options.max_bytes:
        raise DocumentTooLargeError(
            f"the document has {len(data)} bytes, expected at most {options.max_bytes}",
            limit=options.max_bytes,
        )


def merge_parsed(parts: Sequence[Parsed], *, schema: pa.Schema) -> Parsed:
    """Join parts that carry absolute positions, keeping their order."""
    tables = [part.rows for part in parts if part.rows.num_rows]
    rows = pa.concat_tables(tables) if tables else schema.empty_table()
    rejects = [reject for part in parts for reject in part.rejects]
    kept = [part.kept for part in parts if part.kept is not None]
    return Parsed(rows, rejects, np.concatenate(kept) if kept else None)
