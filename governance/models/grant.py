"""Grants: django-guardian's direct foreign-key permission rows, each a rectangle of rows and columns.

A row says: `user` or `group` has `permission` on `content_object` for the rows that `row_filter` selects
(None: all) and the columns in `columns` (None: all), until `expires_at` (None: until revoked). Several rows for
the same subject, permission and object are several rectangles; their union is what counts.
"""

from datetime import datetime
from typing import Any, Self

import pghistory
from django.conf import settings
from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from catalog.models import Dataset, Domain
from core.clock import utc_now
from core.ids import uuid7


class GrantQuerySet(models.QuerySet[Any]):
    def in_force(self, now: datetime) -> Self:
        """Grants that hold at `now`: expiry is exact, whenever the clean-up runs."""
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now))


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

    class Meta:
        unique_together = ()
        indexes = [models.Index(fields=["user", "permission"], name="dataset_grant_by_user")]


@pghistory.track()
class DatasetGroupGrant(GrantBase, GroupObjectPermissionBase):
    content_object = models.ForeignKey(Dataset, on_delete=models.CASCADE)

    class Meta:
        unique_together = ()
        indexes = [models.Index(fields=["group", "permission"], name="dataset_grant_by_group")]


@pghistory.track()
class DomainUserGrant(GrantBase, UserObjectPermissionBase):
    content_object = models.ForeignKey(Domain, on_delete=models.CASCADE)

    class Meta:
        unique_together = ()
        indexes = [models.Index(fields=["user", "permission"], name="domain_grant_by_user")]


@pghistory.track()
class DomainGroupGrant(GrantBase, GroupObjectPermissionBase):
    content_object = models.ForeignKey(Domain, on_delete=models.CASCADE)

    class Meta:
        unique_together = ()
        indexes = [models.Index(fields=["group", "permission"], name="domain_grant_by_group")]
