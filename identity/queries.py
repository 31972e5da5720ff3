"""Reads of `identity`."""

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q, QuerySet

from identity.models import User


def people() -> QuerySet[User]:
    """The accounts of people: no service accounts, and none that an identity provider has removed."""
    return User.objects.filter(is_service=False).exclude(provisioned__removed_at__isnull=False)


def service_accounts() -> QuerySet[User]:
    """The accounts of programs, with who answers for them."""
    return User.objects.filter(is_service=True).select_related("responsible", "responsible_group")


def accounts_answered_for(user: User) -> QuerySet[User]:
    """The service accounts that the user owns, alone or in a group."""
    groups = user.groups.values("pk")
    return service_accounts().filter(Q(responsible=user.pk) | Q(responsible_group__in=groups))


def answers_for(user: User, account: User) -> bool:
    """Whether the user owns this service account, or administers the whole house."""
    groups = set(user.groups.values_list("pk", flat=True))
    owns = account.is_answered_for_by(user.pk, groups=groups)
    return user.is_active and account.is_service and (user.is_superuser or owns)


def orphaned_accounts() -> QuerySet[User]:
    """The active service accounts for which nobody who is active answers."""
    members = people().filter(is_active=True, groups=OuterRef("responsible_group"))
    owned = Q(responsible__is_active=True) | Q(Exists(members))
    return (
        service_accounts().filter(is_active=True).exclude(pk__in=service_accounts().filter(owned))
    )


def administrators() -> QuerySet[User]:
    """The active superusers."""
    return people().filter(is_active=True, is_superuser=True)


def groups_in_use() -> QuerySet[Group]:
    """The groups that no identity provider has removed."""
    return Group.objects.exclude(provisioned__removed_at__isnull=False)
