"""Lines of what there are few of, each by its own service: property definitions, domains, terms, products."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from msgspec import UnsetType

from catalog.models import DataProduct, Dataset, Domain, GlossaryTerm, PropertyDefinition
from catalog.services import glossary, products
from catalog.services.bulk.context import ChunkContext, find_datasets
from catalog.services.bulk.lines import DomainLine, OwnerLine, ProductLine, PropertyLine, TermLine
from catalog.services.domains import change_domain, create_domain
from catalog.services.properties import change_property, define_property, set_domain_properties
from core.errors import LakewardenError, PermissionDeniedError, UnprocessableError
from identity.models import User

NOT_STEWARD = "you do not administer this domain"


def import_vocabulary(lines: Sequence[tuple[int, Any]], *, context: ChunkContext) -> None:
    """Make or change each entry, in the order of the lines."""
    for number, line in lines:
        try:
            with transaction.atomic():
                outcome = _import(line, context=context)
        except LakewardenError as error:
            context.refuse(number, error)
        else:
            context.counts[outcome] += 1


def _import(line: Any, *, context: ChunkContext) -> str:
    match line:
        case PropertyLine():
            return _property(line, context=context)
        case DomainLine():
            return _domain(line, context=context)
        case TermLine():
            return _term(line, context=context)
        case ProductLine():
            return _product(line, context=context)
        case _:
            raise TypeError(type(line).__name__)


def _property(line: PropertyLine, *, context: ChunkContext) -> str:
    if not context.rights.is_administrator:
        raise PermissionDeniedError("only administrators declare properties")
    row = PropertyDefinition.objects.filter(name=line.name, applies_to=line.applies_to).first()
    if row is None:
        define_property(
            name=line.name,
            applies_to=str(line.applies_to.value),
            schema=line.schema,
            description=line.description,
            actor=context.actor,
        )
        return "created"
    if (row.schema, row.description) == (line.schema, line.description):
        return "unchanged"
    change_property(row, schema=line.schema, description=line.description, actor=context.actor)
    return "updated"


def _domain(line: DomainLine, *, context: ChunkContext) -> str:
    row = Domain.objects.filter(slug=line.slug).first()
    parent = None if line.parent is None else _known_domain(line.parent, context=context)
    if row is None:
        if not (context.rights.is_administrator or (parent and _administers(parent, context))):
            raise PermissionDeniedError(NOT_STEWARD)
        row = create_domain(
            name=line.name,
            slug=line.slug,
            description=line.description,
            parent=parent,
            actor=context.actor,
        )
        outcome = "created"
    else:
        if not _administers(row, context):
            raise PermissionDeniedError(NOT_STEWARD)
        if row.parent_id != (parent.pk if parent else None):
            raise UnprocessableError(
                "an import does not move a domain: its grants would go with it", pointer="/parent"
            )
        changed = change_domain(
            row,
            changes={"name": line.name, "description": line.description},
            actor=context.actor,
        )
        outcome = "updated" if changed else "unchanged"
    if not isinstance(line.properties, UnsetType) and set_domain_properties(
        row, properties=line.properties, actor=context.actor
    ):
        outcome = "created" if outcome == "created" else "updated"
    return outcome


def _term(line: TermLine, *, context: ChunkContext) -> str:
    domain = _stewarded(line.domain, context=context)
    terms = GlossaryTerm.objects.filter(domain=domain).select_related("domain", "parent")
    row = terms.filter(name__iexact=line.name).first()
    parent = None
    if line.parent is not None:
        parent = terms.filter(name__iexact=line.parent).first()
        if parent is None:
            raise UnprocessableError(f"there is no term `{line.parent}`", pointer="/parent")
    told: dict[str, Any] = {
        "name": line.name,
        "definition": line.definition,
        "synonyms": list(line.synonyms),
        "parent": parent,
    }
    if row is None:
        glossary.create_term(domain=domain, actor=context.actor, **told)
        return "created"
    return (
        "updated" if glossary.change_term(row, changes=told, actor=context.actor) else "unchanged"
    )


def _product(line: ProductLine, *, context: ChunkContext) -> str:
    domain = _stewarded(line.domain, context=context)
    rows = DataProduct.objects.filter(domain=domain).select_related("domain")
    row = rows.filter(name__iexact=line.name).first()
    told = {"name": line.name, "description": line.description, "status": str(line.status.value)}
    if row is None:
        row = products.create_product(domain=domain, actor=context.actor, **told)
        outcome = "created"
    else:
        changed = products.change_product(row, changes=told, actor=context.actor)
        outcome = "updated" if changed else "unchanged"
    before = row.updated_at
    _set_owners(row, line.owners, actor=context.actor)
    _set_ports(row, line, context=context)
    return "updated" if outcome == "unchanged" and row.updated_at != before else outcome


def _set_owners(row: DataProduct, told: tuple[OwnerLine, ...], *, actor: str) -> None:
    wanted = [_subject(each) for each in told]
    present = [each.user or each.group for each in row.owners.select_related("user", "group")]
    for owner in present:
        if owner is not None and owner not in wanted:
            products.remove_product_owner(row, owner=owner, actor=actor)
    for owner in wanted:
        products.add_product_owner(row, owner=owner, actor=actor)


def _subject(owner: OwnerLine) -> User | Group:
    found: User | Group | None = (
        Group.objects.filter(name=owner.name).first()
        if owner.kind == "group"
        else User.objects.filter(username=owner.name, is_active=True).first()
    )
    if found is None:
        raise UnprocessableError(f"there is no {owner.kind} `{owner.name}`", pointer="/owners")
    return found


def _set_ports(row: DataProduct, line: ProductLine, *, context: ChunkContext) -> None:
    names = find_datasets((each.dataset.namespace, each.dataset.name) for each in line.ports)
    described = context.rights.described(set(names.values()))
    wanted = set()
    for index, each in enumerate(line.ports):
        pk = names.get((each.dataset.namespace, each.dataset.name))
        if pk is None or pk not in described:
            raise UnprocessableError("there is no such dataset", pointer=f"/ports/{index}/dataset")
        wanted.add((pk, str(each.direction.value)))
    present = set(row.ports.values_list("dataset_id", "direction"))
    datasets = Dataset.objects.in_bulk([pk for pk, _ in wanted ^ present])
    # What the importer may not see is not theirs to take away.
    shown = context.rights.described({pk for pk, _ in present})
    for pk, direction in sorted(present - wanted):
        if pk in shown:
            products.remove_port(
                row, dataset=datasets[pk], direction=direction, actor=context.actor
            )
    for pk, direction in sorted(wanted - present):
        products.add_port(row, dataset=datasets[pk], direction=direction, actor=context.actor)


def _known_domain(slug: str, *, context: ChunkContext) -> Domain:
    found = Domain.objects.filter(slug=slug).first()
    if found is None or not context.rights.knows_domain(found.pk):
        raise UnprocessableError(f"there is no domain `{slug}`", pointer="/domain")
    return found


def _administers(domain: Domain, context: ChunkContext) -> bool:
    return context.rights.is_administrator or context.rights.administers(domain.pk)


def _stewarded(slug: str, *, context: ChunkContext) -> Domain:
    domain = _known_domain(slug, context=context)
    if not _administers(domain, context):
        raise PermissionDeniedError(NOT_STEWARD)
    return domain
