"""What a principal may see and do. Every path to metadata or data goes through here, and asks nobody else.

Each function takes `facts` where the caller has loaded them already; without, they are read anew.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from catalog.models import Dataset, Domain
from core.clock import utc_now
from core.errors import NotFoundError, PermissionDeniedError
from governance.facts import (
    GRANT_MODELS,
    grant_rows,
    held_by,
    load_facts,
    load_resource,
    principal_of,
)
from governance.models import (
    AccessRequest,
    BreakGlass,
    Classification,
    DatasetGroupGrant,
    DatasetUserGrant,
    DomainGroupGrant,
    DomainUserGrant,
    GrantBase,
    RequestState,
)
from governance.panel import actionable
from governance.policy import decide, restrict
from governance.policy.decide import missing
from governance.policy.predicates import NOTHING
from governance.policy.types import (
    Action,
    Decision,
    EntityId,
    Facts,
    Grant,
    Principal,
    Subject,
    Target,
)
from governance.restriction import to_condition

__all__ = [
    "administered_domains",
    "decide_as_if_granted",
    "decide_on",
    "decide_read",
    "domain_chain",
    "get_grant",
    "get_visible_dataset",
    "get_visible_domain",
    "grants_given_on",
    "grants_held",
    "grants_in_force",
    "load_facts",
    "may_administer_domain",
    "principal_of",
    "requests_to_decide",
    "require",
    "require_domain",
    "require_visible_domain",
    "traceable_datasets",
    "visible_classifications",
    "visible_datasets",
    "visible_domains",
    "visible_grants",
    "visible_requests",
]

MAX_GRANTS = 500  # a table
MAX_PENDING = 1_000
_ON_DATASETS: tuple[type[GrantBase], ...] = (DatasetUserGrant, DatasetGroupGrant)
_ON_DOMAINS: tuple[type[GrantBase], ...] = (DomainUserGrant, DomainGroupGrant)


def visible_datasets(
    principal: Principal, *, action: Action = Action.DISCOVER, facts: Facts | None = None
) -> QuerySet[Dataset]:
    """The live datasets to which the principal may do `action`; the restriction is part of the SQL."""
    facts = facts or load_facts(principal)
    condition = to_condition(restrict(principal, action, facts), domains=facts.domains)
    return Dataset.objects.live().filter(condition)


def traceable_datasets(
    principal: Principal, *, facts: Facts | None = None
) -> QuerySet[Dataset] | None:
    """The live datasets that the principal may know to be there without a name; None where no policy says so."""
    facts = facts or load_facts(principal)
    predicate = restrict(principal, Action.TRACE, facts)
    if predicate == NOTHING:
        return None
    return Dataset.objects.live().filter(to_condition(predicate, domains=facts.domains))


def visible_domains(principal: Principal, *, facts: Facts | None = None) -> QuerySet[Domain]:
    """The domains that hold something the principal may discover, or that they steward, and those above them."""
    facts = facts or load_facts(principal)
    if principal.is_superuser and principal.is_active and principal.token_allows(Action.DISCOVER):
        return Domain.objects.all()
    shown: set[EntityId] = set(
        visible_datasets(principal, facts=facts)
        .exclude(domain=None)
        .order_by()
        .values_list("domain_id", flat=True)
        .distinct()
    )
    shown |= administered_domains(principal, facts=facts)
    for each in list(shown):
        shown.update(domain_chain(each, facts))
    return Domain.objects.filter(pk__in=shown)


def get_visible_domain(principal: Principal, slug: str, *, facts: Facts | None = None) -> Domain:
    """The domain of this slug. NotFoundError, in the same words, where there is none and where it is not shown."""
    found = visible_domains(principal, facts=facts).filter(slug=slug).first()
    if found is None:
        raise NotFoundError("there is no such domain")
    return found


def get_visible_dataset(
    principal: Principal,
    dataset: int | str | UUID,
    *,
    action: Action = Action.DISCOVER,
    facts: Facts | None = None,
) -> Dataset:
    """The live dataset with this primary key or UUID.

    Raises NotFoundError, in the same words, where there is none and where the principal may not do `action`.
    """
    rows = visible_datasets(principal, action=action, facts=facts).select_related("domain")
    try:
        key = Q(pk=dataset) if isinstance(dataset, int) else Q(uuid=UUID(str(dataset)))
    except ValueError:
        raise _not_found() from None
    found = rows.filter(key).first()
    if found is None:
        raise _not_found()
    return found


def decide_on(
    principal: Principal, action: Action, dataset: Dataset, *, facts: Facts | None = None
) -> Decision:
    """The kernel's decision about one dataset. With a deleted one nobody may do anything."""
    if dataset.deleted_at is not None:
        return Decision("deny", (missing(action),))
    facts = facts or load_facts(principal)
    return decide(principal, action, load_resource(dataset, domains=facts.domains), facts)


def decide_read(
    principal: Principal,
    dataset: Dataset,
    *,
    purpose: str | None = None,
    facts: Facts | None = None,
) -> Decision:
    """Whether the principal may read the data for this purpose, and which rows, columns and masks then hold."""
    asking = principal if purpose is None else replace(principal, purpose=purpose)
    return decide_on(asking, Action.READ, dataset, facts=facts)


def decide_as_if_granted(
    principal: Principal,
    dataset: Dataset,
    *,
    row_filter: str | None = None,
    columns: Collection[str] | None = None,
    facts: Facts | None = None,
) -> Decision:
    """What the principal could read if this rectangle were granted as well: what an approver is about to open."""
    facts = facts or load_facts(principal)
    proposed = Grant(
        id="proposed",
        subject=Subject("user", principal.id),
        target=Target("dataset", dataset.pk),
        action=Action.READ,
        row_filter=row_filter or None,
        columns=None if columns is None else frozenset(columns),
    )
    supposed = replace(facts, grants=(*facts.grants, proposed))
    return decide_on(principal, Action.READ, dataset, facts=supposed)


def require(
    principal: Principal, action: Action, dataset: Dataset, *, facts: Facts | None = None
) -> Decision:
    """The decision, where it allows.

    Raises PermissionDeniedError with the reasons, or NotFoundError where the principal may not even know the dataset.
    """
    facts = facts or load_facts(principal)
    if dataset.deleted_at is not None:
        raise _not_found()
    resource = load_resource(dataset, domains=facts.domains)
    decision = decide(principal, action, resource, facts)
    if decision.allowed:
        return decision
    if not decide(principal, Action.DISCOVER, resource, facts).allowed:
        raise _not_found()
    raise PermissionDeniedError(
        f"you may not `{action}` this dataset", reasons=[each.text for each in decision.reasons]
    )


def may_administer_domain(
    principal: Principal, domain: EntityId, *, facts: Facts | None = None
) -> bool:
    """Whether the principal stewards this domain or one above it, or is a superuser."""
    if not principal.is_active or not principal.token_allows(Action.ADMINISTER):
        return False
    if principal.is_superuser:
        return True
    facts = facts or load_facts(principal)
    mine = facts.index.domains_of(principal, role="steward")
    return not mine.isdisjoint(domain_chain(domain, facts))


def may_administer_paths(
    principal: Principal, paths: Collection[str], *, facts: Facts | None = None
) -> bool:
    """Whether a rule over these domains (paths; none is everywhere) is the principal's to write: administrators write any."""
    facts = facts or load_facts(principal)
    if principal.is_superuser:
        # any id: a superuser administers each domain, if the account and the token reach so far
        return may_administer_domain(principal, None, facts=facts)
    ids = {domain.path: domain.id for domain in facts.domains.values()}
    return bool(paths) and all(
        path in ids and may_administer_domain(principal, ids[path], facts=facts) for path in paths
    )


def administered_domains(principal: Principal, *, facts: Facts | None = None) -> set[EntityId]:
    """The domains that the principal may administer, by primary key."""
    facts = facts or load_facts(principal)
    return {each for each in facts.domains if may_administer_domain(principal, each, facts=facts)}


def require_domain(principal: Principal, domain: Domain, *, facts: Facts | None = None) -> None:
    """Raises PermissionDeniedError, or NotFoundError for a domain that is not shown, to all but its administrators."""
    facts = facts or load_facts(principal)
    if may_administer_domain(principal, domain.pk, facts=facts):
        return
    require_visible_domain(principal, domain, facts=facts)
    raise PermissionDeniedError("you do not administer this domain")


def require_visible_domain(
    principal: Principal, domain: Domain, *, facts: Facts | None = None
) -> None:
    """Raises NotFoundError for a domain that is not shown to the principal."""
    if not visible_domains(principal, facts=facts).filter(pk=domain.pk).exists():
        raise NotFoundError("there is no such domain")


def visible_requests(
    principal: Principal, *, facts: Facts | None = None
) -> QuerySet[AccessRequest]:
    """The principal's own requests, and those for datasets on which they may approve."""
    approvable = visible_datasets(principal, action=Action.APPROVE, facts=facts).order_by()
    return AccessRequest.objects.filter(
        Q(requester=principal.id) | Q(dataset__in=approvable.values("pk"))
    ).select_related("dataset", "requester", "decided_by", "extends")


def visible_classifications(
    principal: Principal, *, facts: Facts | None = None
) -> QuerySet[Classification]:
    """What is suggested for, or was decided on, the fields of the datasets that the principal manages."""
    managed = visible_datasets(principal, action=Action.MANAGE, facts=facts).order_by()
    return Classification.objects.filter(dataset__in=managed.values("pk")).select_related(
        "field", "dataset", "decided_by"
    )


def requests_to_decide(
    principal: Principal, *, facts: Facts | None = None
) -> QuerySet[AccessRequest]:
    """The pending requests in which a stage waits for the principal: never their own. Oldest first.

    Of the MAX_PENDING oldest on what they may approve.
    """
    approvable = visible_datasets(principal, action=Action.APPROVE, facts=facts).order_by()
    rows = (
        AccessRequest.objects.filter(state=RequestState.PENDING)
        .select_related("dataset__domain", "requester", "decided_by", "extends")
        .order_by("created_at", "pk")
    )
    waiting = rows.filter(dataset__in=approvable.values("pk")).exclude(requester=principal.id)
    mine = actionable(principal, waiting.prefetch_related("votes")[:MAX_PENDING])
    return rows.filter(pk__in=[row.pk for row in mine])


def visible_grants(
    principal: Principal, dataset: Dataset, *, facts: Facts | None = None
) -> list[GrantBase]:
    """The grants in force that reach this dataset: all for its approvers, their own for everybody else."""
    facts = facts or load_facts(principal)
    all_of_them = decide_on(principal, Action.APPROVE, dataset, facts=facts).allowed
    found: list[GrantBase] = []
    for model in GRANT_MODELS:
        on_dataset = model in _ON_DATASETS
        targets = [dataset.pk] if on_dataset else domain_chain(dataset.domain_id, facts)
        rows = grants_in_force(model).filter(content_object__in=targets)
        found += rows if all_of_them else rows.filter(held_by(principal, model))
    return found


def grants_held(principal: Principal, *, facts: Facts | None = None) -> list[GrantBase]:
    """The grants in force to the principal or a group of theirs, at most MAX_GRANTS a table.

    A grant is no side door: of those on datasets only what the kernel still shows is named.
    """
    shown = visible_datasets(principal, facts=facts).order_by().values("pk")
    found: list[GrantBase] = []
    for model in GRANT_MODELS:
        rows = grants_in_force(model).filter(held_by(principal, model))
        if model in _ON_DATASETS:
            rows = rows.filter(content_object__in=shown)
        found += rows[:MAX_GRANTS]
    return found


def grants_given_on(
    principal: Principal, target: Dataset | Domain, *, facts: Facts | None = None
) -> list[GrantBase]:
    """The grants in force on this very dataset or domain, at most MAX_GRANTS a table.

    Raises PermissionDeniedError, or NotFoundError where the principal may not know the target, to all but those who
    may approve there.
    """
    if isinstance(target, Dataset):
        require(principal, Action.APPROVE, target, facts=facts)
    else:
        require_domain(principal, target, facts=facts)
    models = _ON_DATASETS if isinstance(target, Dataset) else _ON_DOMAINS
    return [
        row
        for model in models
        for row in grants_in_force(model).filter(content_object=target)[:MAX_GRANTS]
    ]


def get_grant(principal: Principal, uuid: UUID, *, facts: Facts | None = None) -> GrantBase:
    """The grant of this UUID: the principal's own, or one on what they may know of. NotFoundError otherwise."""
    facts = facts or load_facts(principal)
    datasets = visible_datasets(principal, facts=facts).order_by().values("pk")
    domains = visible_domains(principal, facts=facts).order_by().values("pk")
    for model in GRANT_MODELS:
        known = Q(content_object__in=datasets if model in _ON_DATASETS else domains)
        if hasattr(model, "user"):
            known |= Q(user=principal.id)
        row: GrantBase | None = grant_rows(model).filter(known, uuid=uuid).first()
        if row is not None:
            return row
    raise NotFoundError("there is no such grant")


def grants_in_force(model: type[GrantBase]) -> QuerySet[Any]:
    """Rows of one of the four tables with all that `governance.services.grants.describe` tells; expiry is exact."""
    holder = "user" if hasattr(model, "user") else "group"
    return (
        with_break_glass(grant_rows(model))
        .filter(Q(expires_at=None) | Q(expires_at__gt=utc_now()))
        .select_related("permission", "content_object", "request", holder)
        .order_by("pk")
    )


def with_break_glass(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Grants with `break_glass`: the UUID of the breaking that gave one, None for all others."""
    breaking = BreakGlass.objects.filter(grant=OuterRef("uuid")).values("uuid")[:1]
    marked: QuerySet[Any] = rows.annotate(break_glass=Subquery(breaking))
    return marked


def domain_chain(domain: EntityId, facts: Facts) -> list[EntityId]:
    """The domain and those above it, from below."""
    chain: list[EntityId] = []
    while domain in facts.domains and domain not in chain:
        chain.append(domain)
        domain = facts.domains[domain].parent_id
    return chain


def _not_found() -> NotFoundError:
    return NotFoundError("there is no such dataset")
