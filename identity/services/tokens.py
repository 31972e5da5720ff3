"""Making, checking and revoking tokens."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError, PermissionDeniedError, UnauthenticatedError
from identity.models import ApiToken, User
from identity.models.token import (
    MIN_TOKEN_LENGTH,
    PRIVILEGED_SCOPES,
    Scope,
    generate_token,
    hash_token,
)

MAX_TOKEN_LIFETIME = timedelta(days=366)
LAST_USED_RESOLUTION = timedelta(minutes=1)


def issue_token(
    *,
    user: User,
    name: str,
    scopes: Iterable[str],
    lifetime: timedelta,
    raw: str | None = None,
    issuer: User | None = None,
) -> tuple[ApiToken, str]:
    """Create a token and return it with its text, which is shown this once only.

    `raw` lets the embedded stack choose the text it generated itself. `issuer` is who makes it, where that is not
    `user`. Raises InvalidInputError, and PermissionDeniedError for a scope that only superusers give.
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in Scope.values]
    if not wanted or unknown:
        raise InvalidInputError(f"`scopes` must be some of {', '.join(Scope.values)}")
    if not PRIVILEGED_SCOPES.isdisjoint(wanted) and not (issuer or user).is_superuser:
        names = ", ".join(sorted(PRIVILEGED_SCOPES))
        raise PermissionDeniedError(f"tokens with one of the scopes {names} are made by superusers")
    if not timedelta(0) < lifetime <= MAX_TOKEN_LIFETIME:
        raise InvalidInputError(
            f"`lifetime` must be above 0 and at most {MAX_TOKEN_LIFETIME.days} days"
        )
    text = raw or generate_token()
    if len(text) < MIN_TOKEN_LENGTH:
        raise InvalidInputError(f"a token needs at least {MIN_TOKEN_LENGTH} characters")
    token = ApiToken.objects.create(
        user=user,
        name=name,
        digest=hash_token(text),
        hint=text[:8],
        scopes=wanted,
        expires_at=utc_now() + lifetime,
    )
    return token, text


def authenticate_token(raw: str, *, now: datetime | None = None) -> ApiToken:
    """Return the usable token of this text, or raise UnauthenticatedError without saying what was wrong.

    The use of one that has ended is recorded: somebody still has it.
    """
    moment = now or utc_now()
    token = ApiToken.objects.select_related("user").filter(digest=hash_token(raw)).first()
    reason = token.why_unusable(moment) if token else None
    if token is None or reason is not None:
        if token is not None:
            _record_refusal(token, f"{reason}", now=moment)
        raise UnauthenticatedError("the token is unknown, expired or revoked")
    # One write a minute is enough to answer "is it still used".
    if token.last_used_at is None or moment - token.last_used_at > LAST_USED_RESOLUTION:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=moment)
    return token


def _record_refusal(token: ApiToken, reason: str, *, now: datetime) -> None:
    """At most once a minute each, so that a program that goes on trying does not fill the log."""
    lately = Q(last_refused_at__gt=now - LAST_USED_RESOLUTION)
    if ApiToken.objects.filter(pk=token.pk).exclude(lately).update(last_refused_at=now):
        record_token(token, "refuse", actor=token.user.username, reason=reason)


def record_token(token: ApiToken, verb: str, *, actor: str, **more: Any) -> None:
    """Append `token.<verb>` to the audit log: which token of whom, and never its text."""
    audit.record(
        actor=actor,
        action=f"token.{verb}",
        resource=f"user:{token.user.username}",
        payload={"name": token.name, "hint": token.hint, "scopes": token.scopes, **more},
    )


def revoke_token(token: ApiToken) -> None:
    """Make the token useless from now on; a second call changes nothing."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=utc_now())
