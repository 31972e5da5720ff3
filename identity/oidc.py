"""The OpenID Connect provider of the settings, as Authlib's client: authorization code, PKCE (S256), state and nonce.

Whom we speak to is the operator's choice, made in the settings; what the provider's own document names must keep to it.
"""

import time
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.django_client import OAuth
from authlib.integrations.django_client.apps import DjangoOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from requests import Response

from core.errors import LakewardenError, NotFoundError

TIMEOUT_SECONDS = 10
MAX_ANSWER_BYTES = 1 << 20
# The provider's document and keys are read anew after this long, so that withdrawn keys are forgotten.
METADATA_SECONDS = 3600
# Signatures by a key that only the provider has: neither `none` nor those by a shared secret.
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class SignInFailedError(LakewardenError):
    """The provider did not vouch for the person, or could not be asked; the log says why."""

    code = "sign-in-failed"
    status = 403


class _Session(OAuth2Session):
    """Requests that end: no redirects, a time limit, and a bounded answer."""

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        kwargs |= {"allow_redirects": False, "timeout": TIMEOUT_SECONDS, "stream": True}
        response: Response = super().request(method, url, **kwargs)
        body = response.raw.read(MAX_ANSWER_BYTES + 1, decode_content=True)
        if len(body) > MAX_ANSWER_BYTES or response.is_redirect:
            raise SignInFailedError("the identity provider's answer is not one that we read")
        response._content = body  # noqa: SLF001 - what `content` would read
        return response


class _Provider(DjangoOAuth2App):
    client_cls = _Session
    server_metadata: dict[str, Any]

    def load_server_metadata(self) -> dict[str, Any]:
        """The provider's document (OpenID Connect Discovery 1.0 §4), checked. Raises SignInFailedError.

        INVARIANT: no thread sees a document that has not been checked.
        """
        if time.time() - self.server_metadata.get("_loaded_at", 0) > METADATA_SECONDS:
            with self._get_session() as session:
                answer = session.request("GET", self._server_metadata_url, withhold_token=True)
            answer.raise_for_status()
            document: dict[str, Any] = answer.json()
            _check(document)
            self.server_metadata = {**document, "_loaded_at": time.time()}
        return self.server_metadata


class _Registry(OAuth):
    oauth2_client_cls = _Provider


def config() -> Any:
    """The settings of the provider (`OidcSettings`); NotFoundError where there is none."""
    if settings.LAKEWARDEN.oidc is None:
        raise NotFoundError("no identity provider is set up")
    return settings.LAKEWARDEN.oidc


def redirect_to_provider(request: HttpRequest, *, callback: str) -> HttpResponse:
    """Where the person proves who they are; what the answer must match is kept in the session."""
    answer: HttpResponse = _client().authorize_redirect(request, callback)
    return answer


def claims_of(request: HttpRequest) -> dict[str, Any]:
    """The claims of the ID token that the provider's answer leads to: signed, ours, fresh, and of this very session.

    Whatever is not so raises an error of Authlib's, of joserfc's or SignInFailedError.
    """
    wanted = config()
    options = {
        "iss": {"essential": True, "value": wanted.issuer},
        "aud": {"essential": True, "value": wanted.client_id},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "nonce": {"essential": True},
    }
    token = _client().authorize_access_token(request, claims_options=options)
    claims = token.get("userinfo")
    if not claims or not claims.get("sub"):
        raise SignInFailedError("the identity provider gave no ID token")
    return dict(claims)


def _client() -> Any:
    wanted = config()
    return _client_of(wanted.issuer, wanted.client_id, wanted.client_secret, wanted.scopes)


@lru_cache(maxsize=4)
def _client_of(issuer: str, client_id: str, client_secret: str, scopes: str) -> Any:
    registry = _Registry()
    return registry.register(
        "oidc",
        client_id=client_id,
        client_secret=client_secret,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": scopes, "code_challenge_method": "S256"},
    )


def _check(document: dict[str, Any]) -> None:
    """Refuse a document of another issuer, or one that leads to an unencrypted place; keep the good algorithms."""
    issuer = config().issuer
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise SignInFailedError("the identity provider's document names another issuer")
    scheme = urlsplit(issuer).scheme
    for name in _ENDPOINTS:
        place = urlsplit(str(document.get(name) or ""))
        if place.scheme not in ("https", scheme) or not place.netloc:
            raise SignInFailedError(f"the identity provider's document has no usable `{name}`")
    offered = document.get("id_token_signing_alg_values_supported") or ["RS256"]
    document["id_token_signing_alg_values_supported"] = [
        each for each in ALGORITHMS if each in offered
    ]
