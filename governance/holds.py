"""What stands against deleting the data of a dataset: legal holds on it, and rules that keep it."""

from collections.abc import Iterable, Sequence

from django.db import connection
from django.db.models import Q, QuerySet

from catalog.models import Dataset, DatasetTag, FieldTag
from core.errors import PermissionDeniedError
from governance.facts import domain_path, load_domains, load_resource
from governance.models import LegalHold, RetentionRule
from governance.policy.anchors import scope_predicate
from governance.policy.types import Principal
from governance.queries import administered_domains
from governance.retention.identifiers import Forms, Identifier, forms_of, unseal_identifiers
from governance.retention.precedence import Term
from governance.retention.rules import Rule, parse_retention_rule
from governance.vocabulary import is_administrator

HOLD_USE = "legal-hold"
# Any fixed number: who places a hold waits for the deletions under way, which hold it shared.
_LOCK = 0x4C4B_484F_4C44


class LegalHoldError(PermissionDeniedError):
    """A legal hold stands against the deletion; `holds` are their UUIDs."""

    code = "legal-hold"


def holds_on(dataset: Dataset) -> list[LegalHold]:
    """The holds in force on the dataset: itself, its domain or one above, a tag of it or of a field."""
    chain = domain_path(dataset.domain_id, load_domains())
    tags = {
        *DatasetTag.objects.filter(dataset=dataset).values_list("tag__name", flat=True),
        *FieldTag.objects.filter(field__dataset=dataset).values_list("tag__name", flat=True),
    }
    found = Q(dataset=dataset) | Q(domain__in=chain)
    if tags:
        found |= Q(tag__in=tags)
    return list(LegalHold.objects.in_force().filter(found).order_by("pk"))


def require_no_hold(dataset: Dataset) -> None:
    """Raises LegalHoldError where a hold is in force; no hold is placed until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])
    holds = holds_on(dataset)
    if holds:
        raise LegalHoldError(
            "a legal hold stands against deleting data of this dataset",
            holds=[str(each.uuid) for each in holds],
        )


def wait_for_deletions() -> None:
    """Return when no deletion is under way that has not seen the caller's hold; until its transaction ends none begins."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def describe_holds(holds: Iterable[LegalHold]) -> list[str]:
    """The holds as reasons, without why they were placed."""
    return [f"legal hold {each.uuid} since {each.placed_at:%Y-%m-%d}" for each in holds]


def held_persons() -> list[tuple[LegalHold, Forms]]:
    """The holds on persons, and what each is found by."""
    rows = LegalHold.objects.in_force().filter(is_of_person=True)
    return [(row, forms_of(unseal_identifiers(row.sealed, use=HOLD_USE))) for row in rows]


def holds_on_person(identifiers: Sequence[Identifier]) -> list[LegalHold]:
    """The holds on a person who shares an identifier with these."""
    values = {each.value.strip().lower() for each in identifiers}
    return [
        row
        for row in LegalHold.objects.in_force().filter(is_of_person=True)
        if not values.isdisjoint(
            each.value.strip().lower() for each in unseal_identifiers(row.sealed, use=HOLD_USE)
        )
    ]


def rules_in_force() -> list[Rule]:
    """The rules of retention, by name."""
    rows = RetentionRule.objects.filter(retired_at=None).order_by("name")
    return [parse_retention_rule(row.document) for row in rows]


def terms_of(dataset: Dataset, rules: Sequence[Rule] | None = None) -> list[Term]:
    """What the rules in force say of the dataset. A rule whose domain is gone keeps, and deletes nothing."""
    domains = load_domains()
    ids = {domain.path: domain.id for domain in domains.values()}
    resource = load_resource(dataset, domains=domains)
    return [
        rule.term
        for rule in (rules_in_force() if rules is None else rules)
        if scope_predicate(rule.scope, ids).matches(resource)
    ]


def visible_holds(principal: Principal) -> QuerySet[LegalHold]:
    """Administrators see all; stewards those on what is in their domains."""
    rows = LegalHold.objects.select_related("dataset", "domain", "placed_by", "released_by")
    if is_administrator(principal):
        return rows
    mine = administered_domains(principal)
    return rows.filter(Q(domain__in=mine) | Q(dataset__domain__in=mine))
