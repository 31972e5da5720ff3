"""Strict conversion of one value: the obvious, slow path, which also words the reasons.

The fast paths never decide by themselves what is refused: what they cannot take is explained here.
"""

import base64
import binascii
import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from ingestion.formats.base import Reason, UnsupportedTypeError

# RFC 3339, section 5.6, with a blank allowed for the T and the offset split off; no leap second.
TIMESTAMP = r"\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?"
OFFSET = r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
DATE = r"\d{4}-\d\d-\d\d"
INTEGER = r"[+-]?\d+"
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"

_TIMESTAMP_RE = re.compile(TIMESTAMP, re.ASCII)
_TIMESTAMP_TZ_RE = re.compile(TIMESTAMP + OFFSET, re.ASCII)
_DATE_RE = re.compile(DATE, re.ASCII)
_INTEGER_RE = re.compile(INTEGER, re.ASCII)
_NUMBER_RE = re.compile(NUMBER, re.ASCII)
_MAX_SHOWN = 40
_FLOAT32_MAX = 3.4028234663852886e38


class ValueRejectedError(ValueError):
    """One value does not fit its field; becomes a `Reject`, never leaves the package."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def wrong_type(value: object, expected: str) -> ValueRejectedError:
    shown = repr(value)
    shown = shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + "…"
    return ValueRejectedError(Reason.WRONG_TYPE, f"{shown} is not {expected}")


def out_of_range(value: object, expected: str) -> ValueRejectedError:
    return ValueRejectedError(
        Reason.OUT_OF_RANGE, f"{str(value)[:_MAX_SHOWN]} is out of range for {expected}"
    )


def integer_bounds(type_: pa.DataType) -> tuple[int, int]:
    """Return the least and the greatest value of a signed integer type."""
    half = 1 << (type_.bit_width - 1)
    return -half, half - 1


def parse_date(text: str) -> dt.date:
    """Parse `YYYY-MM-DD` (RFC 3339 full-date); raises `ValueRejectedError`."""
    if not _DATE_RE.fullmatch(text):
        raise wrong_type(text, "a date (YYYY-MM-DD)")
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise wrong_type(text, "a date of the calendar") from None


def parse_timestamp(text: str, *, with_zone: bool) -> dt.datetime:
    """Parse an RFC 3339 date-time, to UTC when `with_zone`; raises `ValueRejectedError`.

    A zone where none is declared, or none where one is declared, is the wrong type: guessing it shifts hours.
    """
    pattern, expected = (
        (_TIMESTAMP_TZ_RE, "a timestamp with offset (RFC 3339)")
        if with_zone
        else (_TIMESTAMP_RE, "a timestamp without offset")
    )
    if not pattern.fullmatch(text):
        raise wrong_type(text, expected)
    try:
        moment = dt.datetime.fromisoformat(text.upper())
        return moment.astimezone(dt.UTC) if with_zone else moment
    except (ValueError, OverflowError):
        raise wrong_type(text, expected) from None


def _json_boolean(value: Any, _type: pa.DataType) -> Any:
    if isinstance(value, bool):
        return value
    raise wrong_type(value, "a boolean")


def _json_integer(value: Any, type_: pa.DataType) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(value, "an integer")
    low, high = integer_bounds(type_)
    if not low <= value <= high:
        raise out_of_range(value, str(type_))
    return value


def _json_float(value: Any, type_: pa.DataType) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise wrong_type(value, "a number")
    try:
        number = float(value)
    except OverflowError:
        raise out_of_range(value, str(type_)) from None
    if not math.isfinite(number) or (type_.bit_width < 64 and abs(number) > _FLOAT32_MAX):  # noqa: PLR2004
        raise out_of_range(value, str(type_))
    return number


def _json_text(value: Any, _type: pa.DataType) -> Any:
    if isinstance(value, str):
        return value
    raise wrong_type(value, "a string")


def _json_date(value: Any, type_: pa.DataType) -> Any:
    return parse_date(_json_text(value, type_))


def _json_timestamp(value: Any, type_: pa.DataType) -> Any:
    return parse_timestamp(_json_text(value, type_), with_zone=type_.tz is not None)


def _json_binary(value: Any, type_: pa.DataType) -> Any:
    try:
        return base64.b64decode(_json_text(value, type_), validate=True)
    except (binascii.Error, ValueError):
        raise wrong_type(value, "base64") from None


def _json_decimal(value: Any, type_: pa.DataType) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise wrong_type(value, "a decimal number")
    return exact_decimal(str(value), type_)


def exact_decimal(text: str, type_: pa.DataType) -> Decimal:
    """Parse a decimal that loses no digit at the type's scale; raises `ValueRejectedError`."""
    try:
        number = Decimal(text) if _NUMBER_RE.fullmatch(text) else None
    except InvalidOperation:
        number = None
    if number is None:
        raise wrong_type(text, "a decimal number")
    try:
        scaled = number.quantize(Decimal(1).scaleb(-type_.scale))
    except InvalidOperation:
        raise out_of_range(text, str(type_)) from None
    if scaled != number or len(scaled.as_tuple().digits) > type_.precision:
        raise out_of_range(text, str(type_))
    return scaled


def _json_list(value: Any, type_: pa.DataType) -> Any:
    if not isinstance(value, list):
        raise wrong_type(value, "a list")
    return [convert_json(item, type_.value_field) for item in value]


def _json_struct(value: Any, type_: pa.DataType) -> Any:
    if not isinstance(value, dict):
        raise wrong_type(value, "an object")
    return convert_json_object(value, list(type_))


def _json_converter(type_: pa.DataType) -> Callable[[Any, pa.DataType], Any]:
    table: list[tuple[Callable[[pa.DataType], bool], Callable[[Any, pa.DataType], Any]]] = [
        (pa.types.is_boolean, _json_boolean),
        (pa.types.is_signed_integer, _json_integer),
        (pa.types.is_floating, _json_float),
        (lambda t: pa.types.is_string(t) or pa.types.is_large_string(t), _json_text),
        (pa.types.is_date32, _json_date),
        (pa.types.is_timestamp, _json_timestamp),
        (lambda t: pa.types.is_binary(t) or pa.types.is_large_binary(t), _json_binary),
        (pa.types.is_decimal, _json_decimal),
        (lambda t: pa.types.is_list(t) or pa.types.is_large_list(t), _json_list),
        (pa.types.is_struct, _json_struct),
    ]
    for accepts, convert in table:
        if accepts(type_):
            return convert
    raise UnsupportedTypeError(f"`{type_}` cannot be read from JSON", type=str(type_))


def check_json_type(type_: pa.DataType) -> None:
    """Raise `UnsupportedTypeError` unless values of `type_` can be read from JSON."""
    _json_converter(type_)
    for index in range(type_.num_fields):
        check_json_type(type_.field(index).type)


def convert_json(value: Any, field: pa.Field) -> Any:
    """Return `value` (as `json` decodes it) as the field's type; raises `ValueRejectedError`."""
    if value is None:
        if field.nullable:
            return None
        raise ValueRejectedError(Reason.MISSING_REQUIRED, f"`{field.name}` is required")
    try:
        return _json_converter(field.type)(value, field.type)
    except ValueRejectedError as error:
        raise ValueRejectedError(error.reason, f"`{field.name}`: {error.message}") from None


def convert_json_object(value: Mapping[str, Any], fields: list[pa.Field]) -> dict[str, Any]:
    """Return one row of the fields in order; unknown keys are ignored, as in every Iceberg writer."""
    return {field.name: convert_json(value.get(field.name), field) for field in fields}


def convert_text(text: str, type_: pa.DataType) -> Any:
    """Return `text` (a CSV cell, an XML value) as `type_`; raises `ValueRejectedError`."""
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return text
    text = text.strip(" \t\r\n")
    if pa.types.is_boolean(type_):
        if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        raise wrong_type(text, "a boolean")
    if pa.types.is_signed_integer(type_):
        if not _INTEGER_RE.fullmatch(text):
            raise wrong_type(text, "an integer")
        # Python refuses longer texts (its integer digit limit); they are out of any range here
        return _json_integer(int(text), type_) if len(text) < 1000 else _too_long(text, type_)  # noqa: PLR2004
    if pa.types.is_floating(type_):
        if not _NUMBER_RE.fullmatch(text):
            raise wrong_type(text, "a number")
        return _json_float(float(text), type_)
    return _json_converter(type_)(text, type_)


def _too_long(text: str, type_: pa.DataType) -> Any:
    raise out_of_range(text, str(type_))
