"""Where data comes from, and where it lands."""

from datetime import datetime
from typing import Self

import pghistory
from django.conf import settings
from django.db import models

from catalog.models import Dataset
from core.clock import utc_now
from core.ids import uuid7


class SourceKind(models.TextChoices):
    KAFKA = "kafka", "Kafka topic"
    FILES = "files", "folder or bucket prefix"
    HTTP = "http", "upload over HTTP"


class SourceQuerySet(models.QuerySet["Source"]):
    def enabled(self) -> Self:
        """Sources that the schedule lands by itself."""
        return self.filter(enabled=True)

    def due(self, now: datetime) -> Self:
        """Enabled sources that do not wait after a failure."""
        return self.enabled().filter(models.Q(retry_at=None) | models.Q(retry_at__lte=now))


@pghistory.track(fields=["name", "kind", "config", "namespace", "table", "format", "enabled"])
class Source(models.Model):
    """`config` is validated per kind (`ingestion.config`); what it lands is `namespace`.`table`.

    `columns` is the declared schema, a list of {name, type, required?, doc?} with Iceberg's type names; empty means
    inferred from the first input. After the table is made, the table's own schema is the authority.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.SlugField(max_length=100, unique=True)
    kind = models.CharField(max_length=10, choices=SourceKind)
    config = models.JSONField(default=dict, blank=True)
    namespace = models.CharField(max_length=300, help_text="levels joined by dots, such as raw")
    table = models.CharField(max_length=200)
    format = models.CharField(max_length=20)
    columns = models.JSONField(default=list, blank=True)
    # [{"field": "time_hour", "transform": "month"}, …]
    partition_by = models.JSONField(default=list, blank=True)
    tier = models.CharField(max_length=10, default="hot")
    enabled = models.BooleanField(default=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sources"
    )
    dataset = models.ForeignKey(
        Dataset, null=True, editable=False, on_delete=models.PROTECT, related_name="sources"
    )
    dead_letters = models.ForeignKey(
        Dataset, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    # Why the last landing failed; empty again after one that succeeds.
    last_error = models.CharField(max_length=500, blank=True, editable=False)
    last_error_code = models.CharField(max_length=60, blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(
        default=0, editable=False, help_text="landings that failed one after another"
    )
    retry_at = models.DateTimeField(
        null=True, editable=False, help_text="the schedule leaves the source alone until then"
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SourceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def identifier(self) -> tuple[str, ...]:
        """The target in the Iceberg catalog: namespace levels, then the table."""
        return (*self.namespace.split("."), self.table)

    @property
    def dead_letter_identifier(self) -> tuple[str, ...]:
        return (*self.namespace.split("."), f"{self.table}__dead_letters")


class SourceOffset(models.Model):
    """`next_offset` is the first one that is not landed.

    INVARIANT: it moves only in the transaction that commits the rows below it: landed and counted are one fact.
    """

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="offsets")
    partition = models.PositiveIntegerField()
    next_offset = models.BigIntegerField()
    # The end of the partition when it was last looked at; for lag metrics only.
    high_watermark = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["source_id", "partition"]
        constraints = [
            models.UniqueConstraint(fields=["source", "partition"], name="offset_of_partition"),
        ]

    def __str__(self) -> str:
        return f"{self.source}[{self.partition}] at {self.next_offset}"

    @property
    def lag(self) -> int:
        """Records that wait, as of the last look."""
        return max(0, self.high_watermark - self.next_offset)
