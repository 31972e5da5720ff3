"""Jobs that somebody deleted: no longer listed, until an event tells of them again."""

from django.conf import settings
from django.db import models

from catalog.models.job import Job
from core.clock import utc_now


class JobRemoval(models.Model):
    """The job is left out of lists since `removed_at`. INVARIANT: its edges stay, since labels travel along them."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="removal")
    removed_at = models.DateTimeField(default=utc_now)
    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.job_id} {self.removed_at:%Y-%m-%dT%H:%M:%SZ}"
