"""Broken glass: reading at once in an emergency, for a short time, and answered for afterwards."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models

from catalog.models import Dataset, Domain
from core.clock import utc_now
from core.ids import uuid7


class Verdict(models.TextChoices):
    JUSTIFIED = "justified", "justified"
    ABUSE = "abuse", "abuse"


class BreakGlassQuerySet(models.QuerySet["BreakGlass"]):
    def in_force(self, now: datetime) -> Self:
        return self.filter(ended_at=None, expires_at__gt=now)

    def unreviewed(self) -> Self:
        return self.filter(reviewed_at=None)

    def overdue(self, now: datetime) -> Self:
        """Those whose review should have been closed by `now`."""
        return self.unreviewed().filter(review_due_at__lte=now)


class BreakGlass(models.Model):
    """One breaking: who, why, until when, and what those who answer for the data said of it.

    `grant` is the UUID of the grant of `read` that it gave, one like any other: it ends at `expires_at` by itself, or at
    `ended_at` where somebody took it back before. Its row is gone then; this one stays.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    dataset = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.CASCADE, related_name="broken_glass"
    )
    domain = models.ForeignKey(
        Domain, null=True, blank=True, on_delete=models.CASCADE, related_name="broken_glass"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="broken_glass"
    )
    reason = models.TextField()
    grant = models.UUIDField(unique=True, editable=False)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    expires_at = models.DateTimeField(editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    review_due_at = models.DateTimeField(editable=False)
    reviewed_at = models.DateTimeField(null=True, blank=True, editable=False)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    verdict = models.CharField(max_length=10, choices=Verdict, blank=True, editable=False)
    review_comment = models.TextField(blank=True, editable=False)
    # When those who answer for the data were written to: of the breaking, and of the review that nobody closed.
    told_at = models.DateTimeField(null=True, blank=True, editable=False)
    reminded_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = BreakGlassQuerySet.as_manager()

    class Meta:
        verbose_name = "broken glass"
        verbose_name_plural = "broken glass"
        ordering = ["-created_at"]
        permissions = [("break_glass", "Can read at once in an emergency, and is reviewed for it")]
        indexes = [
            models.Index(
                fields=["review_due_at"],
                condition=models.Q(reviewed_at=None),
                name="broken_glass_unreviewed",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(dataset=None) ^ models.Q(domain=None),
                name="broken_glass_has_one_target",
            ),
            models.CheckConstraint(
                condition=~models.Q(reviewed_by=models.F("user")),
                name="broken_glass_is_reviewed_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} broke the glass of {self.target}"

    @property
    def target(self) -> Dataset | Domain:
        target = self.dataset or self.domain
        if target is None:
            raise AssertionError("a constraint gives every row one target")
        return target

    @property
    def is_in_force(self) -> bool:
        return self.ended_at is None and utc_now() < self.expires_at

    @property
    def is_overdue(self) -> bool:
        return self.reviewed_at is None and self.review_due_at <= utc_now()
