"""What an identity provider keeps with us about people and groups (SCIM 2.0), beside what Django's rows hold."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from core.clock import utc_now

MAX_EXTERNAL_ID = 255


class ProvisionedBase(models.Model):
    """`external_id` is the identity provider's own name for the resource (RFC 7643 §3.1)."""

    external_id = models.CharField(max_length=MAX_EXTERNAL_ID, blank=True, db_index=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    modified_at = models.DateTimeField(default=utc_now, editable=False)
    # Names stand in the audit log and in history: what is removed keeps its row, without rights.
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True


class ProvisionedUser(ProvisionedBase):
    """One a user that an identity provider has made or changed."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="provisioned",
    )
    display_name = models.CharField(max_length=255, blank=True)
    title = models.CharField(max_length=255, blank=True)
    # The provider took `active` back without another value: the account stays as it was, and this says so to it.
    is_active_untold = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"provisioned {self.user_id}"


class ProvisionedEmail(models.Model):
    """An address of a user; the primary one is `User.email` as well."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="addresses"
    )
    value = models.EmailField()
    type = models.CharField(max_length=50, blank=True)
    primary = models.BooleanField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(primary=True), name="one_primary_address"
            ),
        ]

    def __str__(self) -> str:
        return self.value


class ProvisionedGroup(ProvisionedBase):
    """One a group that an identity provider has made or changed."""

    group = models.OneToOneField(
        Group, on_delete=models.CASCADE, primary_key=True, related_name="provisioned"
    )

    def __str__(self) -> str:
        return f"provisioned {self.group_id}"
