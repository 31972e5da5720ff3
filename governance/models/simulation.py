"""A simulated draft: what was asked, how far it has come, what it would do."""

from django.conf import settings
from django.db import models

from core.clock import utc_now
from core.ids import uuid7


class SimulationState(models.TextChoices):
    WAITING = "waiting", "waiting for a worker"
    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"
    PUBLISHED = "published", "published"


class Simulation(models.Model):
    """`result` names people, datasets and domains by primary key: names are looked up for who may read them.

    `fingerprint` is a digest of every fact that the result hangs on; `position` and `total` count datasets.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    document = models.JSONField(help_text="the draft; see governance/simulation/draft.schema.json")
    days = models.PositiveIntegerField(
        default=0, help_text="how many days of recorded decisions are replayed"
    )
    after = models.BigIntegerField(default=0, help_text="go on behind this dataset")
    state = models.CharField(
        max_length=10, choices=SimulationState, default=SimulationState.WAITING
    )
    position = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    result = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["author", "-id"], name="simulation_by_author")]

    def __str__(self) -> str:
        return f"simulation {self.uuid}"
