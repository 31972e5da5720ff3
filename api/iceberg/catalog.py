"""The catalog itself: what it offers, and what it does not."""

from django.http import HttpRequest, HttpResponse

from api.iceberg.credentials import connection_config
from api.iceberg.errors import UnsupportedOperationError
from api.iceberg.requests import Caller, json_response, split_levels
from core.errors import NotFoundError

_PREFIX = "/v1/{prefix}"
_NAMESPACE = f"{_PREFIX}/namespaces/{{namespace}}"
_TABLE = f"{_NAMESPACE}/tables/{{table}}"
ENDPOINTS = (
    f"GET {_PREFIX}/namespaces",
    f"POST {_PREFIX}/namespaces",
    f"GET {_NAMESPACE}",
    f"HEAD {_NAMESPACE}",
    f"DELETE {_NAMESPACE}",
    f"POST {_NAMESPACE}/properties",
    f"GET {_NAMESPACE}/tables",
    f"POST {_NAMESPACE}/tables",
    f"POST {_NAMESPACE}/register",
    f"GET {_TABLE}",
    f"HEAD {_TABLE}",
    f"POST {_TABLE}",
    f"DELETE {_TABLE}",
    f"POST {_TABLE}/metrics",
    f"POST {_PREFIX}/tables/rename",
    f"POST {_PREFIX}/transactions/commit",
)


class NoSuchViewError(NotFoundError):
    """This catalog keeps no views."""

    iceberg_type = "NoSuchViewException"


def get_config(request: HttpRequest, caller: Caller) -> HttpResponse:
    del request, caller
    return json_response({"defaults": connection_config(), "overrides": {}, "endpoints": ENDPOINTS})


def list_views(request: HttpRequest, caller: Caller, namespace: str) -> HttpResponse:
    del request, caller, namespace
    return json_response({"identifiers": []})


def load_view(request: HttpRequest, caller: Caller, namespace: str, view: str) -> HttpResponse:
    del request, caller
    name = ".".join((*split_levels(namespace), view))
    raise NoSuchViewError(f"view `{name}` does not exist")


def refuse_views(
    request: HttpRequest, caller: Caller, namespace: str, view: str = ""
) -> HttpResponse:
    del request, caller, namespace, view
    raise UnsupportedOperationError("views are not kept in this catalog")


def not_offered(request: HttpRequest, caller: Caller, path: str) -> HttpResponse:
    del request, caller
    raise NotFoundError(f"`{path[:200]}` is no endpoint of this catalog")
