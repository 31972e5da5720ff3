"""The data files of a table's current snapshot, and the tier of each. Derived; rebuilt from the manifests."""

from django.db import models

from core.clock import utc_now
from storage.models.location import Tier
from storage.models.table import IcebergTable


class DataFile(models.Model):
    table = models.ForeignKey(IcebergTable, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=1200)
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="files")
    size = models.BigIntegerField(help_text="bytes")
    records = models.BigIntegerField()
    partition = models.JSONField(default=dict)
    added_at = models.DateTimeField(default=utc_now)
    last_read_at = models.DateTimeField(null=True)
    reads = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["table", "path"], name="file_path_is_unique"),
        ]

    def __str__(self) -> str:
        return self.path
