"""Objects of a collection: images, audio, text, documents."""

from django.db import models

from catalog.models import Dataset
from core.clock import utc_now
from storage.models.location import Tier


class CollectionObject(models.Model):
    """`uri` is where the bytes are now; a movement changes it together with `tier` in one update."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="objects_held")
    key = models.CharField(max_length=1000)
    uri = models.CharField(max_length=1500)
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="objects_held")
    size = models.BigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=100)
    metadata = models.JSONField(default=dict)
    added_at = models.DateTimeField(default=utc_now)
    last_read_at = models.DateTimeField(null=True)
    reads = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["dataset_id", "key"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "key"], name="object_key_is_unique"),
        ]

    def __str__(self) -> str:
        return self.key
