"""Jobs, their runs, and the events that told us of them."""

from django.conf import settings
from django.db import models

from core.clock import utc_now
from core.ids import uuid7


class Job(models.Model):
    """A process that reads and writes datasets, as OpenLineage names it."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    namespace = models.CharField(max_length=500)
    name = models.CharField(max_length=1000)
    type = models.CharField(max_length=60, blank=True)
    description = models.TextField(blank=True)
    facets = models.JSONField(default=dict, blank=True, editable=False)
    facet_stamps = models.JSONField(default=dict, blank=True, editable=False)
    latest_run = models.ForeignKey(
        "catalog.Run", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "name"], name="job_name_is_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace}:{self.name}"

    @property
    def node_id(self) -> str:
        """The lineage node id, as Marquez writes it."""
        return f"job:{self.namespace}:{self.name}"


class RunState(models.TextChoices):
    """Ordered by finality: a later state wins whatever order the events come in."""

    NEW = "NEW", "new"
    RUNNING = "RUNNING", "running"
    COMPLETED = "COMPLETED", "completed"
    ABORTED = "ABORTED", "aborted"
    FAILED = "FAILED", "failed"


class Run(models.Model):
    uuid = models.UUIDField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="runs")
    state = models.CharField(max_length=12, choices=RunState, default=RunState.NEW)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    nominal_start = models.DateTimeField(null=True)
    nominal_end = models.DateTimeField(null=True)
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="children"
    )
    facets = models.JSONField(default=dict)
    facet_stamps = models.JSONField(default=dict)
    # Of the event that said which job this run belongs to; empty: only a child's word.
    job_stamp = models.CharField(max_length=80, blank=True)
    # False: it stands for a JobEvent, which tells what a job reads and writes though none of it ran.
    observed = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=utc_now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["job", "-created_at"], name="run_by_job"),
            models.Index(fields=["job", "state", "-ended_at"], name="run_by_job_and_state"),
            models.Index(fields=["job", "-started_at"], name="run_by_job_and_start"),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.uuid}"


class RunEvent(models.Model):
    """An OpenLineage event as it came; kept whole, never changed."""

    received_at = models.DateTimeField(default=utc_now, db_index=True)
    event_time = models.DateTimeField()
    event_type = models.CharField(max_length=20, blank=True)
    run = models.ForeignKey(Run, null=True, on_delete=models.CASCADE, related_name="events")
    job = models.ForeignKey(Job, null=True, on_delete=models.CASCADE, related_name="events")
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # SHA-256 of the bytes: the same event sent twice is one row.
    digest = models.BinaryField(max_length=32, unique=True)
    payload = models.JSONField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_time:%Y-%m-%dT%H:%M:%SZ}"
