"""What classification suggests for a field, or for a dataset as a whole, and what a steward made of it."""

from django.conf import settings
from django.db import models

from catalog.models import Dataset, Field
from core.clock import utc_now
from core.ids import uuid7


class ClassificationState(models.TextChoices):
    SUGGESTED = "suggested", "suggested"
    ACCEPTED = "accepted", "accepted: the label is on the field"
    REJECTED = "rejected", "rejected: not suggested again"


class Classification(models.Model):
    """`words` are the words of the field's name, by which a domain's decisions are remembered.

    INVARIANT: `evidence` holds sentences that quote no value of the data.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="classifications")
    field = models.ForeignKey(
        Field, null=True, blank=True, on_delete=models.CASCADE, related_name="classifications"
    )
    label = models.CharField(max_length=100)
    words = models.CharField(max_length=500, blank=True)
    confidence = models.FloatField(help_text="0 to 1")
    evidence = models.JSONField(default=list)
    detector_version = models.PositiveIntegerField()
    state = models.CharField(
        max_length=10, choices=ClassificationState, default=ClassificationState.SUGGESTED
    )
    suggested_at = models.DateTimeField(default=utc_now, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["dataset", "state"], name="classification_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["field", "label"],
                condition=models.Q(field__isnull=False),
                name="classification_of_field_once",
            ),
            models.UniqueConstraint(
                fields=["dataset", "label"],
                condition=models.Q(field__isnull=True),
                name="classification_of_dataset_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field.name if self.field else self.dataset.name}: {self.label}"
