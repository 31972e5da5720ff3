"""How people prove who they are, beside a password."""

from django.conf import settings
from django.db import models

from core.clock import utc_now


class ExternalIdentity(models.Model):
    """An account of an OpenID Connect provider that signs in as a user: known by issuer and subject, never by an address."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities"
    )
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name_plural = "external identities"
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="one_user_a_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"


class SecondFactor(models.Model):
    """A user's authenticator app (RFC 6238). `secret` is encrypted; `last_step` is the last time step that was used."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="second_factor",
    )
    secret = models.BinaryField(max_length=500, editable=False)
    last_step = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    def __str__(self) -> str:
        return f"second factor of {self.user_id}"


class RecoveryCode(models.Model):
    """Stands in for the app once. Only its digest is kept, and the row goes when it is used."""

    factor = models.ForeignKey(
        SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.BinaryField(max_length=32, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["factor", "digest"], name="one_recovery_code"),
        ]

    def __str__(self) -> str:
        return f"recovery code of {self.factor_id}"
