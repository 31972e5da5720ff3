"""An OpenID Connect provider as a process: `oidc-provider-mock`, which also insists on PKCE as most providers can.

usage: python -m tests.web.pkce_provider PORT
"""

import sys

import oidc_provider_mock
from authlib.oauth2.rfc7636 import CodeChallenge
from oidc_provider_mock import _app

_challenges = {}


class Enforced(CodeChallenge):
    """RFC 7636 with the challenges kept beside the provider's own codes."""

    def get_authorization_code_challenge(self, authorization_code):
        return _challenges[authorization_code.code]

    def get_authorization_code_challenge_method(self, authorization_code):
        return "S256"


class Grant(_app.AuthorizationCodeGrant):
    def save_authorization_code(self, code, request):
        super().save_authorization_code(code, request)
        assert request.payload.data["code_challenge_method"] == "S256"
        _challenges[code] = request.payload.data["code_challenge"]


class Code(_app.OpenIDCode):
    def __call__(self, grant):
        super().__call__(grant)
        Enforced(required=True)(grant)


_app.AuthorizationCodeGrant = Grant
_app.OpenIDCode = Code

if __name__ == "__main__":
    app = oidc_provider_mock.app(require_nonce=True)
    app.run(host="127.0.0.1", port=int(sys.argv[1]))
