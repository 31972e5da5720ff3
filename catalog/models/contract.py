"""Data contracts (Open Data Contract Standard 3.x): every version that was put stays."""

from django.db import models

from catalog.models.dataset import Dataset
from core.clock import utc_now


class DataContract(models.Model):
    """One version of the contract of a dataset. Immutable; the one with the greatest number holds."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="contracts")
    number = models.PositiveIntegerField()
    document = models.JSONField(help_text="the contract as JSON, whole")
    # As it came, so that comments and order of a YAML document stay.
    source = models.TextField()
    media_type = models.CharField(max_length=60)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the document")
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        ordering = ["dataset_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="contract_number_once"),
        ]

    def __str__(self) -> str:
        return f"contract {self.number} of {self.dataset}"
