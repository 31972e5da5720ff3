"""Who asks, as the decision kernel knows them: one place for sessions and tokens alike."""

from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from core.errors import InvalidInputError
from governance.policy.types import Principal
from governance.queries import principal_of
from identity.models import ApiToken

PURPOSE_HEADER = "X-Lakewarden-Purpose"
MAX_PURPOSE_LENGTH = 200


def caller(request: HttpRequest | Request) -> Principal:
    """The principal of an authenticated request, no more able than its token, with the purpose it declares."""
    purpose = checked_purpose(request.headers.get(PURPOSE_HEADER, ""))
    token: Any = getattr(request, "auth", None) or getattr(request, "api_token", None)
    scopes = token.scopes if isinstance(token, ApiToken) else None
    return principal_of(request.user, scopes=scopes, purpose=purpose)  # type: ignore[arg-type]


def checked_purpose(text: str) -> str | None:
    """A declared purpose, None for an empty one; InvalidInputError for one that is too long."""
    purpose = text.strip() or None
    if purpose is not None and len(purpose) > MAX_PURPOSE_LENGTH:
        raise InvalidInputError(f"a purpose must have at most {MAX_PURPOSE_LENGTH} characters")
    return purpose
