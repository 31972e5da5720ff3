"""JSON bodies within limits: nothing that a client sends may exhaust the stack or reach PostgreSQL unreadable."""

from collections.abc import Iterable, Mapping
from typing import IO, Any

import orjson
from rest_framework.parsers import BaseParser

from core.errors import InvalidInputError, LimitExceededError
from core.limits import JSON_DEPTH

# How JSON (RFC 8259 §7) can write U+0000, which PostgreSQL refuses in `text` and in `jsonb`.
ESCAPED_NUL = b"\\u0000"


def load_json(raw: bytes, *, max_depth: int = JSON_DEPTH) -> Any:
    """The JSON value of `raw`: UTF-8, finite numbers, no NUL in its strings, nested at most `max_depth` deep.

    Raises InvalidInputError with line and column, or LimitExceededError for the depth. Of two equal keys of
    one object the last one counts (RFC 8259 §4 leaves it open).
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if error.msg.startswith("depth limit"):
            raise _too_deep(max_depth) from None
        raise InvalidInputError(
            f"the body is not JSON: {error.msg}", line=error.lineno, column=error.colno
        ) from None
    _check(value, max_depth=max_depth, may_hold_nul=ESCAPED_NUL in raw)
    return value


def _check(value: Any, *, max_depth: int, may_hold_nul: bool) -> None:
    """Walk level by level, so that the depth of the input is never the depth of our stack."""
    level = [value]
    for _ in range(max_depth):
        if may_hold_nul and any(_holds_nul(each) for each in level):
            raise InvalidInputError("a text must not hold the character U+0000")
        level = [
            child
            for parent in level
            for child in _members(parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise _too_deep(max_depth)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _holds_nul(value: Any) -> bool:
    keys = value if isinstance(value, dict) else ()
    return any(isinstance(text, str) and "\0" in text for text in (value, *keys, *_members(value)))


def _too_deep(max_depth: int) -> LimitExceededError:
    return LimitExceededError("the JSON nests too deep", limit="depth", max_depth=max_depth)


class LimitedJSONParser(BaseParser):
    """DRF's JSON parser with the limits of `load_json`."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        del media_type, parser_context
        return load_json(stream.read())
