"""Search over names, descriptions, columns, tags and owners, within what the caller may see.

`visible` may be discovered: matched by name only. Of `described` the metadata may be viewed, so description, columns,
tags and owners are matched too, and count in the order. Both are part of every query: results, counts, facets and snippets.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.search import SearchHeadline, SearchQuery, SearchRank
from django.db.models import (
    Case,
    Count,
    F,
    FloatField,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Concat

from catalog.models import Dataset, DatasetTag, FieldTag

MAX_QUERY = 300
MAX_OFFSET = 5_000
FACET_SIZE = 50
# Around each match; not markup, so that whoever renders the text may escape it whole.
MARK_START, MARK_STOP = "«", "»"


@dataclass(frozen=True)
class SearchPage:
    """One page of results, the exact number of all, and facets over all."""

    rows: list[Dataset]
    total: int
    facets: dict[str, list[dict[str, Any]]]


def matching(
    text: str, *, visible: QuerySet[Dataset], described: QuerySet[Dataset]
) -> QuerySet[Dataset]:
    """The visible datasets that match `text`; all of them for an empty text."""
    if not text:
        return visible
    by_words = Q(description__icontains=text) | Q(search_vector=_query(text))
    mine = Q(pk__in=described.order_by().values("pk"))
    return visible.filter(Q(name__icontains=text) | (by_words & mine))


def tagged(
    datasets: QuerySet[Dataset], tag: str, *, described: QuerySet[Dataset]
) -> QuerySet[Dataset]:
    """Those that bear the tag themselves or on a present field, and whose metadata the caller may view."""
    with_field = Q(fields__removed_at=None, fields__field_tags__tag__name=tag)
    bearing = Dataset.objects.filter(Q(dataset_tags__tag__name=tag) | with_field)
    return datasets.filter(pk__in=bearing.values("pk")).filter(
        pk__in=described.order_by().values("pk")
    )


def search_datasets(
    text: str,
    *,
    found: QuerySet[Dataset],
    described: QuerySet[Dataset],
    offset: int,
    limit: int,
) -> SearchPage:
    """Page `found` (of `matching`, narrowed by filters) by rank: exact name, beginning, part, then text rank."""
    rows = (
        found.annotate(
            rank=_rank(text, described=described), snippet=_snippet(text, described=described)
        )
        .select_related("domain")
        .defer("facets", "facet_stamps", "search_vector")
        .order_by("-rank", "pk")[offset : offset + limit]
    )
    return SearchPage(
        rows=list(rows), total=found.count(), facets=_facets(found, described=described)
    )


def _query(text: str) -> SearchQuery:
    return SearchQuery(text, config="simple", search_type="websearch")


def _rank(text: str, *, described: QuerySet[Dataset]) -> Any:
    """By name, then by how well the words fit; hidden words move nothing, not even the order."""
    if not text:
        return Value(0.0, output_field=FloatField())
    by_name = Case(
        When(name__iexact=text, then=Value(4.0)),
        When(name__iendswith=f".{text}", then=Value(3.0)),
        When(name__istartswith=text, then=Value(2.0)),
        When(name__icontains=text, then=Value(1.0)),
        default=Value(0.0),
        output_field=FloatField(),
    )
    by_words = Case(
        When(
            Q(pk__in=described.order_by().values("pk")),
            then=SearchRank(F("search_vector"), _query(text)),
        ),
        default=Value(0.0),
        output_field=FloatField(),
    )
    return by_name + by_words


def _snippet(text: str, *, described: QuerySet[Dataset]) -> Any:
    """The words around the match, out of no more than the caller may view."""
    if not text:
        return Value("", output_field=TextField())
    mine = Q(pk__in=described.order_by().values("pk"))
    words = Case(
        When(mine, then=Concat("description", Value(" "), "search_text", output_field=TextField())),
        default=Value(""),
        output_field=TextField(),
    )
    return SearchHeadline(
        words,
        _query(text),
        config="simple",
        start_sel=MARK_START,
        stop_sel=MARK_STOP,
        max_words=18,
        min_words=6,
        max_fragments=2,
        fragment_delimiter=" … ",
    )


def _facets(
    found: QuerySet[Dataset], *, described: QuerySet[Dataset]
) -> dict[str, list[dict[str, Any]]]:
    keys = found.order_by().values("pk")
    kinds = found.order_by().values("kind").annotate(count=Count("pk")).order_by("-count", "kind")
    domains = (
        found.exclude(domain=None)
        .order_by()
        .values("domain__slug")
        .annotate(count=Count("pk"))
        .order_by("-count", "domain__slug")
    )
    return {
        "kind": [{"value": row["kind"], "count": row["count"]} for row in kinds],
        "domain": [
            {"value": row["domain__slug"], "count": row["count"]} for row in domains[:FACET_SIZE]
        ],
        "tag": [
            {"value": name, "count": count}
            for name, count in tag_counts(described.filter(pk__in=keys))[:FACET_SIZE]
        ],
    }


def tag_counts(datasets: QuerySet[Dataset]) -> list[tuple[str, int]]:
    """(tag, datasets that bear it themselves or on a present field), most used first; two queries."""
    bearers: dict[str, set[int]] = {}
    keys = datasets.order_by().values("pk")
    of_datasets = DatasetTag.objects.filter(dataset__in=keys).values_list("tag__name", "dataset_id")
    of_fields = (
        FieldTag.objects.filter(field__dataset__in=keys, field__removed_at=None)
        .values_list("tag__name", "field__dataset_id")
        .distinct()
    )
    for name, dataset_id in [*of_datasets, *of_fields]:
        bearers.setdefault(name, set()).add(dataset_id)
    counts = [(name, len(ids)) for name, ids in bearers.items()]
    return sorted(counts, key=lambda pair: (-pair[1], pair[0]))
