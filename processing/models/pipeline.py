"""A pipeline: what it reads, what it writes, how, as whom, and which checks gate its output."""

from django.conf import settings
from django.db import models

from catalog.models import Dataset
from core.clock import utc_now
from core.ids import uuid7


class PipelineKind(models.TextChoices):
    SQL = "sql", "SQL statements"
    PYTHON = "python", "a Python entry point"


class Pipeline(models.Model):
    """(`namespace`, `name`) is also the OpenLineage job that its Spark jobs hang below."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    namespace = models.CharField(max_length=200, default="lakewarden")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=PipelineKind)
    # A `processing.definition.Definition` as JSON.
    definition = models.JSONField()
    inputs = models.ManyToManyField(Dataset, related_name="read_by_pipelines", blank=True)
    output_datasets = models.ManyToManyField(
        Dataset, related_name="written_by_pipelines", blank=True
    )
    domain = models.ForeignKey("catalog.Domain", on_delete=models.PROTECT, related_name="pipelines")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="pipelines"
    )
    run_as = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    interval = models.DurationField(null=True, blank=True, help_text="between scheduled starts")
    next_run_at = models.DateTimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "name"], name="pipeline_name_is_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}"
