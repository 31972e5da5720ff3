"""Domains and who answers for them."""

from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.text import slugify

from catalog.models import Domain, DomainSteward
from core import audit
from core.errors import ConflictError, UnprocessableError
from identity.models import User


@transaction.atomic
def create_domain(
    *,
    name: str,
    slug: str = "",
    parent: Domain | None = None,
    description: str = "",
    actor: str = "system",
) -> Domain:
    """Make a domain; ConflictError if the name is taken, UnprocessableError if the tree gets too deep.

    Without `slug` it is made of the name.
    """
    domain = Domain(name=name, slug=slug or slugify(name), parent=parent, description=description)
    try:
        domain.clean_fields()
        domain.clean()
        with transaction.atomic():
            domain.save()
    except ValidationError as error:
        raise UnprocessableError("; ".join(error.messages)) from None
    except IntegrityError:
        raise ConflictError(f"a domain named `{name}` exists") from None
    audit.record(
        actor=actor,
        action="domain.create",
        resource=f"domain:{domain.slug}",
        payload={"name": name, "parent": parent.slug if parent else None},
    )
    return domain


@transaction.atomic
def change_domain(domain: Domain, *, changes: dict[str, Any], actor: str) -> bool:
    """Set name or description; tell whether anything changed. Errors as `create_domain`."""
    differing = {key: value for key, value in changes.items() if getattr(domain, key) != value}
    if not differing:
        return False
    for key, value in differing.items():
        setattr(domain, key, value)
    try:
        domain.clean_fields()
        with transaction.atomic():
            domain.save(update_fields=[*differing])
    except ValidationError as error:
        raise UnprocessableError("; ".join(error.messages)) from None
    except IntegrityError:
        raise ConflictError(f"a domain named `{domain.name}` exists") from None
    audit.record(
        actor=actor, action="domain.change", resource=f"domain:{domain.slug}", payload=differing
    )
    return True


@transaction.atomic
def move_domain(domain: Domain, *, parent: Domain | None, actor: str) -> bool:
    """Put the domain with all below it under another one, or at the top; tell whether anything changed.

    Grants and policies of the new place hold from the commit. UnprocessableError for a place below itself or too deep.
    """
    row = Domain.objects.select_for_update().get(pk=domain.pk)
    if row.parent_id == (parent.pk if parent else None):
        return False
    before, row.parent = row.parent, parent
    try:
        row.clean()
    except ValidationError as error:
        raise UnprocessableError("; ".join(error.messages)) from None
    row.save(update_fields=["parent"])
    audit.record(
        actor=actor,
        action="domain.move",
        resource=f"domain:{row.slug}",
        payload={"from": before.slug if before else None, "to": parent.slug if parent else None},
    )
    return True


@transaction.atomic
def delete_domain(domain: Domain, *, actor: str) -> None:
    """Remove an empty domain; ConflictError while anything is in it or below it."""
    held = ("children", "datasets", "terms", "products")
    if any(getattr(domain, name).exists() for name in held):
        raise ConflictError("the domain is not empty")
    audit.record(actor=actor, action="domain.delete", resource=f"domain:{domain.slug}")
    try:
        with transaction.atomic():
            domain.delete()
    except (ProtectedError, IntegrityError):
        raise ConflictError("the domain is not empty") from None


@transaction.atomic
def add_steward(domain: Domain, *, steward: User | Group, actor: str = "system") -> None:
    """Let a user or a group answer for the domain; a second call changes nothing."""
    subject: dict[str, Any] = (
        {"group": steward} if isinstance(steward, Group) else {"user": steward}
    )
    _, created = DomainSteward.objects.get_or_create(
        domain=domain, **{"user": None, "group": None, **subject}
    )
    if created:
        audit.record(
            actor=actor,
            action="domain.add_steward",
            resource=f"domain:{domain.slug}",
            payload={"steward": str(steward), "kind": next(iter(subject))},
            about=[steward.username] if isinstance(steward, User) else [],
        )


@transaction.atomic
def remove_steward(domain: Domain, *, steward: User | Group, actor: str = "system") -> None:
    """End what `add_steward` began; a second call changes nothing."""
    subject: dict[str, Any] = (
        {"group": steward} if isinstance(steward, Group) else {"user": steward}
    )
    removed, _ = DomainSteward.objects.filter(domain=domain, **subject).delete()
    if removed:
        audit.record(
            actor=actor,
            action="domain.remove_steward",
            resource=f"domain:{domain.slug}",
            payload={"steward": str(steward), "kind": next(iter(subject))},
            about=[steward.username] if isinstance(steward, User) else [],
        )
