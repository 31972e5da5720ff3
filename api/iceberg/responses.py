"""The answers of loadTable, createTable and commit: the hot path sends the kept metadata document as bytes."""

from collections.abc import Sequence
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from api.iceberg.access import read_decision
from api.iceberg.credentials import (
    DELEGATION_HEADER,
    connection_config,
    credential_config,
    may_have_credentials,
    storage_credentials,
)
from api.iceberg.errors import JSON
from api.iceberg.requests import Caller
from api.iceberg.restrictions import is_unrestricted, lost_columns, read_restrictions
from core import audit
from governance.policy.decide import missing
from governance.policy.types import Action, Decision
from governance.services.audit import record_decision
from storage.models import IcebergTable
from storage.tables.documents import TableDocument
from storage.tables.expressions import InexpressibleError
from storage.tables.names import DATASET_NAMESPACE, dotted

# Names of columns as JSON: what the caller may read in part, by the governed read, and an engine cannot show.
LOST_COLUMNS = "lakewarden.lost-columns"


# As long as the catalog keeps a name.
MAX_DATASET_NAME = 1_000


def load_table_response(
    request: HttpRequest, caller: Caller, document: TableDocument
) -> HttpResponse:
    """`LoadTableResult` of a table whose metadata the caller may see.

    Who may not read gets no credentials; who may read in part gets the restrictions and no credentials.
    """
    decision = read_decision(caller, document.table)
    unrestricted = is_unrestricted(decision, document.schema)
    extra: dict[str, Any] = {}
    if decision.allowed and not unrestricted:
        extra["read-restrictions"] = _restrictions(caller, document, decision)
    asked = request.headers.get(DELEGATION_HEADER, "")
    vended = may_have_credentials(caller, asked=asked, unrestricted=unrestricted)
    _record_load(caller, document.table, decision, unrestricted=unrestricted, vended=vended)
    members = {**connection_members(document.table.location, vended=vended), **extra}
    if lost := lost_columns(decision):
        members["config"] = {**members["config"], LOST_COLUMNS: orjson.dumps(lost).decode()}
    return document_response(document, members)


def document_response(document: TableDocument, members: dict[str, Any]) -> HttpResponse:
    """The metadata document, its location and `members`. The document's bytes go out as they are kept."""
    head = orjson.dumps({"metadata-location": document.table.metadata_location, **members})
    body = b"".join((head[:-1], b',"metadata":', document.text.encode(), b"}"))
    return HttpResponse(body, content_type=JSON)


def staged_response(document: dict[str, Any], *, vended: bool) -> HttpResponse:
    """`LoadTableResult` of a table that is staged: no metadata location, nothing written."""
    members = connection_members(str(document["location"]), vended=vended)
    return HttpResponse(orjson.dumps({"metadata": document, **members}), content_type=JSON)


def connection_members(location: str, *, vended: bool) -> dict[str, Any]:
    """The `config` and, where they are given, the `storage-credentials` of an answer."""
    if not vended:
        return {"config": connection_config()}
    return {
        "config": {**connection_config(), **credential_config()},
        "storage-credentials": storage_credentials(location),
    }


def _record_load(
    caller: Caller, table: IcebergTable, decision: Decision, *, unrestricted: bool, vended: bool
) -> None:
    """A load that opens data is a data decision, and is recorded as one, and so is a refusal; looking at metadata is neither."""
    if not decision.allowed:
        record_refused_load(caller, table, decision)
        return
    if unrestricted and not vended:
        return
    shown = None if unrestricted else _shown_columns(decision)
    audit.record(
        actor=caller.user.username,
        action="table.load",
        resource=table.dataset.node_id,
        payload={
            "effect": decision.effect,
            "purpose": caller.principal.purpose,
            "restricted": not unrestricted,
            "credentials": vended,
            "dataset": str(table.dataset.uuid),
            "columns": shown,
            "grants": [str(each.id) for each in decision.reasons if each.kind == "grant"],
            "reasons": [reason.text for reason in decision.reasons],
            "lost_columns": list(lost_columns(decision)),
            "snapshot_id": table.current_snapshot_id,
        },
    )


def record_refused_load(
    caller: Caller, table: IcebergTable, decision: Decision, *, outcome: str | None = None
) -> None:
    """Append that the data of the table were not opened to who asked for it; `outcome` is why, where the decision allows."""
    record_decision(
        principal=caller.principal,
        dataset=table.dataset,
        decision=decision,
        via="iceberg",
        outcome=outcome,
    )


def record_unknown_table(caller: Caller, identifier: Sequence[str]) -> None:
    """Append that a table was asked for by a name that the caller knows none of, whether or not there is one.

    What is hidden is asked for as what never was: neither its time nor its record may tell the two apart.
    """
    name = dotted(identifier)
    if len(name) > MAX_DATASET_NAME:
        return
    reason = missing(Action.READ)
    audit.record(
        actor=caller.user.username,
        action="data.read-denied",
        resource=f"dataset:{DATASET_NAMESPACE}:{name}",
        payload={
            "via": "iceberg",
            "effect": "deny",
            "purpose": caller.principal.purpose,
            "reasons": [{"kind": reason.kind, "id": None, "version": None, "text": reason.text}],
            "asked": {},
        },
    )


def _restrictions(caller: Caller, document: TableDocument, decision: Decision) -> Any:
    """What an engine must apply. What it cannot is refused, on record."""
    try:
        return read_restrictions(decision, document.schema)
    except InexpressibleError as error:
        record_refused_load(caller, document.table, decision, outcome=error.message)
        raise


def _shown_columns(decision: Decision) -> list[str]:
    return [each.name for each in decision.obligations.columns] if decision.obligations else []
