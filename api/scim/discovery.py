"""What a client finds out about the service (RFC 7644 §4)."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from scim2_models import Error, ForbiddenException, ListResponse, Meta, NotFoundException

from api.scim.rendering import base_url
from api.scim.requests import error_response, scim_response
from api.scim.schemas import PROVIDER


def read_config(request: HttpRequest) -> HttpResponse:
    return scim_response(_dump(request, PROVIDER.config, "ServiceProviderConfig"))


def list_resource_types(request: HttpRequest) -> HttpResponse:
    return _list(request, PROVIDER.resource_types, "ResourceType")


def read_resource_type(request: HttpRequest, name: str) -> HttpResponse:
    return _one(request, PROVIDER.resource_types, "ResourceType", name)


def list_schemas(request: HttpRequest) -> HttpResponse:
    return _list(request, PROVIDER.schemas, "Schema")


def read_schema(request: HttpRequest, name: str) -> HttpResponse:
    return _one(request, PROVIDER.schemas, "Schema", name)


def not_offered(request: HttpRequest, path: str) -> HttpResponse:
    del request
    raise NotFoundException(detail=f"`{path[:200]}` is no endpoint of this service")


def not_implemented(request: HttpRequest) -> HttpResponse:
    """`/Me` (RFC 7644 §3.11 asks for 501 where it is not offered) and `/Bulk` (the configuration says the same)."""
    return error_response(Error(status=501, detail=f"`{request.path}` is not offered"))


def _list(request: HttpRequest, rows: Sequence[Any], kind: str) -> HttpResponse:
    # RFC 7644 §4: a filter here is answered 403, since discovery is not searched.
    if "filter" in request.GET:
        raise ForbiddenException(detail="what the service says of itself is not filtered")
    return scim_response(
        {
            "schemas": [str(ListResponse.__schema__)],
            "totalResults": len(rows),
            "startIndex": 1,
            "itemsPerPage": len(rows),
            "Resources": [_dump(request, row, kind) for row in rows],
        }
    )


def _one(request: HttpRequest, rows: Sequence[Any], kind: str, name: str) -> HttpResponse:
    for row in rows:
        if str(row.id).lower() == name.lower():
            return scim_response(_dump(request, row, kind))
    raise NotFoundException(detail="there is no such resource")


def _dump(request: HttpRequest, row: Any, kind: str) -> dict[str, Any]:
    del request
    root = base_url() + reverse("scim-config").removesuffix("/ServiceProviderConfig")
    place = f"{root}/{kind}" if row.id is None else f"{root}/{kind}s/{row.id}"
    shown = row.model_copy(update={"meta": Meta(resource_type=kind, location=place)})
    document: dict[str, Any] = shown.model_dump()
    return document
