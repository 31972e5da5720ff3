"""A version of a model: an ONNX artifact with its signature, metrics and the datasets it learned from."""

from typing import Self

from django.conf import settings
from django.db import models

from catalog.models import Dataset
from core.clock import utc_now
from core.ids import uuid7

# Models are catalog datasets of this namespace.
MODEL_NAMESPACE = "lakewarden-models"
MODEL_NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,99}$"
CHAMPION = "champion"
ALIAS_PATTERN = r"^[a-z][a-z0-9-]{0,39}$"


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def served_first(self) -> Self:
        """The version that answers when none is named comes first: the champion, else the newest."""
        return self.order_by(models.Case(models.When(alias=CHAMPION, then=0), default=1), "-number")


class ModelVersion(models.Model):
    """Immutable but for `alias`. The model itself is `dataset`, so grants, tags and lineage follow it."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="model_versions")
    number = models.PositiveIntegerField()
    alias = models.CharField(max_length=40, blank=True, help_text="`champion` is served by default")
    framework = models.CharField(max_length=20, default="onnx")
    uri = models.CharField(max_length=1200, help_text="where the artifact is")
    size = models.BigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)
    # [{"name", "datatype", "shape"}] as the Open Inference Protocol writes them; -1 is any size.
    inputs = models.JSONField()
    outputs = models.JSONField()
    metrics = models.JSONField(default=dict, blank=True)
    properties = models.JSONField(default=dict, blank=True)
    training_datasets = models.ManyToManyField(Dataset, related_name="trained_models", blank=True)
    run_uuid = models.UUIDField(null=True, help_text="the lineage run that made it")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["dataset_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="model_version_is_unique"),
            models.UniqueConstraint(
                fields=["dataset", "alias"],
                condition=~models.Q(alias=""),
                name="model_alias_is_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name} v{self.number}"
