"""Tier policies: what moves where, and when."""

from django.core.exceptions import ValidationError
from django.db import models

from catalog.models import Dataset
from core.ids import uuid7
from storage.models.location import Tier
from storage.tiering.plan import TierConditionError, read_condition


class TierPolicy(models.Model):
    """Files of `dataset` that match `condition` belong on `target`.

    `condition` is a flat object: `partition` {column: {"lt": value}}, `idle_days` (no read for so long),
    `age_days` (added so long ago), `keys` (a list of glob patterns, collections only). All given ones must hold.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="tier_policies")
    condition = models.JSONField(default=dict)
    target = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+")
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["dataset_id", "pk"]
        verbose_name_plural = "tier policies"

    def __str__(self) -> str:
        return f"{self.dataset} to {self.target}"

    def clean(self) -> None:
        """Refuse a condition that the planner cannot read."""
        try:
            read_condition(self.condition)
        except TierConditionError as error:
            raise ValidationError({"condition": error.message}) from error
