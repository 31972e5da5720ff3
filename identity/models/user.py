"""A person or a program that acts."""

from collections.abc import Container
from typing import Any

import pghistory
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import AbstractUser, Group
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.crypto import salted_hmac

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


@pghistory.track(
    fields=["username", "is_active", "is_superuser", "attributes", "is_service"],
    model_name="UserEvent",
)
class User(AbstractUser):
    """A principal. `attributes` (such as `{"region": "EWR"}`) feed policies and row filters."""

    attributes = models.JSONField(default=dict, blank=True, validators=[validate_attributes])
    is_service = models.BooleanField(
        default=False, help_text="A program: it has tokens and an owner, and never a password."
    )
    session_generation = models.PositiveIntegerField(
        default=0, editable=False, help_text="Raised to end every session of the user."
    )
    responsible = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="service_accounts",
        help_text="The person who answers for a service account.",
    )
    responsible_group = models.ForeignKey(
        Group,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="service_accounts",
        help_text="The group whose members answer for a service account.",
    )
    orphaned_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Since when nobody who is active answers for this service account.",
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

    def is_answered_for_by(self, user_id: int, *, groups: Container[int]) -> bool:
        """Whether that user, who is in these groups (primary keys), owns this service account."""
        mine = self.responsible_id == user_id or self.responsible_group_id in groups
        return self.is_service and mine

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Django's answer, but about an object the backends are asked for superusers too: they bypass nothing."""
        if obj is None or not self.is_active:
            return super().has_perm(perm, obj)
        return any(each.has_perm(self, perm, obj=obj) for each in auth.get_backends())

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django's hash of the password, and of the generation as well once sessions have been ended."""
        plain: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        if self.session_generation == 0:
            return plain
        text = f"{self.session_generation}:{plain}"
        return salted_hmac("identity.session", text, secret=secret, algorithm="sha256").hexdigest()


@pghistory.track()
class Membership(User.groups.through):  # type: ignore[name-defined]
    """A user's place in a group; a proxy, so that its history is recorded like any other fact's."""

    class Meta:
        proxy = True


@pghistory.track(fields=["name"], model_name="GroupEvent")
class NamedGroup(Group):
    """A group; a proxy, so that the names that policies speak of have a history."""

    class Meta:
        proxy = True
