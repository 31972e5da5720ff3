"""The audit log, for those who administer the whole house."""

from typing import Any

import orjson
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.errors import NotFoundError
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
    for name in ("actor", "action"):
        if value := request.GET.get(name, ""):
            records = records.filter(**{name: value})
    before = request.GET.get("before", "")
    if before.isdecimal():
        records = records.filter(pk__lt=int(before))
    page = list(records[: PAGE_SIZE + 1])
    rows = [_row(record) for record in page[:PAGE_SIZE]]
    context = {
        "rows": rows,
        "before": page[PAGE_SIZE - 1].pk if len(page) > PAGE_SIZE else None,
        "checkpoint": AuditCheckpoint.objects.order_by("-tree_size").first(),
        "actor": request.GET.get("actor", ""),
        "action": request.GET.get("action", ""),
    }
    return render(request, "web/audit.html", context)


def _row(record: AuditRecord) -> dict[str, Any]:
    """The record with its payload as text; the payload is the truth, the columns are for search."""
    body = orjson.loads(bytes(record.payload))
    return {
        "record": record,
        "payload": orjson.dumps(body.get("payload", {}), option=orjson.OPT_INDENT_2).decode(),
    }
