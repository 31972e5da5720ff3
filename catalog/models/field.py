"""A field (column) of a dataset, with an identity that survives renames."""

from typing import Self

import pghistory
from django.db import models

from catalog.models.dataset import Dataset
from catalog.models.history import set_trackers
from core.clock import utc_now
from core.ids import uuid7


class FieldQuerySet(models.QuerySet["Field"]):
    def present(self) -> Self:
        """Fields of the current schema."""
        return self.filter(removed_at=None)


@pghistory.track(
    *set_trackers(),
    fields=["uuid", "dataset", "name", "type", "ordinal", "nullable", "field_id", "removed_at"],
    model_name="FieldEvent",
)
class Field(models.Model):
    """`name` is the dotted path in a nested schema; `field_id` is Iceberg's, where there is one."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="fields")
    name = models.CharField(max_length=500)
    type = models.CharField(max_length=500, blank=True)
    description = models.TextField(blank=True)
    ordinal = models.PositiveIntegerField(default=0)
    nullable = models.BooleanField(default=True)
    field_id = models.IntegerField(null=True, blank=True)
    statistics = models.JSONField(default=dict, blank=True, editable=False)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = FieldQuerySet.as_manager()

    class Meta:
        ordering = ["dataset_id", "ordinal", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name"], name="field_name_is_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.type}"
