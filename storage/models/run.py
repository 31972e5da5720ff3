"""A tiering run: a plan for one dataset, what it costs, and the movements that it started."""

from django.conf import settings
from django.db import models

from catalog.models import Dataset
from core.clock import utc_now
from core.ids import uuid7


class TieringRun(models.Model):
    """`report` is the plan as it was made: counts, bytes and costs before and after, in US dollars."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="tiering_runs")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    dry_run = models.BooleanField(default=False)
    report = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=utc_now)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.dataset} at {self.created_at:%Y-%m-%dT%H:%M:%SZ}"
