"""Where bytes can be, and what that costs."""

from django.db import models


class Backend(models.TextChoices):
    S3 = "s3", "S3 or compatible"
    LOCAL = "local", "local disk"
    AZURE = "azure", "Azure Blob Storage"
    GCS = "gcs", "Google Cloud Storage"
    HDFS = "hdfs", "HDFS"


class StorageLocation(models.Model):
    """A backend and a root, such as `s3://bucket/prefix`. Credentials are settings, never rows."""

    name = models.SlugField(max_length=100, unique=True)
    backend = models.CharField(max_length=10, choices=Backend)
    root = models.CharField(max_length=500, unique=True)
    endpoint = models.URLField(blank=True)
    region = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TierName(models.TextChoices):
    HOT = "hot", "hot"
    WARM = "warm", "warm"
    COLD = "cold", "cold"
    ARCHIVE = "archive", "archive"


class Tier(models.Model):
    """A price and a speed at a location. Prices are in US dollars."""

    name = models.CharField(max_length=10, choices=TierName, unique=True)
    rank = models.PositiveSmallIntegerField(unique=True, help_text="0 is the hottest")
    location = models.ForeignKey(StorageLocation, on_delete=models.PROTECT, related_name="tiers")
    storage_class = models.CharField(max_length=40, blank=True)
    keep_price = models.DecimalField(max_digits=12, decimal_places=8, help_text="per GiB and month")
    read_price = models.DecimalField(max_digits=12, decimal_places=8, help_text="per GiB read")
    move_price = models.DecimalField(
        max_digits=12, decimal_places=8, default=0, help_text="per object moved in"
    )
    minimum_days = models.PositiveIntegerField(default=0, help_text="early deletion is charged")
    first_byte_ms = models.PositiveIntegerField(default=50)

    class Meta:
        ordering = ["rank"]

    def __str__(self) -> str:
        return self.name
