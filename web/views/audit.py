"""The audit log, for those who administer the whole house."""

from typing import Any

import orjson
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.errors import NotFoundError
from governance.auditing.body import Told
from governance.auditing.reading import read_records, records_by
from governance.models import AuditCheckpoint, AuditRecord
from web.access import current_user

PAGE_SIZE = 50


@login_required
@require_safe
def audit_log(request: HttpRequest) -> HttpResponse:
    """Newest first, by actor and action; keyset pages, so that a growing log stays still under the reader."""
    if not current_user(request).is_superuser:
        raise NotFoundError("not found")
    records = AuditRecord.objects.order_by("-pk")
    if actor := request.GET.get("actor", ""):
        records = records_by(actor, records)
    if action := request.GET.get("action", ""):
        records = records.filter(action=action)
    before = request.GET.get("before", "")
    if before.isdecimal():
        records = records.filter(pk__lt=int(before))
    page = list(records[: PAGE_SIZE + 1])
    shown = page[:PAGE_SIZE]
    rows = [_row(record, told) for record, told in zip(shown, read_records(shown), strict=True)]
    context = {
        "rows": rows,
        "before": page[PAGE_SIZE - 1].pk if len(page) > PAGE_SIZE else None,
        "checkpoint": AuditCheckpoint.objects.order_by("-tree_size").first(),
        "actor": actor,
        "action": action,
    }
    return render(request, "web/audit.html", context)


def _row(record: AuditRecord, told: Told) -> dict[str, Any]:
    """The record as it may be read now: of who was erased neither name nor payload is left."""
    payload = "erased" if told.payload is None else _text(told.payload)
    return {"record": record, "told": told, "payload": payload}


def _text(payload: dict[str, Any]) -> str:
    return orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode()
