"""What landed, when, and from where."""

from django.db import models

from core.clock import utc_now
from core.ids import uuid7
from ingestion.models.source import Source


class LandingBatch(models.Model):
    """One committed landing. `from_offsets` and `to_offsets` map partition to offset; to is exclusive."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False, help_text="also its run")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="batches")
    from_offsets = models.JSONField(default=dict)
    to_offsets = models.JSONField(default=dict)
    snapshot_id = models.BigIntegerField(null=True)
    dead_letter_snapshot_id = models.BigIntegerField(null=True)
    landed = models.BigIntegerField(help_text="rows or objects")
    rejected = models.BigIntegerField()
    size = models.BigIntegerField(help_text="bytes of input")
    fencing_token = models.BigIntegerField(default=0)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(default=utc_now)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["source", "-finished_at"], name="batch_by_source")]
        verbose_name_plural = "landing batches"

    def __str__(self) -> str:
        return f"{self.source} +{self.landed}"


class IngestedFile(models.Model):
    """A file that landed whole. The same name with the same content never lands twice."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="files")
    batch = models.ForeignKey(LandingBatch, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=1000, help_text="path below the source's root")
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField(help_text="bytes")
    landed = models.BigIntegerField()
    rejected = models.BigIntegerField()
    # Size and times, or the store's etag, of the file as it was read: one that looks the same is not read again.
    stamp = models.CharField(max_length=200, blank=True)
    landed_at = models.DateTimeField(default=utc_now)

    class Meta:
        ordering = ["source_id", "name"]
        constraints = [
            models.UniqueConstraint(fields=["source", "name", "sha256"], name="file_lands_once"),
        ]

    def __str__(self) -> str:
        return self.name
