"""Lists in an order of the caller's choice, by keyset: as cheap on the last page as on the first, stable under inserts."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from api.pagination import KeysetPagination, decode_cursor, encode_cursor, read_page_size
from api.v1.conditional import FIELDS, sparse, wanted_fields
from core.errors import InvalidInputError

MAX_TEXT = 300


def paging(*orders: str) -> list[OpenApiParameter]:
    """What a list takes beside its filters."""
    return [
        OpenApiParameter("cursor", str),
        OpenApiParameter("page_size", int),
        OpenApiParameter(
            "order", str, enum=[f"{sign}{name}" for name in orders for sign in ("", "-")]
        ),
        FIELDS,
    ]


def page_of(
    rows: QuerySet[Any],
    request: Request,
    *,
    orders: Iterable[str],
    default: str = "",
) -> tuple[list[Any], str | None]:
    """One page of `rows` and the cursor of the next, ordered by `order`: an attribute of `orders`, `-` for descending.

    Rows of equal value are in the order of the primary key. InvalidInputError for an unknown order, or a cursor that was
    not given for this order.
    """
    order = request.query_params.get("order", default)
    name = order.removeprefix("-")
    if order == "-" or (name and name not in orders):
        raise InvalidInputError(f"`order` must be of {', '.join(orders)}, or one of them after `-`")
    sign = "-" if order.startswith("-") else ""
    cursor = request.query_params.get("cursor")
    if cursor:
        rows = rows.filter(_after(rows.model, decode_cursor(cursor), order=order))
    by = [f"{sign}{name}"] if name else []
    size = read_page_size(request.query_params.get("page_size"))
    # One row more than asked for tells whether another page follows, without a count.
    found: list[Any] = list(rows.order_by(*by, f"{sign}pk")[: size + 1])
    if len(found) <= size:
        return found, None
    last = found[size - 1]
    return found[:size], encode_cursor(_place(last, name=name, order=order))


def _place(row: Any, *, name: str, order: str) -> list[Any]:
    key = row.pk if isinstance(row.pk, int) else str(row.pk)
    return [order, getattr(row, name), key] if name else [order, key]


def _after(model: Any, place: Any, *, order: str) -> Q:
    """The rows behind a place, in a form that an index on (value, primary key) serves."""
    name = order.removeprefix("-")
    match place:
        case [str(told), value, int() | str() as key] if name and told == order:
            pass
        case [str(told), int() | str() as key] if not name and told == order:
            value = None
        case _:
            raise _foreign()
    side = "lt" if order.startswith("-") else "gt"
    try:
        model._meta.pk.to_python(key)  # noqa: SLF001 - Django's documented Model _meta API
        if not name:
            return Q(**{f"pk__{side}": key})
        value = model._meta.get_field(name).to_python(value)  # noqa: SLF001
    except (ValidationError, FieldDoesNotExist, TypeError, ValueError):
        raise _foreign() from None
    if value is None:
        raise _foreign()
    return Q(**{f"{name}__{side}e": value}) & (
        Q(**{f"{name}__{side}": value}) | Q(**{f"pk__{side}": key})
    )


def _foreign() -> InvalidInputError:
    return InvalidInputError("`cursor` must be one that a former page of this order gave")


def listed(
    request: Request,
    rows: Iterable[Any],
    cursor: str | None,
    *,
    render: Callable[[Any], Mapping[str, Any]],
    members: Iterable[str],
    total: int | None = None,
) -> Response:
    """The page as it is sent, each row with the members that `fields` asks for; `total`, if known, is of all pages."""
    names = wanted_fields(request, known=members)
    items = [sparse(render(row), names) for row in rows]
    counted = {} if total is None else {"total": total}
    return Response({"items": items, "next_cursor": cursor, **counted})


class CountedPages(KeysetPagination):
    """Describes pages that tell how many rows there are on all of them together."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        described["required"].append("total")
        described["properties"]["total"] = {"type": "integer"}
        return described


def text_of(request: Request, name: str = "q") -> str:
    """A search text of the query, "" for none; InvalidInputError if it is too long."""
    text = request.query_params.get(name, "").strip()
    if len(text) > MAX_TEXT:
        raise InvalidInputError(f"`{name}` has at most {MAX_TEXT} characters")
    return text


def read_uuid(raw: str, *, name: str) -> UUID:
    """The UUID of a parameter; InvalidInputError if it is none."""
    try:
        return UUID(raw)
    except ValueError:
        raise InvalidInputError(f"`{name}` must be a UUID") from None


def read_instant(raw: str, *, name: str) -> datetime:
    """The instant of a parameter (RFC 3339); InvalidInputError if it is none or has no zone."""
    try:
        found = parse_datetime(raw.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInputError(f"`{name}` must be an instant such as 2026-01-31T12:00:00Z")
    return found
