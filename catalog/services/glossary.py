"""Glossary terms, and putting them on datasets and fields."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from catalog.models import Dataset, DatasetTerm, Domain, Field, FieldTerm, GlossaryTerm
from catalog.models.glossary import MAX_TERM_DEPTH
from catalog.services.search import refresh_search_text
from core import audit
from core.errors import ConflictError, InvalidInputError, UnprocessableError

MAX_TERM = 200
MAX_DEFINITION = 100_000
MAX_SYNONYMS = 100


@transaction.atomic
def create_term(
    *,
    domain: Domain,
    name: str,
    definition: str = "",
    synonyms: Sequence[str] = (),
    parent: GlossaryTerm | None = None,
    actor: str,
) -> GlossaryTerm:
    """Make a term; ConflictError if the domain has the word, UnprocessableError for a wrong parent."""
    term = GlossaryTerm(
        domain=domain, name=name, definition=definition, synonyms=[*synonyms], parent=parent
    )
    _check(term)
    try:
        with transaction.atomic():
            term.save()
    except IntegrityError:
        raise ConflictError(f"the domain has a term named `{name}`") from None
    _record(term, verb="create", actor=actor)
    return term


@transaction.atomic
def change_term(term: GlossaryTerm, *, changes: dict[str, Any], actor: str) -> bool:
    """Set name, definition, synonyms or parent; tell whether anything changed. Errors as `create_term`."""
    differing = {key: value for key, value in changes.items() if getattr(term, key) != value}
    if not differing:
        return False
    for key, value in differing.items():
        setattr(term, key, value)
    _check(term)
    try:
        with transaction.atomic():
            term.save(update_fields=[*differing, "updated_at"])
    except IntegrityError:
        raise ConflictError(f"the domain has a term named `{term.name}`") from None
    _record(term, verb="change", actor=actor)
    if {"name", "synonyms"} & differing.keys():
        refresh_search_text(bearers_of(term))
    return True


@transaction.atomic
def delete_term(term: GlossaryTerm, *, actor: str) -> None:
    """Remove a term and its links; ConflictError while narrower terms lie below it."""
    if term.children.exists():
        raise ConflictError("the term has narrower terms; move or delete them first")
    bearers = bearers_of(term)
    _record(term, verb="delete", actor=actor)
    term.delete()
    refresh_search_text(bearers)


def bearers_of(term: GlossaryTerm) -> list[int]:
    """Ids of the datasets that bear the term themselves or on a field."""
    direct = DatasetTerm.objects.filter(term=term).values_list("dataset_id", flat=True)
    by_field = FieldTerm.objects.filter(term=term).values_list("field__dataset_id", flat=True)
    return sorted({*direct, *by_field})


@transaction.atomic
def link_dataset(dataset: Dataset, *, term: GlossaryTerm, actor: str) -> None:
    """Say that the dataset holds what the term means; a second call changes nothing."""
    _, created = DatasetTerm.objects.get_or_create(dataset=dataset, term=term)
    if created:
        _record_link(dataset, term=term, action="dataset.link_term", actor=actor)


@transaction.atomic
def unlink_dataset(dataset: Dataset, *, term: GlossaryTerm, actor: str) -> None:
    """Take that back; a second call changes nothing."""
    if DatasetTerm.objects.filter(dataset=dataset, term=term).delete()[0]:
        _record_link(dataset, term=term, action="dataset.unlink_term", actor=actor)


@transaction.atomic
def link_field(field: Field, *, term: GlossaryTerm, actor: str) -> None:
    """Say that the field holds what the term means; a second call changes nothing."""
    _, created = FieldTerm.objects.get_or_create(field=field, term=term)
    if created:
        _record_link(
            field.dataset, term=term, action="field.link_term", actor=actor, field=field.name
        )


@transaction.atomic
def unlink_field(field: Field, *, term: GlossaryTerm, actor: str) -> None:
    """Take that back; a second call changes nothing."""
    if FieldTerm.objects.filter(field=field, term=term).delete()[0]:
        _record_link(
            field.dataset, term=term, action="field.unlink_term", actor=actor, field=field.name
        )


def lock_term(terms: QuerySet[GlossaryTerm]) -> GlossaryTerm | None:
    """The one term of `terms`, its row locked; None if there is none."""
    return terms.select_for_update(of=("self",)).first()


def _check(term: GlossaryTerm) -> None:
    if not len(term.name.strip()) > 0 or len(term.name) > MAX_TERM:
        raise InvalidInputError(f"`name` must have 1 to {MAX_TERM} characters", pointer="/name")
    if len(term.definition) > MAX_DEFINITION:
        raise InvalidInputError(f"`definition` has at most {MAX_DEFINITION} characters")
    if len(term.synonyms) > MAX_SYNONYMS or not all(
        isinstance(each, str) and 0 < len(each) <= MAX_TERM for each in term.synonyms
    ):
        raise InvalidInputError(
            f"`synonyms` are at most {MAX_SYNONYMS} texts of 1 to {MAX_TERM} characters",
            pointer="/synonyms",
        )
    _check_parent(term)


def _check_parent(term: GlossaryTerm) -> None:
    """Refuse a parent of another domain, a cycle, and a tree that is too deep."""
    seen, node = {term.pk}, term.parent
    if node is not None and node.domain_id != term.domain_id:
        raise UnprocessableError("`parent` must be a term of the same domain", pointer="/parent")
    while node is not None:
        if node.pk in seen or len(seen) >= MAX_TERM_DEPTH:
            raise UnprocessableError(
                f"a term cannot lie below itself or {MAX_TERM_DEPTH} levels deep", pointer="/parent"
            )
        seen.add(node.pk)
        node = node.parent


def _record(term: GlossaryTerm, *, verb: str, actor: str) -> None:
    audit.record(
        actor=actor,
        action=f"term.{verb}",
        resource=f"term:{term.uuid}",
        payload={
            "domain": term.domain.slug,
            "name": term.name,
            "definition": term.definition,
            "synonyms": term.synonyms,
            "parent": str(term.parent.uuid) if term.parent else None,
        },
    )


def _record_link(
    dataset: Dataset, *, term: GlossaryTerm, action: str, actor: str, **more: str
) -> None:
    audit.record(
        actor=actor,
        action=action,
        resource=dataset.node_id,
        payload={"term": str(term.uuid), "name": term.name, **more},
    )
    refresh_search_text([dataset.pk])
