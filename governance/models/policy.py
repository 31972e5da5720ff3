"""Policies as versioned documents; a published version never changes."""

import pghistory
from django.conf import settings
from django.db import models

from core.clock import utc_now


@pghistory.track(fields=["name"], model_name="PolicyEvent")
class Policy(models.Model):
    name = models.SlugField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name


class PolicyStatus(models.TextChoices):
    DRAFT = "draft", "draft"
    PUBLISHED = "published", "published"
    RETIRED = "retired", "retired"


@pghistory.track()
class PolicyVersion(models.Model):
    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=PolicyStatus, default=PolicyStatus.DRAFT)
    document = models.JSONField(help_text="the parsed document; see docs/reference/policy-schema")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)
    published_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["policy_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_is_unique"),
            models.UniqueConstraint(
                fields=["policy"],
                condition=models.Q(status="published"),
                name="policy_published_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"
