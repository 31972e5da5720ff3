"""A run of a pipeline, under a lease with a fencing token."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models

from core.clock import utc_now
from core.ids import uuid7
from processing.models.pipeline import Pipeline


class RunState(models.TextChoices):
    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"


ACTIVE_STATES = (RunState.QUEUED, RunState.RUNNING)


class PipelineRunQuerySet(models.QuerySet["PipelineRun"]):
    def active(self) -> Self:
        return self.filter(state__in=ACTIVE_STATES)

    def claimable(self, now: datetime) -> Self:
        """Runs that nobody works on: queued, or running under a lease that ended."""
        return self.filter(
            models.Q(state=RunState.QUEUED)
            | models.Q(state=RunState.RUNNING, lease_expires_at__lt=now)
        )


class PipelineRun(models.Model):
    """`uuid` is the OpenLineage run that the runs of its Spark application name as their parent.

    `fencing_token` grows with each claim; only its newest holder may write the run, and only the
    newest holder's API token still works, so that a worker that was given up cannot publish.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    pipeline = models.ForeignKey(Pipeline, on_delete=models.CASCADE, related_name="runs")
    state = models.CharField(max_length=10, choices=RunState, default=RunState.QUEUED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # The definition as it was when the run was asked for.
    definition = models.JSONField()
    attempts = models.PositiveIntegerField(default=0)
    fencing_token = models.BigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    celery_id = models.CharField(max_length=64, blank=True)
    api_token = models.ForeignKey(
        "identity.ApiToken", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # rows a step, seconds a step, results of the checks.
    metrics = models.JSONField(default=dict)
    log_tail = models.TextField(blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    enqueued_at = models.DateTimeField(default=utc_now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # When the branches and snapshots that a failed or cancelled run left behind were removed.
    cleaned_at = models.DateTimeField(null=True, editable=False)

    objects = PipelineRunQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["pipeline"],
                condition=models.Q(state__in=["queued", "running"]),
                name="pipeline_runs_once_at_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["ended_at"],
                condition=models.Q(cleaned_at=None, state__in=["failed", "cancelled"]),
                name="pipeline_run_to_clean",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pipeline} {self.uuid} ({self.state})"
