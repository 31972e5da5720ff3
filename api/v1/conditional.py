"""Entity tags: requests that hold only while the caller has seen the newest state (RFC 9110 §13), and sparse answers.

A tag is a hash of the whole representation that this caller would get, `fields` or not: it changes exactly when that
changes, differs between callers who see different things, and tells nothing of what is hidden.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from django.conf import settings
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidInputError, LakewardenError

MAX_NAMES = 40
_NAMES = re.compile(r"[a-z_]+(,[a-z_]+)*")

FIELDS = OpenApiParameter("fields", str, description="only these members, by commas")
IF_MATCH = OpenApiParameter(
    "If-Match", str, "header", description="the ETag that was read; 412 if the entry moved on"
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, "header", description="an ETag; 304 while it still holds"
)


class PreconditionFailedError(LakewardenError):
    """The entry changed since the caller read it."""

    code = "precondition-failed"
    status = 412


class PreconditionRequiredError(LakewardenError):
    """The change must say which state it is meant for (`If-Match`); `LAKEWARDEN_REQUIRE_IF_MATCH` demands that."""

    code = "precondition-required"
    status = 428


def etag_of(data: Mapping[str, Any]) -> str:
    """The strong entity tag of a representation."""
    # Rendered as it will be sent, so that a date or a UUID is the same text here and there.
    rendered = orjson.loads(JSONRenderer().render(data))
    raw = orjson.dumps(rendered, option=orjson.OPT_SORT_KEYS)
    return f'"{hashlib.sha256(raw).hexdigest()[:32]}"'


def require_match(request: Request, data: Mapping[str, Any]) -> None:
    """Raise unless `If-Match` fits what the caller would see now.

    PreconditionFailedError if it does not; PreconditionRequiredError if there is none and the setting demands it. The
    caller holds the lock of the entry, so that of two writers with the same tag one is refused.
    """
    raw = request.headers.get("If-Match")
    if raw is None:
        if settings.LAKEWARDEN.require_if_match:
            raise PreconditionRequiredError("send `If-Match` with the ETag that you read, or `*`")
        return
    tags = parse_etags(raw)
    if tags != ["*"] and etag_of(data) not in tags:
        raise PreconditionFailedError("the entry changed since it was read; read it again")


def answer(request: Request, data: Mapping[str, Any], *, status: int = 200) -> Response:
    """The representation with its ETag, as far as `fields` asks for it; 304 where `If-None-Match` holds."""
    etag = etag_of(data)
    if request.method in {"GET", "HEAD"} and _is_known(request, etag):
        return Response(status=304, headers={"ETag": etag})
    names = wanted_fields(request, known=data)
    return Response(sparse(data, names), status, headers={"ETag": etag})


def _is_known(request: Request, etag: str) -> bool:
    tags = parse_etags(request.headers.get("If-None-Match", ""))
    return tags == ["*"] or etag in {each.removeprefix("W/") for each in tags}


def wanted_fields(request: Request, *, known: Iterable[str]) -> frozenset[str] | None:
    """The members that `fields` names, None for all; InvalidInputError if one is none of `known`."""
    raw = request.query_params.get("fields")
    if raw is None:
        return None
    names = frozenset(raw.split(","))
    if not _NAMES.fullmatch(raw) or len(names) > MAX_NAMES or not names <= {*known}:
        raise InvalidInputError(f"`fields` must be of {', '.join(sorted(known))}")
    return names


def sparse(data: Mapping[str, Any], names: frozenset[str] | None) -> Mapping[str, Any]:
    """Only the members of these names; all for None."""
    return data if names is None else {key: data[key] for key in data if key in names}


def members_of(serializer: type[serializers.BaseSerializer[Any]]) -> list[str]:
    """The names of the members that a serializer writes."""
    return [*getattr(serializer(), "fields", {})]
