"""How grants are used: derived from the audit log's recorded reads, and made anew from it at any time."""

from django.conf import settings
from django.db import models

from catalog.models import Dataset


class GrantUse(models.Model):
    """The recorded reads of one person on one dataset that one grant opened, by itself or with others.

    `days` counts reads by day (UTC, ISO) for the last 90; `columns` gives the day when each was last handed out.
    """

    grant = models.UUIDField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="+")
    last_at = models.DateTimeField()
    days = models.JSONField(default=dict)
    columns = models.JSONField(default=dict)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["grant", "user", "dataset"], name="grant_use_is_one"),
        ]

    def __str__(self) -> str:
        return f"use of {self.grant} by {self.user_id}"
