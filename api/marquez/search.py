"""What Marquez's clients read of a search: `totalCount` and `results`, beside what our own answer holds.

A request with one of Marquez's own parameters (`filter`, `sort`, `limit`, `before`, `after`) searches jobs by name as
well; any other shows the datasets of the page, at no further cost.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import CharField, QuerySet, Value
from rest_framework.request import Request

from api.marquez.base import instant, read_window
from api.v1.sight import Sight
from catalog.models import Dataset, Job
from catalog.queries.listed import ListedDataset
from core.errors import InvalidInputError
from governance.effective.ids import Ids
from governance.runs import visible_jobs

PARAMETERS = frozenset({"filter", "sort", "limit", "before", "after"})
ORDERS = {"name": ("name", "namespace", "node"), "updated_at": ("-updated_at", "name", "node")}
BOUNDS = {"before": "updated_at__lt", "after": "updated_at__gt"}


def marquez_members(
    request: Request,
    *,
    text: str,
    found: Ids,
    page: Sequence[ListedDataset],
) -> dict[str, Any]:
    """`totalCount` and `results` over `found`, the datasets in sight that match `text`; `page` are the first of them."""
    if not PARAMETERS & request.query_params.keys():
        rows = [("DATASET", row.namespace, row.name, row.updated_at) for row in page]
        return {"totalCount": len(found), "results": [_result(*row) for row in rows]}
    limit, offset = read_window(request)
    both = [_narrow(request, each) for each in _sides(request, text=text, found=found)]
    columns = ("node", "namespace", "name", "updated_at")
    parts = [each.order_by().values_list(*columns) for each in both]
    ordered = parts[0].union(*parts[1:], all=True).order_by(*_order(request))
    return {
        "totalCount": sum(each.count() for each in both),
        "results": [_result(*row) for row in ordered[offset : offset + limit]],
    }


def _sides(request: Request, *, text: str, found: Ids) -> list[QuerySet[Any]]:
    wanted = request.query_params.get("filter", "").lower()
    if wanted not in {"", "all", "dataset", "job"}:
        raise InvalidInputError("`filter` must be dataset or job")
    sight = Sight(request)
    jobs: QuerySet[Job] = visible_jobs(sight.principal, visible=sight.visible)
    jobs = jobs.filter(name__icontains=text) if text else jobs
    if "namespace" in request.query_params:
        jobs = jobs.filter(namespace=request.query_params["namespace"])
    sides: list[QuerySet[Any]] = []
    if wanted != "job":
        datasets = Dataset.objects.live().filter(pk__in=list(found))
        sides.append(datasets.annotate(node=Value("DATASET", output_field=CharField())))
    if wanted != "dataset":
        sides.append(jobs.annotate(node=Value("JOB", output_field=CharField())))
    return sides


def _narrow(request: Request, rows: QuerySet[Any]) -> QuerySet[Any]:
    for name, lookup in BOUNDS.items():
        raw = request.query_params.get(name)
        if raw:
            rows = rows.filter(**{lookup: _midnight(raw, name=name)})
    return rows


def _midnight(raw: str, *, name: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(raw), time(), tzinfo=ZoneInfo("UTC"))
    except ValueError:
        raise InvalidInputError(f"`{name}` must be a date such as 2026-01-31") from None


def _order(request: Request) -> tuple[str, ...]:
    wanted = request.query_params.get("sort", "name").lower()
    if wanted not in ORDERS:
        raise InvalidInputError("`sort` must be name or updated_at")
    return ORDERS[wanted]


def _result(kind: str, namespace: str, name: str, updated_at: datetime) -> dict[str, Any]:
    return {
        "type": kind,
        "name": name,
        "updatedAt": instant(updated_at),
        "namespace": namespace,
        "nodeId": f"{kind.lower()}:{namespace}:{name}",
    }
