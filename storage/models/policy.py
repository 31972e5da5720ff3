"""Tier policies: what moves where, and when."""

from django.db import models

from catalog.models import Dataset
from storage.models.location import Tier


class TierPolicy(models.Model):
    """Files of `dataset` that match `condition` belong on `target`.

    `condition` is a flat object: `partition` {column: {"lt": value}}, `idle_days` (no read for so long),
    `age_days` (added so long ago), `keys` (a list of glob patterns, collections only). All given ones must hold.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="tier_policies")
    condition = models.JSONField(default=dict)
    target = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+")
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["dataset_id", "pk"]
        verbose_name_plural = "tier policies"

    def __str__(self) -> str:
        return f"{self.dataset} to {self.target}"
