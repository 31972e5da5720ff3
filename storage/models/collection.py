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


class PendingVersion(models.Model):
    """A collection whose objects changed since its version was recorded; `run` is the OpenLineage run that did it.

    Objects may land one by one, by the thousand: one version is recorded for all that landed meanwhile. INVARIANT:
    the row is written in the transaction that changes the objects, so no change goes without a version.
    """

    dataset = models.OneToOneField(
        Dataset, primary_key=True, on_delete=models.CASCADE, related_name="pending_version"
    )
    run = models.UUIDField(null=True)
    since = models.DateTimeField(default=utc_now)

    class Meta:
        ordering = ["since"]

    def __str__(self) -> str:
        return f"{self.dataset} since {self.since:%Y-%m-%dT%H:%M:%SZ}"
