"""One JSON text to one Python object, as strictly as RFC 8259 asks."""

import json
import re
from decimal import Decimal
from typing import Any

import orjson

from ingestion.formats.base import MAX_DEPTH, Reason
from ingestion.formats.values import ValueRejectedError

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for key, value in pairs:
        record.setdefault(key, value)
    return record


def decode_object(value: bytes | None, *, exact: bool = False) -> dict[str, Any]:
    """Return the object that `value` holds, decimals unrounded when `exact`; raises `ValueRejectedError`."""
    if value is None or not value.strip(b" \t\r\n"):
        raise ValueRejectedError(Reason.EMPTY, "the record has no value")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise ValueRejectedError(Reason.BAD_UTF8, f"byte {error.start} is not UTF-8") from None
    if may_be_deep(value) and nesting_depth(text) > MAX_DEPTH:
        raise ValueRejectedError(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH}")
    try:
        orjson.loads(value)  # the strict judge of RFC 8259: no NaN, no lone surrogate
        record = json.loads(
            text, object_pairs_hook=_first_wins, parse_float=Decimal if exact else float
        )
    except ValueError as error:
        cut = _is_cut(text)
        reason = Reason.TRUNCATED if cut else Reason.BAD_JSON
        raise ValueRejectedError(reason, str(error)) from None
    if not isinstance(record, dict):
        raise ValueRejectedError(Reason.NOT_AN_OBJECT, "expected one JSON object")
    return record


def nesting_depth(text: str) -> int:
    """Return the deepest nesting of brackets outside strings, without recursion."""
    depth = deepest = 0
    for mark in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if mark in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _is_cut(text: str) -> bool:
    """Tell whether the text is the beginning of an object whose end is missing."""
    bare = _STRING.sub("", text)
    return bare.lstrip()[:1] in {"{", "["} and (
        '"' in bare or bare.count("{") > bare.count("}") or bare.count("[") > bare.count("]")
    )


def may_be_deep(value: bytes) -> bool:
    """Tell cheaply whether `value` could nest deeper than `MAX_DEPTH`."""
    return len(value) > 2 * MAX_DEPTH and value.count(b"[") + value.count(b"{") > MAX_DEPTH
