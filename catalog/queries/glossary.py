"""Terms, and the datasets and fields that bear them."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from catalog.models import Dataset, DatasetTerm, FieldTerm, GlossaryTerm


def bearing_term(term: UUID) -> QuerySet[Dataset]:
    """The datasets that bear the term themselves or on a present field."""
    direct = DatasetTerm.objects.filter(term__uuid=term).values("dataset_id")
    by_field = FieldTerm.objects.filter(term__uuid=term, field__removed_at=None)
    return Dataset.objects.filter(Q(pk__in=direct) | Q(pk__in=by_field.values("field__dataset_id")))


def with_term(described: QuerySet[Dataset], term: UUID) -> QuerySet[Dataset]:
    """Those that bear the term, of datasets whose metadata the caller may view."""
    return described.filter(pk__in=bearing_term(term).order_by().values("pk"))


def matching_terms(terms: QuerySet[GlossaryTerm], text: str) -> QuerySet[GlossaryTerm]:
    """Terms whose name, definition or synonyms hold the text; all of them for an empty one."""
    if not text:
        return terms
    return terms.filter(
        Q(name__icontains=text) | Q(definition__icontains=text) | Q(synonyms__icontains=text)
    )


def terms_of_datasets(ids: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    """The terms of each dataset, by domain and name; one query."""
    return _refs(DatasetTerm.objects.filter(dataset__in=ids), holder="dataset_id")


def terms_of_fields(ids: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    """The terms of each field, by domain and name; one query."""
    return _refs(FieldTerm.objects.filter(field__in=ids), holder="field_id")


def _refs(links: QuerySet[Any], *, holder: str) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    rows = links.order_by("term__domain__slug", "term__name")
    for key, uuid, slug, name in rows.values_list(
        holder, "term__uuid", "term__domain__slug", "term__name"
    ):
        found.setdefault(key, []).append({"uuid": str(uuid), "domain": slug, "name": name})
    return found
