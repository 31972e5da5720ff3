"""Access requests: purpose, rows and columns wanted, duration; decided by an approver, enforced as a grant."""

from django.conf import settings
from django.db import models

from catalog.models import Dataset
from core.clock import utc_now
from core.ids import uuid7


class RequestState(models.TextChoices):
    PENDING = "pending", "waiting for a decision"
    APPROVED = "approved", "approved"
    DENIED = "denied", "denied"
    WITHDRAWN = "withdrawn", "withdrawn by the requester"
    EXPIRED = "expired", "the grant has expired"
    REVOKED = "revoked", "the grant was revoked"


class AccessRequest(models.Model):
    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="access_requests")
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_requests"
    )
    purpose = models.TextField()
    columns = models.JSONField(null=True, blank=True, help_text="field names; empty: all columns")
    row_filter = models.TextField(null=True, blank=True, help_text="SQL boolean; empty: all rows")
    duration = models.DurationField()
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.PENDING)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="decided_requests",
    )
    decision_comment = models.TextField(blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["state", "dataset"], name="request_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "requester"],
                condition=models.Q(state="pending"),
                name="request_pending_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.requester} asks for {self.dataset}"
