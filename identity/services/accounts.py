"""Making and changing users, groups and service accounts. Who may call this is for the caller to decide."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction

from core import audit
from core.errors import ConflictError, InvalidInputError, NotFoundError
from identity.models import User


@transaction.atomic
def create_group(*, actor: str, name: str) -> Group:
    """Create the group; ConflictError if the name is taken."""
    group = Group(name=name)
    group.full_clean(validate_unique=False)
    save_new(group, f"group `{name}`")
    audit.record(actor=actor, action="group.create", resource=f"group:{name}")
    return group


@transaction.atomic
def create_user(
    *,
    actor: str,
    username: str,
    password: str | None = None,
    email: str = "",
    groups: Iterable[str] = (),
    attributes: Mapping[str, Any] | None = None,
    is_service: bool = False,
    is_staff: bool = False,
    responsible: User | None = None,
) -> User:
    """Create a person (with `password`) or a service account (without one).

    Raises ConflictError for a taken name, django's ValidationError for a weak password or bad attributes.
    """
    user = User(
        username=username,
        email=email,
        attributes=dict(attributes or {}),
        is_service=is_service,
        is_staff=is_staff and not is_service,
        responsible=responsible,
    )
    if is_service == (password is not None):
        raise InvalidInputError("a person needs a `password`, and a service account has none")
    if password is None:
        user.set_unusable_password()
    else:
        validate_password(password, user)
        user.set_password(password)
    user.full_clean(validate_unique=False)
    save_new(user, f"user `{username}`")
    user.groups.set(_find_groups(groups))
    audit.record(
        actor=actor,
        action="user.create",
        resource=f"user:{username}",
        payload={"service": is_service, "groups": sorted(groups), "attributes": user.attributes},
    )
    return user


@transaction.atomic
def set_groups(*, actor: str, user: User, groups: Iterable[str]) -> None:
    """Make `groups` the user's groups; NotFoundError names one that does not exist."""
    before = sorted(user.groups.values_list("name", flat=True))
    user.groups.set(_find_groups(groups))
    audit.record(
        actor=actor,
        action="user.set-groups",
        resource=f"user:{user.username}",
        payload={"before": before, "after": sorted(groups)},
    )


@transaction.atomic
def set_attributes(*, actor: str, user: User, attributes: Mapping[str, Any]) -> None:
    """Make `attributes` the user's attributes; ValidationError if they are not flat texts."""
    before = user.attributes
    user.attributes = dict(attributes)
    user.full_clean(exclude=["password"])
    user.save(update_fields=["attributes"])
    audit.record(
        actor=actor,
        action="user.set-attributes",
        resource=f"user:{user.username}",
        payload={"before": before, "after": user.attributes},
    )


def _find_groups(names: Iterable[str]) -> list[Group]:
    wanted = set(names)
    found = list(Group.objects.filter(name__in=wanted))
    missing = wanted - {group.name for group in found}
    if missing:
        raise NotFoundError(f"there is no group `{min(missing)}`")
    return found


def save_new(row: User | Group, what: str) -> None:
    """Insert the row; ConflictError names `what` where its name is taken."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise ConflictError(f"{what} exists already") from None
