"""Data products: what a domain offers, who answers for it, and the datasets that it is made of."""

from typing import Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from catalog.models import DataProduct, DataProductOwner, DataProductPort, Dataset, Domain
from catalog.models.product import PortDirection, ProductStatus
from core import audit
from core.errors import ConflictError, InvalidInputError
from identity.models import User

MAX_NAME = 200
MAX_DESCRIPTION = 100_000


@transaction.atomic
def create_product(
    *,
    domain: Domain,
    name: str,
    description: str = "",
    status: str = ProductStatus.DRAFT,
    actor: str,
) -> DataProduct:
    """Make a product; ConflictError if the domain has one of this name."""
    product = DataProduct(domain=domain, name=name, description=description, status=status)
    _check(product)
    try:
        with transaction.atomic():
            product.save()
    except IntegrityError:
        raise ConflictError(f"the domain has a product named `{name}`") from None
    _record(product, verb="create", actor=actor)
    return product


@transaction.atomic
def change_product(product: DataProduct, *, changes: dict[str, Any], actor: str) -> bool:
    """Set name, description or status; tell whether anything changed. Errors as `create_product`."""
    differing = {key: value for key, value in changes.items() if getattr(product, key) != value}
    if not differing:
        return False
    for key, value in differing.items():
        setattr(product, key, value)
    _check(product)
    try:
        with transaction.atomic():
            product.save(update_fields=[*differing, "updated_at"])
    except IntegrityError:
        raise ConflictError(f"the domain has a product named `{product.name}`") from None
    _record(product, verb="change", actor=actor)
    return True


@transaction.atomic
def delete_product(product: DataProduct, *, actor: str) -> None:
    """Remove a product. Its datasets stay as they are."""
    _record(product, verb="delete", actor=actor)
    product.delete()


@transaction.atomic
def add_product_owner(product: DataProduct, *, owner: User | Group, actor: str) -> None:
    """Let a user or a group answer for the product; a second call changes nothing."""
    _, created = DataProductOwner.objects.get_or_create(product=product, **_subject(owner))
    if created:
        _record(product, verb="add_owner", actor=actor, owner=owner)
        _touch(product)


@transaction.atomic
def remove_product_owner(product: DataProduct, *, owner: User | Group, actor: str) -> None:
    """Take that back; a second call changes nothing."""
    if DataProductOwner.objects.filter(product=product, **_subject(owner)).delete()[0]:
        _record(product, verb="remove_owner", actor=actor, owner=owner)
        _touch(product)


@transaction.atomic
def add_port(
    product: DataProduct,
    *,
    dataset: Dataset,
    direction: str = PortDirection.OUTPUT,
    actor: str,
) -> None:
    """Make the dataset a port of the product; a second call changes nothing."""
    _, created = DataProductPort.objects.get_or_create(
        product=product, dataset=dataset, direction=direction
    )
    if created:
        _record(product, verb="add_port", actor=actor, dataset=dataset.node_id, port=direction)
        _touch(product)


@transaction.atomic
def remove_port(
    product: DataProduct, *, dataset: Dataset, direction: str = PortDirection.OUTPUT, actor: str
) -> None:
    """Take that back; a second call changes nothing."""
    found = DataProductPort.objects.filter(product=product, dataset=dataset, direction=direction)
    if found.delete()[0]:
        _record(product, verb="remove_port", actor=actor, dataset=dataset.node_id, port=direction)
        _touch(product)


def _touch(product: DataProduct) -> None:
    product.save(update_fields=["updated_at"])


def _subject(owner: User | Group) -> dict[str, Any]:
    named: dict[str, Any] = {"group": owner} if isinstance(owner, Group) else {"user": owner}
    return {"user": None, "group": None, **named}


def _check(product: DataProduct) -> None:
    if not product.name.strip() or len(product.name) > MAX_NAME:
        raise InvalidInputError(f"`name` must have 1 to {MAX_NAME} characters", pointer="/name")
    if len(product.description) > MAX_DESCRIPTION:
        raise InvalidInputError(f"`description` has at most {MAX_DESCRIPTION} characters")
    if product.status not in ProductStatus.values:
        raise InvalidInputError(f"`status` must be one of {', '.join(ProductStatus.values)}")


def _record(
    product: DataProduct,
    *,
    verb: str,
    actor: str,
    owner: User | Group | None = None,
    **more: str,
) -> None:
    audit.record(
        actor=actor,
        action=f"product.{verb}",
        resource=f"product:{product.uuid}",
        payload={
            "domain": product.domain.slug,
            "name": product.name,
            "status": product.status,
            **({"owner": str(owner)} if owner else {}),
            **more,
        },
        about=[owner.username] if isinstance(owner, User) else [],
    )
