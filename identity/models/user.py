"""A person or a program that acts."""

from typing import Any

import pghistory
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models

MAX_ATTRIBUTES = 64


def validate_attributes(value: Any) -> None:
    """Attributes are a flat object: name -> text, or a list of texts; policies read them as `principal.name`."""
    if not isinstance(value, dict) or len(value) > MAX_ATTRIBUTES:
        raise ValidationError(f"expected an object with at most {MAX_ATTRIBUTES} attributes")
    for name, item in value.items():
        texts = item if isinstance(item, list) else [item]
        if not str(name).isidentifier() or not all(isinstance(text, str) for text in texts):
            raise ValidationError(
                f"attribute `{name}` must be a name with a text or a list of texts"
            )


@pghistory.track(fields=["is_active", "is_superuser", "attributes", "is_service"])
class User(AbstractUser):
    """A principal. `attributes` (such as `{"region": "EWR"}`) feed policies and row filters."""

    attributes = models.JSONField(default=dict, blank=True, validators=[validate_attributes])
    is_service = models.BooleanField(
        default=False, help_text="A program: it has tokens and an owner, and never a password."
    )
    responsible = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="service_accounts",
        help_text="The person who answers for a service account.",
    )

    class Meta:
        verbose_name = "user"
        verbose_name_plural = "users"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_service=False) | models.Q(is_superuser=False),
                name="service_is_never_superuser",
            ),
        ]


@pghistory.track()
class Membership(User.groups.through):  # type: ignore[name-defined]
    """A user's place in a group; a proxy, so that its history is recorded like any other fact's."""

    class Meta:
        proxy = True
