"""What every endpoint of the catalog does first and last: who asks, what was sent, how errors look."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from api.authentication import require_scope
from api.iceberg.errors import (
    JSON,
    UnsupportedOperationError,
    error_response,
    server_error,
)
from api.parsers import load_json
from core.errors import (
    InvalidInputError,
    LakewardenError,
    LimitExceededError,
    UnauthenticatedError,
)
from core.limits import JSON_DEPTH_ICEBERG
from governance.facts import load_facts, principal_of
from governance.policy.types import Facts, Principal
from identity.models import ApiToken, User

NAMESPACE_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Caller:
    """Who asks, with the facts that decide about them, read once a request."""

    user: User
    principal: Principal

    @cached_property
    def facts(self) -> Facts:
        return load_facts(self.principal)


View = Callable[..., HttpResponse]


def endpoint(*, scopes: tuple[str, ...] = (), **views: View) -> View:
    """One path's views by method name. Each gets (request, caller, …) and returns or raises.

    Only bearer tokens are taken, so no browser's cookie can act here and no CSRF check is needed. `scopes` are
    what the token must cover, where its method does not say.
    """

    @csrf_exempt
    def dispatch(request: HttpRequest, **parts: str) -> HttpResponse:
        try:
            view = views.get(request.method or "", _refuse_method)
            return view(request, _caller(request, scopes), **parts)
        except LakewardenError as error:
            return error_response(error)
        except RecursionError:
            # pyiceberg reads types and expressions by recursion, to some sixty structs within each other
            return error_response(LimitExceededError("the document nests too deep", limit="depth"))
        except Exception as error:  # noqa: BLE001 - whatever failed, the client gets the protocol's form
            return server_error(error)

    return dispatch


def read_body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of the body, or InvalidInputError; LimitExceededError for its size and depth."""
    try:
        document = load_json(request.body, max_depth=JSON_DEPTH_ICEBERG)
    except RequestDataTooBig:
        raise LimitExceededError("the body is too large", limit="body") from None
    if not isinstance(document, dict):
        raise InvalidInputError("the body must be an object")
    return document


def read_list(document: dict[str, Any], name: str) -> list[Any]:
    """A list member, empty where absent or null."""
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidInputError(f"`{name}` must be a list")
    return value


def read_texts(document: dict[str, Any], name: str) -> dict[str, str]:
    """An object member whose values are texts, empty where absent or null."""
    value = document.get(name) or {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise InvalidInputError(f"`{name}` must be an object of texts")
    return value


def read_name(document: dict[str, Any], name: str) -> str:
    """A text member that must be there."""
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInputError(f"`{name}` must be a text")
    return value


def read_identifier(document: Any) -> tuple[str, ...]:
    """A `TableIdentifier`: namespace levels and name as one tuple."""
    if not isinstance(document, dict):
        raise InvalidInputError("a table identifier was expected")
    return (*read_levels(document), read_name(document, "name"))


def read_levels(document: dict[str, Any]) -> tuple[str, ...]:
    """The `namespace` member of an object: its levels."""
    levels = read_list(document, "namespace")
    if not levels or not all(isinstance(level, str) for level in levels):
        raise InvalidInputError("`namespace` must be a list of texts")
    return tuple(levels)


def split_levels(text: str) -> tuple[str, ...]:
    """The levels of a namespace as it stands in a path or a query, separated by 0x1F."""
    return tuple(text.split(NAMESPACE_SEPARATOR))


def json_response(document: Any, *, status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(document), status=status, content_type=JSON)


def no_content() -> HttpResponse:
    return HttpResponse(status=204)


def page_of(names: Sequence[Any], request: HttpRequest) -> tuple[Sequence[Any], str | None]:
    """The page of sorted `names` that `pageToken` and `pageSize` ask for, and the token of the next.

    Without `pageSize` everything is one page, as clients that know no paging expect.
    """
    size_text, token = request.GET.get("pageSize"), request.GET.get("pageToken") or "0"
    if not token.isdecimal():
        raise InvalidInputError("`pageToken` must be one that a former page gave")
    if size_text is None:
        return names[int(token) :], None
    if not size_text.isdecimal() or int(size_text) < 1:
        raise InvalidInputError("`pageSize` must be a whole number above 0")
    end = int(token) + int(size_text)
    return names[int(token) : end], str(end) if end < len(names) else None


def _refuse_method(request: HttpRequest, caller: Caller, **parts: str) -> HttpResponse:
    del caller, parts
    raise UnsupportedOperationError(f"`{request.method}` is not offered here")


def _caller(request: HttpRequest, scopes: tuple[str, ...]) -> Caller:
    token: ApiToken | None = getattr(request, "api_token", None)
    if token is None:
        raise UnauthenticatedError("a bearer token is needed")
    require_scope(token, method=request.method or "GET", scopes=scopes)
    return Caller(token.user, principal_of(token.user, scopes=token.scopes))
