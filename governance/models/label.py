"""Where a label may stop: derivations that a steward declared free of what the source's labels protect."""

import pghistory
from django.conf import settings
from django.db import models

from catalog.models import Field
from core.clock import utc_now


@pghistory.track()
class Declassification(models.Model):
    """From `source` to `target` no label flows. By fields, so that it outlives the lineage events of single runs."""

    source = models.ForeignKey(Field, on_delete=models.CASCADE, related_name="+")
    target = models.ForeignKey(Field, on_delete=models.CASCADE, related_name="declassifications")
    reason = models.TextField()
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    approved_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["source", "target"], name="declassification_once"),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} → {self.target_id}"
