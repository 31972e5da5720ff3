"""Which terms and data products a principal may know of, and who changes them."""

from django.db.models import Q, QuerySet

from catalog.models import DataProduct, DatasetTerm, FieldTerm, GlossaryTerm
from core.errors import PermissionDeniedError
from governance.facts import load_facts
from governance.policy.types import Action, Facts, Principal
from governance.queries import visible_datasets, visible_domains


def visible_terms(principal: Principal, *, facts: Facts | None = None) -> QuerySet[GlossaryTerm]:
    """The words of the domains that the principal may know of, and those on what they may view the metadata of."""
    facts = facts or load_facts(principal)
    domains = visible_domains(principal, facts=facts).order_by().values("pk")
    described = (
        visible_datasets(principal, action=Action.VIEW_METADATA, facts=facts)
        .order_by()
        .values("pk")
    )
    on_datasets = DatasetTerm.objects.filter(dataset__in=described).values("term_id")
    on_fields = FieldTerm.objects.filter(
        field__dataset__in=described, field__removed_at=None
    ).values("term_id")
    return GlossaryTerm.objects.filter(
        Q(domain__in=domains) | Q(pk__in=on_datasets) | Q(pk__in=on_fields)
    )


def visible_products(principal: Principal, *, facts: Facts | None = None) -> QuerySet[DataProduct]:
    """The products of the domains that the principal may know of, and those that they or a group of theirs own."""
    facts = facts or load_facts(principal)
    domains = visible_domains(principal, facts=facts).order_by().values("pk")
    mine = DataProduct.objects.filter(
        Q(owners__user=principal.id) | Q(owners__group__in=principal.groups)
    )
    return DataProduct.objects.filter(Q(domain__in=domains) | Q(pk__in=mine.values("pk")))


def is_administrator(principal: Principal) -> bool:
    """Whether the principal administers the whole catalog, with the credential at hand."""
    return (
        principal.is_active and principal.is_superuser and principal.token_allows(Action.ADMINISTER)
    )


def require_administrator(principal: Principal) -> None:
    """Raise PermissionDeniedError unless the principal administers the whole catalog."""
    if not is_administrator(principal):
        raise PermissionDeniedError("only administrators may do this")
