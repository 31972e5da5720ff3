"""Who may break the glass of what, whose breakings one sees, and who closes their reviews.

Those who answer for the data review: its owners, the stewards of its domain and of those above, whoever may approve on it. Being a
superuser is not enough while any of them is there, and nobody reviews what they did themselves.
"""

from dataclasses import replace

from django.db.models import Q, QuerySet

from catalog.models import Dataset, DatasetOwner, Domain
from governance.effective import shared_facts
from governance.facts import load_facts
from governance.models import BreakGlass
from governance.models.break_glass import BreakGlassQuerySet
from governance.policy.types import Action, Principal
from governance.queries import (
    administered_domains,
    domain_chain,
    get_visible_dataset,
    get_visible_domain,
    visible_datasets,
    visible_domains,
)
from identity.models import User

PERMISSION = "governance.break_glass"


def may_break_glass(user: User) -> bool:
    """Whether the user is one of those who may: an active person who is a superuser or holds the permission."""
    return not user.is_service and user.has_perm(PERMISSION)


def find_target(principal: Principal, *, dataset: str = "", domain: str = "") -> Dataset | Domain:
    """The dataset of this UUID, else the domain of this slug. NotFoundError where the principal may not know it."""
    if dataset:
        return get_visible_dataset(principal, dataset)
    return get_visible_domain(principal, domain)


def visible_breakings(principal: Principal) -> BreakGlassQuerySet:
    """The principal's own, where they still may know what it was, and those of what they may approve on. Newest first."""
    facts = load_facts(principal)
    datasets = visible_datasets(principal, facts=facts).order_by()
    domains = visible_domains(principal, facts=facts)
    known = Q(dataset__in=datasets.values("pk")) | Q(domain__in=domains.values("pk"))
    return _rows().filter(Q(user=principal.id) & known | _on_what_is_approved_by(principal))


def reviews_to_close(principal: Principal) -> BreakGlassQuerySet:
    """The open reviews that the principal may close. Oldest first."""
    if not principal.is_active:
        return BreakGlass.objects.none()
    unreviewed = _rows().unreviewed().exclude(user=principal.id)
    found = _on_what_is_approved_by(replace(principal, is_superuser=False))
    if principal.is_superuser and principal.token_allows(Action.APPROVE):
        abandoned = [row.pk for row in unreviewed if not answerable_people(row).exists()]
        found |= Q(pk__in=abandoned)
    return unreviewed.filter(found).order_by("created_at", "pk")


def answerable_people(row: BreakGlass) -> QuerySet[User]:
    """The active people who own the dataset or steward its domain or one above, but for who broke the glass."""
    facts = shared_facts()
    domain = row.domain_id if row.dataset is None else row.dataset.domain_id
    above = [facts.domains[each] for each in domain_chain(domain, facts)]
    holders = {holder for each in above for holder in each.stewards}
    users = {each.id for each in holders if each.kind == "user"}
    groups = {each.id for each in holders if each.kind == "group"}
    owners = DatasetOwner.objects.filter(dataset=row.dataset_id)
    people = User.objects.filter(
        Q(pk__in=users)
        | Q(groups__in=groups)
        | Q(pk__in=owners.values("user"))
        | Q(groups__in=owners.values("group"))
    )
    return people.filter(is_active=True, is_service=False).exclude(pk=row.user_id).distinct()


def _on_what_is_approved_by(principal: Principal) -> Q:
    facts = load_facts(principal)
    datasets = visible_datasets(principal, action=Action.APPROVE, facts=facts).order_by()
    domains = administered_domains(principal, facts=facts)
    return Q(dataset__in=datasets.values("pk")) | Q(domain__in=domains)


def _rows() -> BreakGlassQuerySet:
    return BreakGlass.objects.select_related("dataset__domain", "domain", "user", "reviewed_by")
