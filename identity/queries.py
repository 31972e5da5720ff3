"""Reads of `identity`."""

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from identity.models import User


def people() -> QuerySet[User]:
    """The accounts of people: no service accounts, and none that an identity provider has removed."""
    return User.objects.filter(is_service=False).exclude(provisioned__removed_at__isnull=False)


def groups_in_use() -> QuerySet[Group]:
    """The groups that no identity provider has removed."""
    return Group.objects.exclude(provisioned__removed_at__isnull=False)
