"""Endpoints of tables."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from pyiceberg.table.update import AssertCreate, SetLocationUpdate

from api.iceberg.access import (
    decide_read_of_own,
    read_decision,
    require_creation,
    require_namespace,
    require_table,
    visible_tables,
)
from api.iceberg.credentials import DELEGATION_HEADER, may_have_credentials
from api.iceberg.requests import (
    Caller,
    json_response,
    no_content,
    page_of,
    read_body,
    read_identifier,
    read_list,
    read_name,
    read_texts,
    split_levels,
)
from api.iceberg.responses import (
    connection_members,
    document_response,
    load_table_response,
    record_refused_load,
    record_unknown_table,
    staged_response,
)
from core.errors import InvalidInputError, PermissionDeniedError
from governance.policy.types import Action
from storage.services import tables as services
from storage.services.namespaces import LOCATION_PROPERTY
from storage.services.tables import TableChange
from storage.tables.documents import read_document
from storage.tables.errors import NoSuchTableError
from storage.tables.locations import default_location
from storage.tables.metadata import (
    dump_metadata,
    parse_partition_spec,
    parse_requirements,
    parse_schema,
    parse_sort_order,
    parse_updates,
)

MAX_TRANSACTION_TABLES = 100


def list_tables(request: HttpRequest, caller: Caller, namespace: str) -> HttpResponse:
    levels = split_levels(namespace)
    require_namespace(caller, levels)
    names, following = page_of(visible_tables(caller, levels), request)
    identifiers = [{"namespace": levels, "name": name} for name in names]
    return json_response({"identifiers": identifiers, "next-page-token": following})


def create_table(request: HttpRequest, caller: Caller, namespace: str) -> HttpResponse:
    body = read_body(request)
    identifier = (*split_levels(namespace), read_name(body, "name"))
    require_creation(caller, identifier)
    definition: dict[str, Any] = {
        "identifier": identifier,
        "schema": parse_schema(body.get("schema")),
        "partition_spec": parse_partition_spec(body.get("partition-spec")),
        "sort_order": parse_sort_order(body.get("write-order")),
        "location": _own_location(caller, identifier, body.get("location")),
        "properties": read_texts(body, "properties"),
    }
    if body.get("stage-create"):
        metadata = services.stage_table(**definition)
        vended = _vends_for_new(request, caller, identifier)
        return staged_response(dump_metadata(metadata), vended=vended)
    services.create_table(**definition, actor=caller.user.username, owner=caller.user)
    return load_table_response(request, caller, read_document(identifier))


def load_table(request: HttpRequest, caller: Caller, namespace: str, table: str) -> HttpResponse:
    identifier = (*split_levels(namespace), table)
    try:
        document = require_table(caller, identifier, Action.VIEW_METADATA)
    except PermissionDeniedError:
        known = read_document(identifier).table
        record_refused_load(caller, known, read_decision(caller, known))
        raise
    except NoSuchTableError:
        record_unknown_table(caller, identifier)
        raise
    return load_table_response(request, caller, document)


def table_exists(request: HttpRequest, caller: Caller, namespace: str, table: str) -> HttpResponse:
    del request
    require_table(caller, (*split_levels(namespace), table), Action.DISCOVER)
    return no_content()


def commit_table(request: HttpRequest, caller: Caller, namespace: str, table: str) -> HttpResponse:
    identifier = (*split_levels(namespace), table)
    change = _read_change(caller, identifier, read_body(request))
    services.commit_table(
        identifier=change.identifier,
        requirements=change.requirements,
        updates=change.updates,
        actor=caller.user.username,
        owner=caller.user,
    )
    document = read_document(identifier)
    return document_response(document, connection_members(document.table.location, vended=False))


def commit_transaction(request: HttpRequest, caller: Caller) -> HttpResponse:
    documents = read_list(read_body(request), "table-changes")
    if not 0 < len(documents) <= MAX_TRANSACTION_TABLES:
        raise InvalidInputError(f"`table-changes` must name 1 to {MAX_TRANSACTION_TABLES} tables")
    changes = [
        _read_change(caller, read_identifier(each.get("identifier")), each) for each in documents
    ]
    services.commit_tables(changes=changes, actor=caller.user.username, owner=caller.user)
    return no_content()


def drop_table(request: HttpRequest, caller: Caller, namespace: str, table: str) -> HttpResponse:
    identifier = (*split_levels(namespace), table)
    require_table(caller, identifier, Action.MANAGE)
    purge = request.GET.get("purgeRequested", "false").lower() == "true"
    services.drop_table(identifier=identifier, purge=purge, actor=caller.user.username)
    return no_content()


def rename_table(request: HttpRequest, caller: Caller) -> HttpResponse:
    body = read_body(request)
    source = read_identifier(body.get("source"))
    destination = read_identifier(body.get("destination"))
    require_table(caller, source, Action.MANAGE)
    require_creation(caller, destination)
    services.rename_table(source=source, destination=destination, actor=caller.user.username)
    return no_content()


def register_table(request: HttpRequest, caller: Caller, namespace: str) -> HttpResponse:
    """Adopt a table by its metadata document. Whoever may do so may open any file that no table owns: superusers."""
    body = read_body(request)
    identifier = (*split_levels(namespace), read_name(body, "name"))
    require_creation(caller, identifier)
    if not caller.principal.is_superuser:
        raise PermissionDeniedError("registering a table by its metadata is for superusers")
    if body.get("overwrite"):
        raise InvalidInputError("`overwrite` is not offered: drop the table first")
    services.register_table(
        identifier=identifier,
        metadata_location=read_name(body, "metadata-location"),
        actor=caller.user.username,
        owner=caller.user,
    )
    return load_table_response(request, caller, read_document(identifier))


def report_metrics(
    request: HttpRequest, caller: Caller, namespace: str, table: str
) -> HttpResponse:
    """Scan and commit reports are taken, as engines expect; nothing here is derived from them."""
    read_body(request)
    require_table(caller, (*split_levels(namespace), table), Action.VIEW_METADATA)
    return no_content()


def _read_change(
    caller: Caller, identifier: Sequence[str], document: dict[str, Any]
) -> TableChange:
    """A commit that the caller may make: a write to a table there, or the creation of one."""
    change = TableChange(
        identifier=tuple(identifier),
        requirements=parse_requirements(read_list(document, "requirements")),
        updates=parse_updates(read_list(document, "updates")),
    )
    creates = any(isinstance(each, AssertCreate) for each in change.requirements)
    try:
        require_table(caller, identifier, Action.WRITE)
    except NoSuchTableError:
        if not creates:
            raise
        require_creation(caller, identifier)
    for update in change.updates:
        if isinstance(update, SetLocationUpdate):
            _check_move(caller, identifier, update.location, creates=creates)
    return change


def _check_move(caller: Caller, identifier: Sequence[str], location: str, *, creates: bool) -> None:
    if creates:
        _own_location(caller, identifier, location)
        return
    if location.rstrip("/") != read_document(identifier).table.location:
        _require_placing(caller)


def _own_location(caller: Caller, identifier: Sequence[str], location: Any) -> str | None:
    """`location` if it lies where the namespace keeps its tables, or a superuser asks.

    Otherwise a new table could be put over the files of a dropped one.
    """
    if location is None:
        return None
    if not isinstance(location, str):
        raise InvalidInputError("`location` must be a text")
    properties = require_namespace(caller, identifier[:-1]).properties
    home = default_location(properties.get(LOCATION_PROPERTY), identifier)
    plain = location.rstrip("/")
    if plain != home and not plain.startswith(f"{home}-"):
        _require_placing(caller)
    return location


def _require_placing(caller: Caller) -> None:
    if not caller.principal.is_superuser:
        raise PermissionDeniedError("choosing a table's location is for superusers")


def _vends_for_new(request: HttpRequest, caller: Caller, identifier: Sequence[str]) -> bool:
    decision = decide_read_of_own(caller, identifier)
    asked = request.headers.get(DELEGATION_HEADER, "")
    has_obligations = decision.obligations is not None and decision.obligations.row_filter
    return may_have_credentials(
        caller, asked=asked, unrestricted=decision.allowed and not has_obligations
    )
