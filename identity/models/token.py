"""API tokens: shown once, kept as a hash, scoped, expiring."""

import hashlib
import secrets
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models

from core.clock import utc_now

TOKEN_PREFIX = "lkw_"  # noqa: S105 - a public prefix, so that secret scanners know our tokens
TOKEN_BYTES = 32
MIN_TOKEN_LENGTH = 32


def hash_token(raw: str) -> bytes:
    """SHA-256 of a token. It has 256 random bits, so a slow hash would protect nothing more."""
    return hashlib.sha256(raw.encode()).digest()


def generate_token() -> str:
    """A new token text: the prefix and 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


class Scope(models.TextChoices):
    """What a token may be used for; but for `PRIVILEGED_SCOPES`, a token never exceeds its user's own rights."""

    READ = "read", "read metadata and data"
    WRITE = "write", "change metadata and data"
    LINEAGE = "lineage", "send lineage events"
    ADMIN = "admin", "administer"
    ENGINE = "engine", "ask what the users of a query engine may do"
    SCIM = "scim", "provision users and groups"


# These reach beyond their user's own rights: superusers give them, to service accounts or to themselves.
PRIVILEGED_SCOPES: frozenset[str] = frozenset({Scope.ENGINE, Scope.SCIM})


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, now: datetime) -> Self:
        """Tokens that are neither revoked nor expired, of active users."""
        return self.filter(revoked_at=None, expires_at__gt=now, user__is_active=True)


class ApiToken(models.Model):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens"
    )
    name = models.CharField(max_length=100)
    # 32 bytes; the token itself is nowhere.
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    hint = models.CharField(max_length=12, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When somebody last tried it after it had ended.
    last_refused_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    def why_unusable(self, now: datetime) -> str | None:
        """Why it opens nothing at `now`; None while it does."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= now:
            return "expired"
        return None if self.user.is_active else "account inactive"
