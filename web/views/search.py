"""Search: ranked, with facets and counts of what this viewer may know of, and of nothing else."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog.models import Dataset, DatasetTag
from catalog.queries.search import MARK_START, MARK_STOP, MAX_OFFSET, MAX_QUERY
from governance.effective.look import NOBODY, Filters, find_subject
from governance.search import Hit
from governance.search import search as search_datasets
from web.access import principal_of_viewer

PAGE_SIZE = 20
FACETS = ("kind", "domain", "tag", "owner", "namespace")


@login_required
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """One page of what matches the text and the chosen facets, best first."""
    text = _clean(request.GET.get("q", ""))
    chosen = {name: value for name in FACETS if (value := _clean(request.GET.get(name, "")))}
    number = _page_number(request)
    page = search_datasets(
        principal_of_viewer(request),
        text,
        filters=_filters(chosen),
        offset=(number - 1) * PAGE_SIZE,
        limit=PAGE_SIZE,
    )
    context = {
        "text": text,
        "corrected": page.corrected,
        "chosen": chosen,
        "rows": _rows(page.hits),
        "total": page.total,
        "facets": [
            (name, [{"value": value, "count": count} for value, count in page.facets[name]])
            for name in FACETS
        ],
        "estimates": page.estimates,
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


def _filters(chosen: dict[str, str]) -> Filters:
    kind, _, name = chosen.get("owner", "").partition(":")
    return Filters(
        namespace=chosen.get("namespace"),
        kind=chosen.get("kind"),
        domain=chosen.get("domain"),
        tag=chosen.get("tag"),
        owner=find_subject(kind, name) or NOBODY if "owner" in chosen else None,
    )


def _rows(hits: list[Hit]) -> list[dict[str, Any]]:
    """Each result with its tags and snippet where its metadata may be viewed."""
    keys = [hit.id for hit in hits]
    datasets = Dataset.objects.live().select_related("domain").defer("facets", "facet_stamps")
    rows = datasets.in_bulk(keys)
    tags: dict[int, list[str]] = {}
    links = DatasetTag.objects.filter(dataset__in=[hit.id for hit in hits if hit.is_described])
    for pk, name in links.order_by("tag__name").values_list("dataset_id", "tag__name"):
        tags.setdefault(pk, []).append(name)
    return [
        {
            "dataset": rows[hit.id],
            "is_open": hit.is_described,
            "tags": tags.get(hit.id, []),
            "snippet": _parts(hit.snippet),
        }
        for hit in hits
        if hit.id in rows
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
