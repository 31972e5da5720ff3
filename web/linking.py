"""An account that is about to be linked to a person of the identity provider: kept in the session on the way there and back."""

import time
from typing import Any

from django.http import HttpRequest

from identity.models import User

_LINK = "oidc-link"
LINK_SECONDS = 300


def begin_link(request: HttpRequest, user: User) -> None:
    """`user` has just confirmed who they are, and leaves for the provider."""
    request.session[_LINK] = {"user": user.pk, "at": int(time.time())}


def forget_link(request: HttpRequest) -> None:
    request.session.pop(_LINK, None)


def user_who_links(request: HttpRequest) -> User | None:
    """Who left to link their account a moment ago, and is still signed in as the same; asked once."""
    begun: dict[str, Any] | None = request.session.pop(_LINK, None)
    if begun is None or time.time() - begun["at"] > LINK_SECONDS:
        return None
    user = request.user
    return user if user.is_authenticated and user.pk == begun["user"] else None
