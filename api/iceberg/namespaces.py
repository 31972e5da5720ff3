"""Endpoints of namespaces."""

from django.http import HttpRequest, HttpResponse

from api.iceberg.access import (
    domain_named,
    require_namespace,
    require_namespace_change,
    visible_namespaces,
)
from api.iceberg.requests import (
    Caller,
    json_response,
    no_content,
    page_of,
    read_body,
    read_levels,
    read_list,
    read_texts,
    split_levels,
)
from storage.services import namespaces as services
from storage.services.namespaces import DOMAIN_PROPERTY, domain_of


def list_namespaces(request: HttpRequest, caller: Caller) -> HttpResponse:
    parent_text = request.GET.get("parent")
    parent = split_levels(parent_text) if parent_text else ()
    if parent:
        require_namespace(caller, parent)
    children = [
        levels
        for levels in visible_namespaces(caller)
        if len(levels) == len(parent) + 1 and levels[: len(parent)] == parent
    ]
    page, following = page_of(children, request)
    return json_response({"namespaces": page, "next-page-token": following})


def create_namespace(request: HttpRequest, caller: Caller) -> HttpResponse:
    body = read_body(request)
    levels, properties = read_levels(body), read_texts(body, "properties")
    slug = properties.get(DOMAIN_PROPERTY)
    domain = domain_named(slug) if slug else domain_of(levels)
    require_namespace_change(caller, levels, domains=[domain])
    row = services.create_namespace(
        levels=levels, properties=properties, actor=caller.user.username
    )
    return json_response({"namespace": row.levels, "properties": row.properties})


def load_namespace(request: HttpRequest, caller: Caller, namespace: str) -> HttpResponse:
    del request
    row = require_namespace(caller, split_levels(namespace))
    return json_response({"namespace": row.levels, "properties": row.properties})


def namespace_exists(request: HttpRequest, caller: Caller, namespace: str) -> HttpResponse:
    del request
    require_namespace(caller, split_levels(namespace))
    return no_content()


def drop_namespace(request: HttpRequest, caller: Caller, namespace: str) -> HttpResponse:
    del request
    levels = split_levels(namespace)
    require_namespace(caller, levels)
    require_namespace_change(caller, levels, domains=[domain_of(levels)])
    services.drop_namespace(levels=levels, actor=caller.user.username)
    return no_content()


def update_properties(request: HttpRequest, caller: Caller, namespace: str) -> HttpResponse:
    levels = split_levels(namespace)
    require_namespace(caller, levels)
    body = read_body(request)
    updates, removals = read_texts(body, "updates"), read_list(body, "removals")
    domains = [domain_of(levels)]
    if DOMAIN_PROPERTY in updates:
        domains.append(domain_named(updates[DOMAIN_PROPERTY]))
    if DOMAIN_PROPERTY in removals:
        domains.append(domain_of(levels[:-1]))
    require_namespace_change(caller, levels, domains=domains)
    change = services.update_namespace_properties(
        levels=levels,
        updates=updates,
        removals=[str(key) for key in removals],
        actor=caller.user.username,
    )
    return json_response(
        {"updated": change.updated, "removed": change.removed, "missing": change.missing}
    )
