"""What an identity provider does with people and groups: make, change, remove. Who may call this is for the caller to decide.

People that it makes have no password: they sign in through the provider.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet

from core import audit
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError
from identity.models import (
    ProvisionedEmail,
    ProvisionedGroup,
    ProvisionedUser,
    User,
)
from identity.queries import people
from identity.services.accounts import create_group, save_new
from identity.services.sessions import end_access

# Facts of the enterprise extension (RFC 7643 §4.3), kept under these names among the attributes that policies read.
ENTERPRISE_ATTRIBUTES = ("employeeNumber", "costCenter", "organization", "division", "department")


@dataclass(frozen=True)
class Address:
    value: str
    type: str = ""
    primary: bool | None = None


@dataclass(frozen=True)
class Person:
    """A user as the identity provider describes them. `facts` are by the names of `ENTERPRISE_ATTRIBUTES`.

    `active` is None where the provider says neither: a new account is active then, and another stays as it is.
    """

    username: str
    given_name: str = ""
    family_name: str = ""
    display_name: str = ""
    title: str = ""
    external_id: str = ""
    active: bool | None = None
    addresses: tuple[Address, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Team:
    """A group as the identity provider describes it, with the primary keys of its members."""

    name: str
    external_id: str = ""
    members: frozenset[int] = frozenset()


@transaction.atomic
def provision_user(*, actor: str, person: Person) -> User:
    """Make the user, or bring back the removed one that the provider knows by the same external id.

    Raises ConflictError for a taken name, ValidationError for a value that cannot be kept.
    """
    user = User.objects.select_for_update().filter(username__iexact=person.username).first()
    if user is None:
        user = User(username=person.username)
        user.set_unusable_password()
        user.full_clean(validate_unique=False)
        save_new(user, f"user `{person.username}`")
    else:
        _bring_back(ProvisionedUser.objects.filter(user=user).first(), person.external_id)
    _write_person(user, replace(person, active=person.active is not False))
    audit.record(
        actor=actor,
        action="user.create",
        resource=f"user:{user.username}",
        payload={"provisioned": _told_person(person)},
    )
    return user


@transaction.atomic
def change_user(*, actor: str, user: User, before: Person, after: Person) -> None:
    """Make the user what `after` says. Raises ConflictError and ValidationError as `provision_user`.

    Who becomes inactive is signed out everywhere, and their tokens are revoked.
    """
    if after == before:
        return
    _check_free(User.objects.exclude(pk=user.pk).filter(username__iexact=after.username))
    was_active = user.is_active
    _write_person(user, after)
    if was_active and not user.is_active:
        end_access(user)
    audit.record(
        actor=actor,
        action="user.change",
        resource=f"user:{before.username}",
        payload={"before": _told_person(before), "after": _told_person(after)},
        about=[after.username],
    )


@transaction.atomic
def remove_user(*, actor: str, user: User) -> None:
    """Make the account inactive for good: without groups, tokens and sessions. The row and its name stay."""
    groups = sorted(user.groups.values_list("name", flat=True))
    user.groups.clear()
    User.objects.filter(pk=user.pk).update(is_active=False)
    end_access(user)
    moment = utc_now()
    ProvisionedUser.objects.update_or_create(
        user=user, defaults={"removed_at": moment, "modified_at": moment}
    )
    audit.record(
        actor=actor,
        action="user.remove",
        resource=f"user:{user.username}",
        payload={"groups": groups},
    )


@transaction.atomic
def provision_group(*, actor: str, team: Team) -> Group:
    """Make the group, or bring back the removed one with the same external id; ConflictError for a taken name."""
    group = Group.objects.select_for_update().filter(name__iexact=team.name).first()
    if group is None:
        group = create_group(actor=actor, name=team.name)
    else:
        _bring_back(ProvisionedGroup.objects.filter(group=group).first(), team.external_id)
    _write_team(actor, group, before=Team(name=team.name), after=team)
    return group


@transaction.atomic
def change_group(*, actor: str, group: Group, before: Team, after: Team) -> None:
    """Make the group what `after` says. ConflictError for a taken name, InvalidInputError for an unknown member."""
    if after == before:
        return
    _check_free(Group.objects.exclude(pk=group.pk).filter(name__iexact=after.name))
    group.name = after.name
    group.full_clean(validate_unique=False)
    group.save()
    _write_team(actor, group, before=before, after=after)


@transaction.atomic
def remove_group(*, actor: str, group: Group) -> None:
    """Take everybody out of the group for good. The row and its name stay."""
    members = sorted(group.user_set.values_list("username", flat=True))
    group.user_set.clear()
    moment = utc_now()
    ProvisionedGroup.objects.update_or_create(
        group=group, defaults={"removed_at": moment, "modified_at": moment}
    )
    audit.record(
        actor=actor,
        action="group.remove",
        resource=f"group:{group.name}",
        payload={"members": members},
    )


def _bring_back(known: ProvisionedUser | ProvisionedGroup | None, external_id: str) -> None:
    """Refuse a name that is in use, or whose removed owner was another one for the provider."""
    if known is None or known.removed_at is None:
        raise ConflictError("this name exists already")
    if known.external_id != external_id:
        raise ConflictError("this name was somebody else's, whom the audit log knows by it")


def _check_free(others: QuerySet[Any]) -> None:
    if others.exists():
        raise ConflictError("this name exists already")


def _write_person(user: User, person: Person) -> None:
    kept = {
        name: text for name, text in user.attributes.items() if name not in ENTERPRISE_ATTRIBUTES
    }
    user.username = person.username
    user.first_name, user.last_name = person.given_name, person.family_name
    user.email = main_address(person.addresses)
    user.is_active = user.is_active if person.active is None else person.active
    user.attributes = {**kept, **person.facts}
    user.full_clean(exclude=["password"], validate_unique=False)
    user.save()
    row = ProvisionedUser(
        user=user,
        external_id=person.external_id,
        display_name=person.display_name,
        title=person.title,
        is_active_untold=person.active is None,
        modified_at=utc_now(),
        created_at=user.date_joined,
    )
    row.full_clean(validate_unique=False)
    row.save()
    _write_addresses(user, person.addresses)


def _write_addresses(user: User, addresses: Collection[Address]) -> None:
    user.addresses.all().delete()
    rows = [
        ProvisionedEmail(user=user, value=each.value, type=each.type, primary=each.primary)
        for each in addresses
    ]
    for row in rows:
        row.full_clean(validate_unique=False, validate_constraints=False)
    ProvisionedEmail.objects.bulk_create(rows)


def main_address(addresses: Collection[Address]) -> str:
    """The primary address, else that of work, else the first."""
    ranked = sorted(addresses, key=lambda each: (not each.primary, each.type != "work"))
    return ranked[0].value if ranked else ""


def _write_team(actor: str, group: Group, *, before: Team, after: Team) -> None:
    """Write what differs: members that the provider does not know, such as service accounts, stay."""
    added = _people(after.members - before.members)
    removed = _people(before.members - after.members)
    group.user_set.add(*added)
    group.user_set.remove(*removed)
    row = ProvisionedGroup.objects.filter(group=group).first() or ProvisionedGroup(group=group)
    row.external_id, row.modified_at, row.removed_at = after.external_id, utc_now(), None
    row.full_clean(validate_unique=False)
    row.save()
    audit.record(
        actor=actor,
        action="group.change",
        resource=f"group:{before.name}",
        payload={
            "name": after.name,
            "added": sorted(user.username for user in added),
            "removed": sorted(user.username for user in removed),
        },
        about=[user.username for user in (*added, *removed)],
    )


def _people(keys: Collection[int]) -> list[User]:
    found = list(people().filter(pk__in=keys))
    if len(found) != len(keys):
        raise InvalidInputError("`members` must name users that exist")
    return found


def _told_person(person: Person) -> dict[str, Any]:
    """What the audit log keeps of a person: the facts that decide, and the names."""
    return {
        name: value
        for name, value in asdict(person).items()
        if name in ("username", "external_id", "active", "facts")
    }
