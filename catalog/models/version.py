"""An immutable version of a dataset: its schema, content and the run that made it."""

from django.db import models

from catalog.models.dataset import Dataset
from core.clock import utc_now
from core.ids import uuid7


class DatasetVersion(models.Model):
    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    # [{"name", "type", "description", "field_id"?}], in order.
    schema = models.JSONField(default=list)
    fingerprint = models.CharField(
        max_length=64, help_text="SHA-256 of the schema and the content id"
    )
    snapshot_id = models.BigIntegerField(null=True, blank=True, help_text="Iceberg snapshot")
    content_hash = models.CharField(max_length=128, blank=True)
    lifecycle = models.CharField(max_length=30, blank=True, help_text="CREATE, ALTER, OVERWRITE, …")
    # rows, bytes, files: what the producer or the table's metadata told.
    statistics = models.JSONField(default=dict)
    run = models.ForeignKey(
        "catalog.Run", null=True, blank=True, on_delete=models.SET_NULL, related_name="outputs"
    )
    created_at = models.DateTimeField(default=utc_now)

    class Meta:
        ordering = ["dataset_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="version_number_is_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"
