"""Rules of approval, and who acts for whom while they are away."""

import pghistory
from django.conf import settings
from django.db import models

from catalog.models import Dataset, Domain
from core.clock import utc_now
from core.ids import uuid7


@pghistory.track()
class RequestRule(models.Model):
    """Who must agree to requests for what. Each change raises `version`; what it was stays in the history."""

    name = models.SlugField(max_length=120, unique=True)
    version = models.PositiveIntegerField(default=1)
    document = models.JSONField(help_text="the parsed document; see docs/how-to/ask-and-approve")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    changed_at = models.DateTimeField(default=utc_now, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


@pghistory.track()
class Delegation(models.Model):
    """`person` is away from `starts_at` to `ends_at`; `delegate` decides for them, or nobody where there is none.

    Narrowed to a dataset or a domain, it comes with a grant of `approve` there for the time, so that the kernel knows.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="delegations"
    )
    delegate = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="stands_in_for",
    )
    dataset = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    domain = models.ForeignKey(
        Domain, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField(default=utc_now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    grant = models.UUIDField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(starts_at__lt=models.F("ends_at")), name="delegation_lasts"
            ),
            models.CheckConstraint(
                condition=models.Q(dataset=None) | models.Q(domain=None),
                name="delegation_has_one_scope",
            ),
            models.CheckConstraint(
                condition=~models.Q(person=models.F("delegate")), name="delegation_to_another"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delegate or 'nobody'} for {self.person}"
