"""Endpoints of other systems that are told what happens, and what is still to be told them."""

from django.conf import settings
from django.db import models

from core.clock import utc_now
from core.ids import uuid7


class WebhookEndpoint(models.Model):
    """`secret` is encrypted, and so is the one before it, which signs as well until `former_until`. `types` are CloudEvents types, or beginnings of them that end in `*`."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    url = models.CharField(max_length=2000)
    secret = models.BinaryField(max_length=500, editable=False)
    former_secret = models.BinaryField(max_length=500, null=True, editable=False)
    former_until = models.DateTimeField(null=True, editable=False)
    types = models.JSONField(default=list)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.url


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "waits to be sent"
    DELIVERED = "delivered", "delivered"
    DEAD = "dead", "given up"


class WebhookDelivery(models.Model):
    """One event for one endpoint: the outbox. Written in the transaction of what it tells of."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries"
    )
    # A CloudEvents 1.0 envelope.
    event = models.JSONField()
    state = models.CharField(
        max_length=10, choices=DeliveryState, default=DeliveryState.WAITING, editable=False
    )
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    next_attempt_at = models.DateTimeField(default=utc_now, editable=False)
    last_status = models.PositiveSmallIntegerField(null=True, editable=False)
    last_error = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(state="waiting"),
                name="delivery_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event.get('type')} to {self.endpoint_id}"
