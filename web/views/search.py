"""Search: ranked, with facets and counts of what this viewer may know of, and of nothing else."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog.models import Dataset, DatasetTag
from catalog.queries.search import (
    MARK_START,
    MARK_STOP,
    MAX_OFFSET,
    MAX_QUERY,
    matching,
    search_datasets,
    tagged,
)
from governance.policy.types import Action
from web.access import visible_datasets

PAGE_SIZE = 20
FACETS = ("kind", "domain", "tag")


@login_required
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """One page of what matches the text and the chosen facets, best first."""
    text = _clean(request.GET.get("q", ""))
    chosen = {name: value for name in FACETS if (value := _clean(request.GET.get(name, "")))}
    described = visible_datasets(request, Action.VIEW_METADATA)
    found = matching(text, visible=visible_datasets(request), described=described)
    number = _page_number(request)
    page = search_datasets(
        text,
        found=_narrowed(found, chosen, described),
        described=described,
        offset=(number - 1) * PAGE_SIZE,
        limit=PAGE_SIZE,
    )
    context = {
        "text": text,
        "chosen": chosen,
        "rows": _rows(page.rows, described),
        "total": page.total,
        "facets": [(name, page.facets[name]) for name in FACETS],
        "number": number,
        "previous": number - 1 if number > 1 else None,
        "next": number + 1 if number * PAGE_SIZE < min(page.total, MAX_OFFSET) else None,
    }
    return render(request, "web/search.html", context)


def _clean(value: str) -> str:
    """PostgreSQL refuses NUL in text."""
    return value.replace("\x00", "").strip()[:MAX_QUERY]


def _page_number(request: HttpRequest) -> int:
    asked = request.GET.get("page", "")
    number = int(asked) if asked.isdecimal() and len(asked) < len(str(MAX_OFFSET)) else 1
    return min(max(number, 1), MAX_OFFSET // PAGE_SIZE)


def _narrowed(
    found: QuerySet[Dataset], chosen: Mapping[str, str], described: QuerySet[Dataset]
) -> QuerySet[Dataset]:
    if "kind" in chosen:
        found = found.filter(kind=chosen["kind"])
    if "domain" in chosen:
        found = found.filter(domain__slug=chosen["domain"])
    if "tag" in chosen:
        found = tagged(found, chosen["tag"], described=described)
    return found


def _rows(datasets: list[Dataset], described: QuerySet[Dataset]) -> list[dict[str, Any]]:
    """Each result with its tags and snippet where its metadata may be viewed."""
    keys = [each.pk for each in datasets]
    is_open = set(described.filter(pk__in=keys).values_list("pk", flat=True))
    tags: dict[int, list[str]] = {}
    links = DatasetTag.objects.filter(dataset__in=is_open).order_by("tag__name")
    for pk, name in links.values_list("dataset_id", "tag__name"):
        tags.setdefault(pk, []).append(name)
    return [
        {
            "dataset": each,
            "is_open": each.pk in is_open,
            "tags": tags.get(each.pk, []),
            "snippet": _parts(getattr(each, "snippet", "")) if each.pk in is_open else [],
        }
        for each in datasets
    ]


def _parts(snippet: str) -> list[tuple[str, bool]]:
    """The snippet as pieces of text, each with whether it is a match; the template escapes them."""
    if MARK_START not in snippet:
        return []
    pieces: list[tuple[str, bool]] = []
    for part in snippet.split(MARK_START):
        hit, found_stop, rest = part.partition(MARK_STOP)
        pieces += [(hit, bool(found_stop)), (rest, False)]
    return [piece for piece in pieces if piece[0]]
