"""The outcome of a campaign as evidence: every item with what was known and what was decided."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson

from core import audit
from governance.campaigns import items_of
from governance.models import Campaign, CampaignItem
from governance.policy.types import Principal

FORMS = {"ndjson": "application/x-ndjson", "csv": "text/csv"}
COLUMNS = (
    "campaign",
    "item",
    "grant",
    "holder",
    "target",
    "target_name",
    "action",
    "row_filter",
    "columns",
    "purpose",
    "granted_at",
    "expires_at",
    "state",
    "decided_at",
    "decided_by",
    "in_name_of",
    "comment",
    "last_used",
    "reads_30_days",
    "reads_90_days",
    "columns_read",
    "advice",
    "reasons",
    "outcome",
)
# A cell that begins so is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
CHUNK = 1_000


def report_lines(campaign: Campaign, *, by: Principal, form: str = "ndjson") -> Iterator[str]:
    """Lines of the report in one of FORMS, of what `by`, who may hold the campaign, may know of. It is recorded at once."""
    audit.record(
        actor=by.username,
        action="campaign.report",
        resource=f"campaign:{campaign.uuid}",
        payload={"form": form},
    )
    rows = items_of(campaign, viewer=by).iterator(chunk_size=CHUNK)
    return _as_csv(rows) if form == "csv" else _as_ndjson(rows)


def _as_ndjson(rows: Iterator[CampaignItem]) -> Iterator[str]:
    for row in rows:
        yield orjson.dumps(_line(row), option=orjson.OPT_APPEND_NEWLINE).decode()


def _as_csv(rows: Iterator[CampaignItem]) -> Iterator[str]:
    yield _csv_line(COLUMNS)
    for row in rows:
        line = _line(row)
        yield _csv_line([_cell(line[name]) for name in COLUMNS])


def _csv_line(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(row: CampaignItem) -> dict[str, Any]:
    """One item, JSON-safe, with the keys of COLUMNS."""
    granted, evidence = row.description, row.evidence
    (holder,) = granted["subject"].items()
    target = row.dataset or row.domain
    return {
        "campaign": str(row.campaign.uuid),
        "item": str(row.uuid),
        "grant": str(row.grant),
        "holder": ":".join(holder),
        "target": granted["target"],
        "target_name": None if target is None else str(target),
        "action": granted["action"],
        "row_filter": granted["row_filter"],
        "columns": granted["columns"],
        "purpose": granted["purpose"],
        "granted_at": row.granted_at.isoformat(),
        "expires_at": granted["expires_at"],
        "state": str(row.state),
        "decided_at": row.decided_at.isoformat() if row.decided_at else None,
        "decided_by": row.decided_by.get_username() if row.decided_by else None,
        "in_name_of": row.in_name_of.get_username() if row.in_name_of else None,
        "comment": row.comment,
        "last_used": evidence.get("last_used"),
        "reads_30_days": evidence.get("reads_30_days"),
        "reads_90_days": evidence.get("reads_90_days"),
        "columns_read": evidence.get("columns_read"),
        "advice": evidence.get("advice"),
        "reasons": evidence.get("reasons"),
        "outcome": row.outcome or None,
    }
