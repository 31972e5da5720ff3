"""Tags, namespaced with dots (`pii.email`), on datasets and on fields."""

import pghistory
from django.core.validators import RegexValidator
from django.db import models

from catalog.models.dataset import Dataset
from catalog.models.field import Field
from catalog.models.history import set_trackers
from core.clock import utc_now

TAG_PATTERN = r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*$"


class TagSource(models.TextChoices):
    DECLARED = "declared", "set by a person or a producer"
    CLASSIFIED = "classified", "suggested by classification and accepted"


@pghistory.track(*set_trackers(), fields=["name"], model_name="TagEvent")
class Tag(models.Model):
    name = models.CharField(max_length=100, unique=True, validators=[RegexValidator(TAG_PATTERN)])
    description = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


@pghistory.track(*set_trackers())
class DatasetTag(models.Model):
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="dataset_tags")
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="dataset_tags")
    source = models.CharField(max_length=12, choices=TagSource, default=TagSource.DECLARED)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "tag"], name="dataset_tag_once"),
        ]

    def __str__(self) -> str:
        return str(self.tag)


@pghistory.track(*set_trackers())
class FieldTag(models.Model):
    field = models.ForeignKey(Field, on_delete=models.CASCADE, related_name="field_tags")
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="field_tags")
    source = models.CharField(max_length=12, choices=TagSource, default=TagSource.DECLARED)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["field", "tag"], name="field_tag_once"),
        ]

    def __str__(self) -> str:
        return str(self.tag)
