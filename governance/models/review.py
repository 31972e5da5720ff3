"""What came about by itself and wants the eyes of somebody who answers for the data."""

from django.conf import settings
from django.db import models

from catalog.models import Dataset
from core.clock import utc_now
from core.ids import uuid7


class ReviewKind(models.TextChoices):
    """Why somebody should look. The evidence of each kind is described in `governance.reviews`."""

    LABEL_REACH = "label-reach", "a label has reached a dataset that is read"
    FILTER_MISFIT = "filter-misfit", "a row filter no longer fits, and denies"


class ReviewState(models.TextChoices):
    OPEN = "open", "nobody has looked yet"
    ACKNOWLEDGED = "acknowledged", "somebody looks into it"
    RESOLVED = "resolved", "settled"


class ReviewItem(models.Model):
    """One finding on one dataset. `key` tells findings of a kind apart: there is one unsettled item of each."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    kind = models.CharField(max_length=20, choices=ReviewKind)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="reviews")
    key = models.CharField(max_length=200)
    evidence = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=ReviewState, default=ReviewState.OPEN)
    raised_at = models.DateTimeField(default=utc_now, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="empty where the cause went away by itself",
    )
    comment = models.TextField(blank=True)

    class Meta:
        ordering = ["-raised_at", "-pk"]
        indexes = [models.Index(fields=["state", "kind"], name="review_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "dataset", "key"],
                condition=~models.Q(state="resolved"),
                name="review_unsettled_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.dataset}: {self.key}"


class ReviewMark(models.Model):
    """How far a log has been gone through for findings; `position` is what the reader of that log keeps."""

    log = models.CharField(max_length=20, primary_key=True)
    position = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.log
