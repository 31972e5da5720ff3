"""What a caller may do in the catalog: each answer is the kernel's."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from api.iceberg.requests import Caller
from catalog.models import Domain
from core.errors import NotFoundError, PermissionDeniedError
from governance.policy import decide
from governance.policy.types import Action, Decision, EntityId, Resource, Subject
from governance.queries import decide_read, require, visible_datasets
from storage.models import IcebergNamespace, IcebergTable
from storage.services.namespaces import DOMAIN_PROPERTY, domain_of
from storage.tables.documents import TableDocument, read_document
from storage.tables.errors import NoSuchNamespaceError, NoSuchTableError
from storage.tables.names import DATASET_NAMESPACE, dotted


def visible_tables(caller: Caller, levels: Sequence[str]) -> list[str]:
    """The names of the tables in a namespace that the caller may discover, sorted."""
    datasets = visible_datasets(caller.principal, facts=caller.facts).order_by()
    tables = IcebergTable.objects.filter(namespace__levels=list(levels), dataset__in=datasets)
    return sorted(tables.values_list("name", flat=True))


def visible_namespaces(caller: Caller) -> list[tuple[str, ...]]:
    """The namespaces that hold a table the caller may discover, or in which they may create one; and those above."""
    datasets = visible_datasets(caller.principal, facts=caller.facts).order_by()
    with_tables = set(
        IcebergTable.objects.filter(dataset__in=datasets).values_list("namespace_id", flat=True)
    )
    rows = list(IcebergNamespace.objects.all())
    domains = _domains_by_levels(rows)
    shown: set[tuple[str, ...]] = set()
    known = {tuple(row.levels) for row in rows}
    for row in rows:
        levels = tuple(row.levels)
        if row.pk in with_tables or _may_create(caller, levels, domains.get(levels)):
            shown |= {levels[:depth] for depth in range(1, len(levels) + 1)}
    return sorted(shown & known)


def require_namespace(caller: Caller, levels: Sequence[str]) -> IcebergNamespace:
    """The namespace, if it is there and the caller may know so; else NoSuchNamespaceError."""
    # Asked of what is not there as well, so that what is hidden takes no longer.
    is_shown = tuple(levels) in visible_namespaces(caller)
    row = IcebergNamespace.objects.filter(levels=list(levels)).first()
    if row is None or not is_shown:
        raise NoSuchNamespaceError(f"namespace `{dotted(levels)}` does not exist")
    return row


def require_creation(caller: Caller, identifier: Sequence[str]) -> None:
    """Refuse unless the caller may write the table that this name would be.

    Raises NoSuchNamespaceError where the caller may not even know the namespace.
    """
    levels = tuple(identifier[:-1])
    namespace = require_namespace(caller, levels)
    decision = decide_creation(caller, identifier, domain_of(namespace.levels))
    if not decision.allowed:
        raise _denied("create tables in this namespace", decision)


def require_namespace_change(
    caller: Caller, levels: Sequence[str], *, domains: Iterable[Domain | None]
) -> None:
    """Refuse unless the caller may create tables of this namespace in each of `domains`."""
    for domain in domains:
        decision = decide_creation(caller, (*levels, "*"), domain)
        if not decision.allowed:
            raise _denied("change this namespace", decision)


def require_table(caller: Caller, identifier: Sequence[str], action: Action) -> TableDocument:
    """The table, if the caller may do `action` to it.

    Raises NoSuchTableError, in the same words, where there is none and where the caller may not know of it.
    """
    # What is hidden is not found, and so costs what nothing costs.
    shown = visible_datasets(caller.principal, facts=caller.facts)
    document = read_document(identifier, among=shown)
    try:
        require(caller.principal, action, document.table.dataset, facts=caller.facts)
    except NotFoundError:
        raise NoSuchTableError(f"table `{dotted(identifier)}` does not exist") from None
    return document


def read_decision(caller: Caller, table: IcebergTable) -> Decision:
    """The kernel's answer about reading the table's data."""
    return decide_read(caller.principal, table.dataset, facts=caller.facts)


def decide_creation(caller: Caller, identifier: Sequence[str], domain: Domain | None) -> Decision:
    """The kernel's answer about making a table that does not exist: who may write or manage it may make it."""
    resource = _future_table(caller, identifier, domain)
    decision = decide(caller.principal, Action.WRITE, resource, caller.facts)
    if decision.allowed:
        return decision
    managed = decide(caller.principal, Action.MANAGE, resource, caller.facts)
    return managed if managed.allowed else decision


def decide_read_of_own(caller: Caller, identifier: Sequence[str]) -> Decision:
    """The kernel's answer about reading a table that the caller is about to create, and will own."""
    domain = domain_of(identifier[:-1])
    resource = replace(
        _future_table(caller, identifier, domain),
        owners=frozenset({Subject("user", caller.principal.id)}),
    )
    return decide(caller.principal, Action.READ, resource, caller.facts)


def _future_table(caller: Caller, identifier: Sequence[str], domain: Domain | None) -> Resource:
    return Resource(
        id=None,
        namespace=DATASET_NAMESPACE,
        name=dotted(identifier),
        kind="table",
        domain_path=_domain_path(domain.pk if domain else None, caller),
    )


def _may_create(caller: Caller, levels: Sequence[str], domain: Domain | None) -> bool:
    return decide_creation(caller, (*levels, "*"), domain).allowed


def _domains_by_levels(rows: Iterable[IcebergNamespace]) -> dict[tuple[str, ...], Domain | None]:
    """Each namespace's domain: its own, or that of the nearest namespace above."""
    slugs = {tuple(row.levels): row.properties.get(DOMAIN_PROPERTY) for row in rows}
    domains = {
        row.slug: row for row in Domain.objects.filter(slug__in=filter(None, slugs.values()))
    }
    found = {}
    for levels in slugs:
        above = (slugs.get(levels[:depth]) for depth in range(len(levels), 0, -1))
        found[levels] = domains.get(next(filter(None, above), ""))
    return found


def domain_named(slug: str) -> Domain | None:
    return Domain.objects.filter(slug=slug).first()


def _domain_path(key: EntityId, caller: Caller) -> tuple[EntityId, ...]:
    chain: list[EntityId] = []
    while key is not None and key in caller.facts.domains and key not in chain:
        chain.insert(0, key)
        key = caller.facts.domains[key].parent_id
    return tuple(chain)


def _denied(what: str, decision: Decision) -> PermissionDeniedError:
    reasons = [reason.text for reason in decision.reasons]
    return PermissionDeniedError(f"you may not {what}", reasons=reasons)
