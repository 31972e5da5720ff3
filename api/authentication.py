"""Bearer tokens: the one way in for programs."""

from typing import Any

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from core.errors import PermissionDeniedError
from identity.models import ApiToken, User
from identity.models.token import Scope
from identity.services import authenticate_token

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def bearer_text(request: HttpRequest) -> str | None:
    """The token text of the `Authorization` header, or None."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None


def require_scope(token: ApiToken, *, method: str, scopes: tuple[str, ...] = ()) -> None:
    """Refuse a token whose scopes do not cover the request.

    Without `scopes`, reading needs `read` and anything else `write`; `admin` covers both.
    """
    wanted = scopes or ((Scope.READ,) if method in SAFE_METHODS else (Scope.WRITE,))
    if not {*wanted, Scope.ADMIN} & set(token.scopes):
        raise PermissionDeniedError(
            f"the token needs one of the scopes: {', '.join(wanted)}",
            needed=[str(scope) for scope in wanted],
        )


def require_privileged(token: ApiToken, scope: Scope) -> None:
    """Refuse a token without exactly this scope of `PRIVILEGED_SCOPES`, or of a person who may no longer hold it."""
    if scope not in token.scopes or not (token.user.is_service or token.user.is_superuser):
        raise PermissionDeniedError(f"the token needs the scope: {scope}", needed=[str(scope)])


class TokenAuthentication(BaseAuthentication):
    """DRF's view of a bearer token; a view may name other scopes in `token_scopes`."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        inner = request._request  # noqa: SLF001 - DRF keeps Django's request there
        text = bearer_text(inner)
        if text is None:
            return None
        # `TokenMiddleware` has looked it up in this request already
        token: ApiToken = getattr(inner, "api_token", None) or authenticate_token(text)
        view: Any = (request.parser_context or {}).get("view")
        by_method = getattr(view, "token_scopes", {})
        require_scope(
            token,
            method=request.method or "GET",
            scopes=by_method.get(request.method, by_method.get("*", ())),
        )
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        del request
        return "Bearer"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes the token."""

    target_class = "api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        del auto_schema
        return {"type": "http", "scheme": "bearer"}
