"""Jobs, their runs, and the events that told us of them."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from catalog.lineage.packing import unpack_event
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
    # Of the uses that its open edges were made from (`catalog.services.openlineage.edges`).
    edges_hash = models.CharField(max_length=32, blank=True, editable=False)
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


class JobVersion(models.Model):
    """What a job was when a run of it completed: its code, and the datasets that it read and wrote. Immutable."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    fingerprint = models.CharField(
        max_length=64, help_text="SHA-256 of the code facets and of what is read and written"
    )
    # Ids of datasets, as they were.
    inputs = models.JSONField(default=list)
    outputs = models.JSONField(default=list)
    # The facets `sql`, `sourceCode` and `sourceCodeLocation`, as they were.
    code = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=utc_now)

    class Meta:
        ordering = ["job_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="job_version_number_unique"),
            models.UniqueConstraint(fields=["job", "fingerprint"], name="job_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.job} v{self.number}"


class RunState(models.TextChoices):
    """Ordered by finality: a later state wins whatever order the events come in."""

    NEW = "NEW", "new"
    RUNNING = "RUNNING", "running"
    COMPLETED = "COMPLETED", "completed"
    ABORTED = "ABORTED", "aborted"
    FAILED = "FAILED", "failed"


class Run(models.Model):
    uuid = models.UUIDField(primary_key=True)
    # No index of its own: those below begin with it.
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="runs", db_index=False)
    state = models.CharField(max_length=12, choices=RunState, default=RunState.NEW)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    nominal_start = models.DateTimeField(null=True)
    nominal_end = models.DateTimeField(null=True)
    parent = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.SET_NULL,
        related_name="children",
        db_constraint=False,
        db_index=False,
    )
    # Stamps (`catalog.lineage.stamps`) of the events that said which job this run belongs to (empty: only a
    # child's word), when it was meant to run, and what its parent is. The facets themselves stay in the events.
    job_stamp = models.CharField(max_length=80, blank=True, db_collation="C")
    nominal_stamp = models.CharField(max_length=80, blank=True, db_collation="C")
    parent_stamp = models.CharField(max_length=80, blank=True, db_collation="C")
    # Hash of the code facets (`sql`, …) that the run ran, and the stamp of the event that told them.
    code_hash = models.CharField(max_length=32, blank=True)
    code_stamp = models.CharField(max_length=80, blank=True, db_collation="C")
    # False: it stands for a JobEvent, which tells what a job reads and writes though none of it ran.
    observed = models.BooleanField(default=True)
    # Since when a task holds it for dead (`catalog.services.runs.mark_stale_runs`); its next event takes that back.
    stale_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_event_at = models.DateTimeField(null=True, editable=False)
    version = models.ForeignKey(
        "catalog.JobVersion",
        null=True,
        on_delete=models.SET_NULL,
        related_name="runs",
        db_constraint=False,
        db_index=False,
    )
    created_at = models.DateTimeField(default=utc_now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["job", "state", "-ended_at"], name="run_by_job_and_state"),
            models.Index(fields=["job", "-started_at"], name="run_by_job_and_start"),
            models.Index(
                fields=["last_event_at"],
                name="run_in_progress",
                condition=models.Q(state__in=["NEW", "RUNNING"], stale_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.uuid}"


class RunEvent(models.Model):
    """An OpenLineage event as it came; kept whole, never changed. Partitioned by `event_time`, a month each.

    No foreign keys: a row is written once for each event, and thrown away with its partition
    (`catalog.services.events`). Months that have no partition yet go to the default one.
    """

    received_at = models.DateTimeField(default=utc_now)
    event_time = models.DateTimeField()
    event_type = models.CharField(max_length=20, blank=True)
    run = models.ForeignKey(
        Run, null=True, on_delete=models.DO_NOTHING, related_name="events", db_constraint=False
    )
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    # SHA-256 of the event with sorted keys: the same event sent twice is one row.
    digest = models.BinaryField(max_length=32)
    # The event with sorted keys as a zstd frame.
    body = models.BinaryField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["event_time", "digest"], name="event_once"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_time:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def payload(self) -> dict[str, Any]:
        """The event as its producer sent it."""
        found: dict[str, Any] = unpack_event(bytes(self.body))
        return found


class JobTelling(models.Model):
    """As `DatasetTelling`, of a job."""

    pk = models.CompositePrimaryKey("job_id", "hash")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="+", db_index=False)
    hash = models.BinaryField(max_length=16)
    stamp = models.CharField(max_length=80, db_collation="C")
    names = ArrayField(models.TextField())

    def __str__(self) -> str:
        return f"{self.job_id} at {self.stamp}"
