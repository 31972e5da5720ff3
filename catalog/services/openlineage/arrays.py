"""Arrays as PostgreSQL takes them in binary form: a value for each event of a batch, bound without a copy as text.

Source: PostgreSQL's `array_recv` and the `*_recv` functions of the element types. psycopg's own dumpers look at each
element to find its type, which costs more than the statements that the arrays are for.
"""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

_NULL = b"\xff\xff\xff\xff"
_EIGHT = b"\x00\x00\x00\x08"
_SIXTEEN = b"\x00\x00\x00\x10"
_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
_header = struct.Struct("!iiiii")
_length = struct.Struct("!i")
_int8 = struct.Struct("!q")


def _of_int8(value: int) -> bytes:
    return _EIGHT + _int8.pack(value)


def _of_uuid(value: Any) -> bytes:
    raw: bytes = value.bytes
    return _SIXTEEN + raw


def _of_text(value: str) -> bytes:
    raw = value.encode()
    return _length.pack(len(raw)) + raw


def _of_bytes(value: bytes) -> bytes:
    return _length.pack(len(value)) + value


def _of_json(value: str) -> bytes:
    """JSON text, after the version of the form."""
    raw = value.encode()
    return _length.pack(len(raw) + 1) + b"\x01" + raw


def _of_time(value: datetime) -> bytes:
    """Microseconds since 2000 in UTC."""
    since = value - _BEGIN
    return _of_int8((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _of_bool(value: bool) -> bytes:  # noqa: FBT001 - an element, as the others
    return b"\x00\x00\x00\x01\x01" if value else b"\x00\x00\x00\x01\x00"


# By the name of the type in a cast: its number in `pg_type`, and the form of an element.
ELEMENTS: dict[str, tuple[int, Callable[[Any], bytes]]] = {
    "bigint": (20, _of_int8),
    "boolean": (16, _of_bool),
    "bytea": (17, _of_bytes),
    "jsonb": (3802, _of_json),
    "text": (25, _of_text),
    "timestamptz": (1184, _of_time),
    "uuid": (2950, _of_uuid),
}


def encode_array(values: Sequence[Any], *, element: str) -> bytes:
    """One dimension of elements of a type in `ELEMENTS`; None is NULL."""
    number, encode = ELEMENTS[element]
    if not values:
        return _header.pack(0, 0, number, 0, 0)[:12]
    parts = [_header.pack(1, 0, number, len(values), 1)]
    parts += [_NULL if value is None else encode(value) for value in values]
    return b"".join(parts)
