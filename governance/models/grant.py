"""Grants: django-guardian's direct foreign-key permission rows, each a rectangle of rows and columns.

A row says: `user` or `group` has `permission` on `content_object` for the rows that `row_filter` selects
(None: all) and the columns in `columns` (None: all), until `expires_at` (None: until revoked). Several rows for
the same subject, permission and object are several rectangles; their union is what counts.
"""

from typing import Any, ClassVar

import pghistory
from django.conf import settings
from django.db import models, transaction
from guardian.managers import BaseObjectPermissionManager
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from catalog.models import Dataset, Domain
from core.clock import utc_now
from core.ids import uuid7


class GrantManager(BaseObjectPermissionManager):
    """What django-guardian's `assign_perm` and `remove_perm` call: grants with their audit records, like any other.

    What is given here holds for all rows and columns until it is taken back; taking back takes every rectangle.
    Whoever calls in this process is trusted, as code is: the actor of the record is `system`.
    """

    def assign_perm(self, perm: Any, user_or_group: Any, obj: Any) -> Any:
        from governance.services.grants import assign_permission

        return assign_permission(perm, user_or_group, obj)

    def bulk_assign_perm(
        self,
        perm: Any,
        user_or_group: Any,
        queryset: Any,
        ignore_conflicts: bool = False,  # noqa: FBT001, FBT002  # guardian's
    ) -> list[Any]:
        del ignore_conflicts
        with transaction.atomic():
            return [self.assign_perm(perm, user_or_group, each) for each in queryset]

    def assign_perm_to_many(
        self,
        perm: Any,
        users_or_groups: Any,
        obj: Any,
        ignore_conflicts: bool = False,  # noqa: FBT001, FBT002  # guardian's
    ) -> list[Any]:
        del ignore_conflicts
        with transaction.atomic():
            return [self.assign_perm(perm, each, obj) for each in users_or_groups]

    def remove_perm(self, perm: Any, user_or_group: Any, obj: Any) -> tuple[int, dict[str, int]]:
        return self._remove(perm, [user_or_group], [obj])

    def bulk_remove_perm(
        self, perm: Any, user_or_group: Any, queryset: Any
    ) -> tuple[int, dict[str, int]]:
        return self._remove(perm, [user_or_group], list(queryset))

    def remove_perm_from_many(
        self, perm: Any, users_or_groups: Any, obj: Any
    ) -> tuple[int, dict[str, int]]:
        return self._remove(perm, list(users_or_groups), [obj])

    def _remove(
        self, perm: Any, holders: list[Any], targets: list[Any]
    ) -> tuple[int, dict[str, int]]:
        """How many rows went, as Django's `delete` tells it."""
        from governance.services.grants import remove_permission

        with transaction.atomic():
            gone = sum(
                remove_permission(perm, holder, target) for holder in holders for target in targets
            )
        return gone, ({self.model._meta.label: gone} if gone else {})  # noqa: SLF001  # Django's documented name


class GrantBase(models.Model):
    """What every grant carries beside guardian's subject, permission and object."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    row_filter = models.TextField(null=True, blank=True, help_text="SQL boolean; empty: all rows")
    columns = models.JSONField(null=True, blank=True, help_text="field names; empty: all columns")
    purpose = models.TextField(blank=True)
    granted_at = models.DateTimeField(default=utc_now)
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    request = models.ForeignKey(
        "governance.AccessRequest",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="%(class)ss",
    )

    class Meta:
        abstract = True


@pghistory.track()
class DatasetUserGrant(GrantBase, UserObjectPermissionBase):
    content_object = models.ForeignKey(Dataset, on_delete=models.CASCADE)
    objects: ClassVar[Any] = GrantManager()

    class Meta:
        unique_together = ()
        indexes = [models.Index(fields=["user", "permission"], name="dataset_grant_by_user")]


@pghistory.track()
class DatasetGroupGrant(GrantBase, GroupObjectPermissionBase):
    content_object = models.ForeignKey(Dataset, on_delete=models.CASCADE)
    objects: ClassVar[Any] = GrantManager()

    class Meta:
        unique_together = ()
        indexes = [models.Index(fields=["group", "permission"], name="dataset_grant_by_group")]


@pghistory.track()
class DomainUserGrant(GrantBase, UserObjectPermissionBase):
    content_object = models.ForeignKey(Domain, on_delete=models.CASCADE)
    objects: ClassVar[Any] = GrantManager()

    class Meta:
        unique_together = ()
        indexes = [models.Index(fields=["user", "permission"], name="domain_grant_by_user")]


@pghistory.track()
class DomainGroupGrant(GrantBase, GroupObjectPermissionBase):
    content_object = models.ForeignKey(Domain, on_delete=models.CASCADE)
    objects: ClassVar[Any] = GrantManager()

    class Meta:
        unique_together = ()
        indexes = [models.Index(fields=["group", "permission"], name="domain_grant_by_group")]
