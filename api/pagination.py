"""Keyset pages: stable under inserts, and as cheap on the last page as on the first."""

import base64
import binascii
import re
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidInputError

MAX_PAGE_SIZE = 500
DEFAULT_PAGE_SIZE = 50
MAX_CURSOR_LENGTH = 400
_SIZE = re.compile(r"[0-9]{1,3}")


def read_page_size(raw: str | None) -> int:
    """`page_size` from 1 to 500, 50 when not given; InvalidInputError otherwise."""
    if raw is None:
        return DEFAULT_PAGE_SIZE
    if not _SIZE.fullmatch(raw) or not 1 <= int(raw) <= MAX_PAGE_SIZE:
        raise InvalidInputError(f"`page_size` must be a whole number from 1 to {MAX_PAGE_SIZE}")
    return int(raw)


def encode_cursor(value: Any) -> str:
    """An opaque text for `value` (JSON)."""
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")


def decode_cursor(text: str) -> Any:
    """The value of `encode_cursor`; InvalidInputError if it is not one of ours."""
    if len(text) <= MAX_CURSOR_LENGTH:
        try:
            return orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, binascii.Error):
            pass
    raise _foreign_cursor()


def _foreign_cursor() -> InvalidInputError:
    return InvalidInputError("`cursor` must be one that a former page gave")


class KeysetPagination(BasePagination):
    """Pages in the order of the primary key, ascending, or descending if the view sets `newest_first`."""

    def __init__(self) -> None:
        self.next_cursor: str | None = None

    def paginate_queryset(
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any]:
        size = read_page_size(request.query_params.get("page_size"))
        newest_first = getattr(view, "newest_first", False)
        cursor = request.query_params.get("cursor")
        if cursor:
            last = decode_cursor(cursor)
            try:
                queryset.model._meta.pk.to_python(last)  # noqa: SLF001 - Django's documented Model _meta API
            except ValidationError:
                raise _foreign_cursor() from None
            if type(last) not in {int, str}:
                raise _foreign_cursor()
            queryset = queryset.filter(**{"pk__lt" if newest_first else "pk__gt": last})
        # One row more than asked for tells whether another page follows, without a count.
        rows: list[Any] = list(queryset.order_by("-pk" if newest_first else "pk")[: size + 1])
        if len(rows) > size:
            rows = rows[:size]
            last_pk = rows[-1].pk
            self.next_cursor = encode_cursor(last_pk if isinstance(last_pk, int) else str(last_pk))
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"items": data, "next_cursor": self.next_cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": schema,
                "next_cursor": {"type": ["string", "null"]},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        del view
        return [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}},
            {
                "name": "page_size",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE},
            },
        ]
