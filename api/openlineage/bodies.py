"""Reading event bodies within limits: size, nesting, number, and gzip that does not explode."""

import zlib
from collections.abc import Iterator
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from core.errors import InvalidInputError, LimitExceededError
from core.limits import JSON_DEPTH_LINEAGE

MAX_BATCH = 10_000
GZIP_WINDOW = 31
# What parsed JSON nests by: these types and no subclass of them.
CONTAINERS = frozenset({dict, list})


def read_body(request: HttpRequest) -> bytes:
    """The body, unpacked if it is gzip; LimitExceededError above `max_body_bytes` packed or unpacked."""
    try:
        raw = request.body
    except RequestDataTooBig:
        raise _too_large(settings.LAKEWARDEN.max_body_bytes) from None
    return unpack_body(raw, coding=request.headers.get("Content-Encoding", "identity"))


def unpack_body(raw: bytes, *, coding: str) -> bytes:
    """`raw` without its content coding, gzip or identity; LimitExceededError above `max_body_bytes`."""
    name = coding.strip().lower()
    if name == "identity":
        return raw
    if name != "gzip":
        raise InvalidInputError("`Content-Encoding` must be gzip or identity")
    return _unpack(raw, limit=settings.LAKEWARDEN.max_body_bytes)


def _unpack(raw: bytes, *, limit: int) -> bytes:
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    try:
        body = unpacker.decompress(raw, limit + 1)
    except zlib.error:
        raise InvalidInputError("the body is not gzip") from None
    if len(body) > limit:
        raise _too_large(limit)
    if not unpacker.eof:
        raise InvalidInputError("the gzip body is cut off")
    return body


def _too_large(limit: int) -> LimitExceededError:
    return LimitExceededError("the body is too large", limit="body", max_bytes=limit)


def read_json(raw: bytes) -> Any:
    """The JSON value; InvalidInputError if it is none, LimitExceededError if it nests too deep."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(
            "the body is not JSON", line=error.lineno, column=error.colno
        ) from None
    check_depth(value)
    return value


def check_depth(value: Any) -> None:
    """Raise LimitExceededError if objects and arrays nest deeper than JSON_DEPTH_LINEAGE."""
    level = [value] if type(value) in CONTAINERS else []
    for _ in range(JSON_DEPTH_LINEAGE + 1):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) in CONTAINERS
        ]
        if not level:
            return
    raise LimitExceededError("the JSON nests too deep", limit="depth", max_depth=JSON_DEPTH_LINEAGE)


def read_batch(raw: bytes) -> Iterator[Any]:
    """The events of a JSON array, or of NDJSON (one a line); one that cannot be read is yielded as its error."""
    text = raw.lstrip()
    if text[:1] == b"[":
        events = read_json(text)
        if len(events) > MAX_BATCH:
            raise _too_many()
        yield from events
        return
    lines = [line for line in raw.split(b"\n") if line.strip()]
    if len(lines) > MAX_BATCH:
        raise _too_many()
    for line in lines:
        try:
            yield read_json(line)
        except (InvalidInputError, LimitExceededError) as error:
            yield error


def _too_many() -> LimitExceededError:
    return LimitExceededError("too many events", limit="batch", max_events=MAX_BATCH)
