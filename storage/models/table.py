"""Iceberg tables: the authoritative pointer to a table's metadata is a row here."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from catalog.models import Dataset
from core.clock import utc_now


class IcebergNamespace(models.Model):
    """A namespace of the Iceberg catalog; `levels` is its multi-level name."""

    levels = ArrayField(models.CharField(max_length=200), unique=True)
    properties = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        ordering = ["levels"]

    def __str__(self) -> str:
        return ".".join(self.levels)


class IcebergTable(models.Model):
    """`metadata` is the whole table metadata document (Iceberg spec v2) of `metadata_location`.

    A commit is one UPDATE of this row under `SELECT … FOR UPDATE`, in the transaction that also writes what
    belongs to it (offsets, lineage, audit, tier state).
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.PROTECT, related_name="iceberg_table")
    namespace = models.ForeignKey(IcebergNamespace, on_delete=models.PROTECT, related_name="tables")
    name = models.CharField(max_length=500)
    table_uuid = models.UUIDField(unique=True)
    location = models.CharField(max_length=1000)
    metadata_location = models.CharField(max_length=1200)
    previous_metadata_location = models.CharField(max_length=1200, blank=True)
    metadata = models.JSONField()
    current_snapshot_id = models.BigIntegerField(null=True)
    commits = models.BigIntegerField(default=0)
    # The snapshot for which `storage.DataFile` rows were last written.
    files_snapshot_id = models.BigIntegerField(null=True)
    # Nothing that is older than this can be a leftover of the table's own writers.
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["namespace_id", "name"]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "name"], name="table_name_is_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}"
