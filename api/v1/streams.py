"""What long answers have in common: they outlive the moment at which the caller was let in."""

from collections.abc import Callable
from typing import Any

from rest_framework.request import Request

from api.authentication import bearer_text
from api.principal import caller
from governance.policy.types import Principal
from identity.models import User
from identity.services import authenticate_token


def asker(request: Request) -> Callable[[], Principal]:
    """Gives the caller as they are now: a stream is long, and a token or an account may end meanwhile."""
    token_text = bearer_text(request._request)  # noqa: SLF001 - DRF keeps Django's request there
    user_id: Any = request.user.pk

    def ask() -> Principal:
        if token_text is not None:
            authenticate_token(token_text)
        request._request.user = request.user = User.objects.get(pk=user_id)  # noqa: SLF001
        return caller(request)

    return ask
