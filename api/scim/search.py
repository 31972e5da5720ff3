"""Lists of resources: filtered, ordered and paged in the database (RFC 7644 §3.4.2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, F, QuerySet, TextField, Value
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from scim2_models import (
    Context,
    InvalidFilterException,
    InvalidPathException,
    ListResponse,
    ResponseParameters,
    SearchRequest,
)
from scim2_models.path import AttrPath

from api.scim import schemas
from api.scim.filters import (
    GROUP_ATTRIBUTES,
    USER_ATTRIBUTES,
    Attributes,
    condition_of,
    key_of_order,
)
from api.scim.rendering import groups, render_group, render_user, users
from api.scim.requests import read_object, scim_response

MAX_FILTER = 4096
_LIST_PARAMETERS = (
    "attributes",
    "excludedAttributes",
    "filter",
    "sortBy",
    "sortOrder",
    "startIndex",
    "count",
)


@dataclass(frozen=True)
class Kind:
    """One type of resource: its rows, its attributes, and how a row is shown."""

    name: str
    rows: Callable[[], QuerySet[Any]]
    attributes: Attributes
    render: Callable[[Any], Any]


USERS = Kind("User", users, USER_ATTRIBUTES, render_user)
GROUPS = Kind("Group", groups, GROUP_ATTRIBUTES, render_group)


def parameters_of(request: HttpRequest, model: Any) -> ResponseParameters[Any]:
    """`attributes` and `excludedAttributes` of the query."""
    names = ("attributes", "excludedAttributes")
    given = {name: request.GET[name] for name in names if name in request.GET}
    found: ResponseParameters[Any] = ResponseParameters[model].model_validate(given)
    return found


def list_users(request: HttpRequest) -> HttpResponse:
    return _page(_in_query(request, schemas.EXTENDED_USER), [USERS])


def search_users(request: HttpRequest) -> HttpResponse:
    return _page(_in_body(request, schemas.EXTENDED_USER), [USERS])


def list_groups(request: HttpRequest) -> HttpResponse:
    return _page(_in_query(request, schemas.Group), [GROUPS])


def search_groups(request: HttpRequest) -> HttpResponse:
    return _page(_in_body(request, schemas.Group), [GROUPS])


def search_all(request: HttpRequest) -> HttpResponse:
    return _page(_in_body(request, schemas.EXTENDED_USER | schemas.Group), [USERS, GROUPS])


def _bounded(given: dict[str, Any]) -> dict[str, Any]:
    """`given`, with a filter that a parser may be handed: what is longer nobody sends in good faith."""
    if len(str(given.get("filter") or "")) > MAX_FILTER:
        raise InvalidFilterException(detail=f"`filter` must have at most {MAX_FILTER} characters")
    return given


def _in_query(request: HttpRequest, model: Any) -> SearchRequest[Any]:
    given = {name: request.GET[name] for name in _LIST_PARAMETERS if name in request.GET}
    found: SearchRequest[Any] = SearchRequest[model].model_validate(_bounded(given))
    return found


def _in_body(request: HttpRequest, model: Any) -> SearchRequest[Any]:
    found: SearchRequest[Any] = SearchRequest[model].model_validate(
        _bounded(read_object(request)), scim_ctx=Context.SEARCH_REQUEST
    )
    return found


def _page(asked: SearchRequest[Any], kinds: Sequence[Kind]) -> HttpResponse:
    """One page over all `kinds`: names of rows in one ordered union, and the rows of the page themselves."""
    asked_of_each = [_names(asked, kind, only=len(kinds) == 1) for kind in kinds]
    lists = [rows for rows in asked_of_each if rows is not None]
    if not lists:
        raise InvalidFilterException(detail="no resource has what the filter names")
    names = lists[0].union(*lists[1:], all=True) if len(lists) > 1 else lists[0]
    count = schemas.MAX_RESULTS if asked.count is None else min(asked.count, schemas.MAX_RESULTS)
    start = asked.start_index or 1
    page = list(names.order_by(*_order(asked), "kind", "pk")[start - 1 : start - 1 + count])
    found = _rows_of(page, kinds)
    resources = [
        found[each["kind"], each["pk"]].model_dump(
            scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=asked
        )
        for each in page
    ]
    return scim_response(
        {
            "schemas": [str(ListResponse.__schema__)],
            "totalResults": sum(rows.count() for rows in lists),
            "startIndex": start,
            "itemsPerPage": len(resources),
            "Resources": resources,
        }
    )


def _names(asked: SearchRequest[Any], kind: Kind, *, only: bool) -> QuerySet[Any] | None:
    """Kind, key and order of the rows that the filter keeps; None where these have nothing that it names."""
    rows = kind.rows().select_related(None).prefetch_related(None)
    if asked.filter is not None:
        try:
            rows = rows.filter(condition_of(asked.filter.ast, kind.attributes))
        except InvalidFilterException:
            if only:
                raise
            return None
    kind_of_row = Value(kind.name, output_field=CharField())
    named: QuerySet[Any] = rows.annotate(kind=kind_of_row, key=_key(asked, kind, only=only))
    return named.values("kind", "pk", "key")


def _key(asked: SearchRequest[Any], kind: Kind, *, only: bool) -> Any:
    if asked.sort_by is None or not isinstance(asked.sort_by.ast, AttrPath):
        return Value("", output_field=TextField())
    key = key_of_order(asked.sort_by.ast, kind.attributes)
    if key is None and only:
        raise InvalidPathException(
            path=str(asked.sort_by), detail=f"`{asked.sort_by}` is not sorted by"
        )
    # Of several kinds as text, since a union has one type: times and truth values order as they do.
    if only:
        return key
    return Cast(Value(None) if key is None else key, TextField())


def _order(asked: SearchRequest[Any]) -> list[Any]:
    """Who lacks a value comes last, or first where descending (RFC 7644 §3.4.2.3)."""
    if asked.sort_by is None:
        return []
    if asked.sort_order == SearchRequest.SortOrder.descending:
        return [F("key").desc(nulls_first=True)]
    return [F("key").asc(nulls_last=True)]


def _rows_of(page: Sequence[dict[str, Any]], kinds: Sequence[Kind]) -> dict[tuple[str, int], Any]:
    """The resources of a page by kind and key."""
    found: dict[tuple[str, int], Any] = {}
    for kind in kinds:
        keys = [each["pk"] for each in page if each["kind"] == kind.name]
        for row in kind.rows().filter(pk__in=keys) if keys else ():
            found[kind.name, row.pk] = kind.render(row)
    return found
