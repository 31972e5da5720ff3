"""The filters of dataset lists and of search, as `governance.search` takes them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from api.pagination import decode_cursor, read_page_size
from api.v1.lists import read_instant, read_uuid
from catalog.models import Dataset
from catalog.queries.glossary import bearing_term
from catalog.queries.search import MAX_QUERY
from core.errors import InvalidInputError
from governance.effective.ids import FrozenIds, Ids
from governance.effective.look import NOBODY, Filters, find_subject
from governance.effective.pages import page_rows
from governance.policy.types import Subject

MAX_KEY = 2**63 - 1
FILTERS = [
    OpenApiParameter("q", str, description="words, each whole, its beginning or a part of it"),
    OpenApiParameter("namespace", str),
    OpenApiParameter("kind", str),
    OpenApiParameter("domain", str, description="slug; what lies below it counts too"),
    OpenApiParameter("tag", str, description="on the dataset or on a field"),
    OpenApiParameter("term", UUID, description="on the dataset or on a field"),
    OpenApiParameter("owner", str, description="user:NAME or group:NAME"),
    OpenApiParameter("updated_since", datetime, description="not before this instant"),
]


def read_text(request: Request) -> str:
    """The search text, "" for none; InvalidInputError if it is too long."""
    text: str = request.query_params.get("q", "").strip().replace("\x00", "")
    if len(text) > MAX_QUERY:
        raise InvalidInputError(f"`q` has at most {MAX_QUERY} characters")
    return text


def read_filters(request: Request) -> Filters:
    """What the query asks for; InvalidInputError for a form that is none."""
    # PostgreSQL refuses NUL in text
    given = {name: str(value).replace("\x00", "") for name, value in request.query_params.items()}
    return Filters(
        namespace=given.get("namespace"),
        kind=given.get("kind"),
        domain=given.get("domain"),
        tag=given.get("tag"),
        owner=_owner(given["owner"]) if "owner" in given else None,
        among=_updated(given["updated_since"]) if "updated_since" in given else (),
        described_among=(
            (bearing_term(read_uuid(given["term"], name="term")),) if "term" in given else ()
        ),
    )


def _updated(raw: str) -> tuple[QuerySet[Dataset], ...]:
    since = read_instant(raw, name="updated_since")
    return (Dataset.objects.live().filter(updated_at__gte=since),)


def _owner(raw: str) -> Subject:
    kind, colon, name = raw.partition(":")
    if kind not in {"user", "group"} or not colon or not name:
        raise InvalidInputError("`owner` must be `user:NAME` or `group:NAME`")
    return find_subject(kind, name) or NOBODY


def next_rows(
    found: Ids | FrozenIds, request: Request, *, orders: Collection[str] = ()
) -> QuerySet[Any]:
    """Few datasets of `found` among which the page is that the request asks for, by its cursor, size and order.

    A cursor is the last primary key, or a list that ends with it; `orders` are the attributes that `order` may name.
    """
    after = None
    if cursor := request.query_params.get("cursor"):
        place = decode_cursor(cursor)
        after = place[-1] if isinstance(place, list) and place else place
        if type(after) is not int or not 0 < after <= MAX_KEY:
            raise InvalidInputError("`cursor` must be one that a former page gave")
    order = request.query_params.get("order", "") if orders else ""
    size = read_page_size(request.query_params.get("page_size"))
    return page_rows(found, order=order, after=after, count=size + 1)
