"""Between our rows and SCIM's resources."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from scim2_models import InvalidValueException, Meta, Reference, Resource

from api.scim import schemas
from identity.models import ProvisionedGroup, ProvisionedUser, User
from identity.queries import groups_in_use, people
from identity.services.provisioning import ENTERPRISE_ATTRIBUTES, Address, Person, Team

USER_PREFIX = "u"
GROUP_PREFIX = "g"
# A key of ours is a PostgreSQL bigint.
_MAX_DIGITS = 18


def users() -> QuerySet[User]:
    """The people that SCIM shows, with all that a rendering needs."""
    groups = Prefetch("groups", queryset=groups_in_use().order_by("name"), to_attr="teams")
    return people().select_related("provisioned").prefetch_related("addresses", groups)


def groups() -> QuerySet[Group]:
    """The groups that SCIM shows, with their members."""
    members = Prefetch("user_set", queryset=people().order_by("username"), to_attr="members")
    return groups_in_use().select_related("provisioned").prefetch_related(members)


def scim_id(row: User | Group) -> str:
    """The resource's id: unique over users and groups, and never given again."""
    return f"{USER_PREFIX if isinstance(row, User) else GROUP_PREFIX}{row.pk}"


def key_of(text: str, prefix: str) -> int | None:
    """The primary key that an id names, or None where it cannot be one of `prefix`."""
    digits = text.removeprefix(prefix)
    if not text.startswith(prefix) or not digits.isascii() or not digits.isdecimal():
        return None
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def location_of(row: User | Group) -> str:
    name = "scim-user" if isinstance(row, User) else "scim-group"
    return base_url() + reverse(name, args=[scim_id(row)])


def base_url() -> str:
    """Scheme and host of the service as its settings name it: no header of a request chooses it."""
    url = settings.LAKEWARDEN.url
    return f"{url.scheme}://{url.netloc}"


def render_user(user: User) -> Any:
    """A user of `users()` as a SCIM resource, with the version in its `meta`."""
    row: ProvisionedUser | None = getattr(user, "provisioned", None)
    resource = schemas.EXTENDED_USER(
        id=scim_id(user),
        external_id=(row and row.external_id) or None,
        user_name=user.username,
        name=_name_of(user),
        display_name=(row and row.display_name) or None,
        title=(row and row.title) or None,
        active=None if row and row.is_active_untold else user.is_active,
        emails=[_email(each) for each in addresses_of(user)] or None,
        groups=[_membership(group) for group in user.teams] or None,  # type: ignore[attr-defined]
    )
    facts = _facts_of(user.attributes)
    if facts:
        resource[schemas.EnterpriseUser] = schemas.EnterpriseUser.model_validate(facts)
    return _with_meta(resource, row, user)


def render_group(group: Group) -> Any:
    """A group of `groups()` as a SCIM resource, with the version in its `meta`."""
    row: ProvisionedGroup | None = getattr(group, "provisioned", None)
    resource = schemas.Group(
        id=scim_id(group),
        external_id=(row and row.external_id) or None,
        display_name=group.name,
        members=[_member(user) for user in group.members] or None,  # type: ignore[attr-defined]
    )
    return _with_meta(resource, row, group)


def read_person(resource: Any) -> Person:
    """A SCIM user as the services take it."""
    name = resource.name or schemas.Name()
    enterprise = resource[schemas.EnterpriseUser]
    facts = {} if enterprise is None else enterprise.model_dump()
    return Person(
        username=resource.user_name or "",
        given_name=name.given_name or "",
        family_name=name.family_name or "",
        display_name=resource.display_name or "",
        title=resource.title or "",
        external_id=resource.external_id or "",
        active=resource.active,
        addresses=tuple(
            Address(str(each.value), each.type or "", primary=each.primary)
            for each in resource.emails or ()
            if each.value
        ),
        facts={key: text for key, text in facts.items() if key in ENTERPRISE_ATTRIBUTES and text},
    )


def read_team(resource: Any) -> Team:
    """A SCIM group as the services take it. Raises InvalidValueException for a member that is no user's id."""
    keys = [key_of(each.value or "", USER_PREFIX) for each in resource.members or ()]
    if None in keys:
        raise InvalidValueException(detail="`members` must name users by their id")
    return Team(
        name=resource.display_name or "",
        external_id=resource.external_id or "",
        members=frozenset(key for key in keys if key is not None),
    )


def addresses_of(user: User) -> list[Address]:
    """What the provider has told us, or else the one address that the account has here."""
    told = [Address(each.value, each.type, primary=each.primary) for each in user.addresses.all()]
    return told or ([Address(user.email, primary=True)] if user.email else [])


def _name_of(user: User) -> schemas.Name | None:
    if not (user.first_name or user.last_name):
        return None
    return schemas.Name(
        given_name=user.first_name or None,
        family_name=user.last_name or None,
    )


def _email(address: Address) -> schemas.Email:
    # Not validated: it may have been written here, and SCIM's rules are not Django's.
    return schemas.Email.model_construct(
        value=address.value, type=address.type or None, primary=address.primary
    )


def _membership(group: Group) -> schemas.GroupMembership:
    return schemas.GroupMembership(
        value=scim_id(group), ref=Reference(location_of(group)), display=group.name
    )


def _member(user: User) -> schemas.GroupMember:
    return schemas.GroupMember(value=scim_id(user), ref=Reference(location_of(user)), type="User")


def _facts_of(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: attributes[name]
        for name in ENTERPRISE_ATTRIBUTES
        if isinstance(attributes.get(name), str) and attributes[name]
    }


def _with_meta(
    resource: Resource[Any], row: ProvisionedUser | ProvisionedGroup | None, owner: User | Group
) -> Any:
    """`meta`, with a version that is another whenever anything that is shown is."""
    digest = hashlib.sha256(orjson.dumps(resource.model_dump())).hexdigest()
    known_since = row.created_at if row else None
    created = owner.date_joined if isinstance(owner, User) else known_since
    resource.meta = Meta(
        resource_type="User" if isinstance(owner, User) else "Group",
        created=created,
        last_modified=row.modified_at if row else created,
        location=location_of(owner),
        version=f'W/"{digest[:32]}"',
    )
    return resource
