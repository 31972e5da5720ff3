"""A training run: a declared specification, its state and what came of it."""

from django.conf import settings
from django.db import models

from core.clock import utc_now
from core.ids import uuid7
from serving.models.version import ModelVersion


class TrainingState(models.TextChoices):
    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"


class TrainingRun(models.Model):
    """`spec` is a `serving.training.TrainingSpec`. `uuid` is the lineage run as well."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    model_name = models.CharField(max_length=200)
    domain = models.ForeignKey("catalog.Domain", on_delete=models.PROTECT, related_name="+")
    spec = models.JSONField()
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="training_runs"
    )
    state = models.CharField(
        max_length=10, choices=TrainingState, default=TrainingState.QUEUED, db_index=True
    )
    attempts = models.PositiveIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    metrics = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    version = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.SET_NULL, related_name="training_runs"
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.model_name} {self.uuid} ({self.state})"
