"""What Trino asks (its OPA plugin's `OpaQueryInput`), and which account asks.

Members that decide nothing here are not read: the groups of the request among them, since ours are authoritative.
"""

from typing import Any

import msgspec
from django.http import HttpRequest
from rest_framework.request import Request

from api.authentication import TokenAuthentication, TokenScheme, require_privileged
from api.parsers import load_json
from api.principal import checked_purpose
from core.errors import InvalidInputError, LakewardenError
from identity.models import ApiToken, User
from identity.models.token import Scope

PREFIX = "/opa/"
# Trino sends no header of the operator's choice, but every request bears the properties of `opa.context-file`.
TOKEN_PROPERTY = "lakewarden-token"  # noqa: S105 - the name of the property, not a token
# From Trino 484 on, with `opa.identity.extra-credentials-keys`.
PURPOSE_CREDENTIAL = "lakewarden-purpose"
MAX_RESOURCES = 100_000


class _Part(msgspec.Struct, rename="camel"):
    """A part of the input; unknown members are ignored, as a newer Trino may send more."""


class Named(_Part):
    name: str


class TrinoUser(_Part):
    user: str = ""
    extra_credentials: dict[str, str] = {}


class TrinoSchema(_Part):
    catalog_name: str
    schema_name: str
    properties: dict[str, Any] | None = None


class TrinoTable(_Part):
    catalog_name: str
    schema_name: str
    table_name: str
    columns: list[str] | None = None
    properties: dict[str, Any] | None = None


class TrinoColumn(_Part):
    catalog_name: str
    schema_name: str
    table_name: str
    column_name: str

    @property
    def table(self) -> TrinoTable:
        return TrinoTable(self.catalog_name, self.schema_name, self.table_name)


class TrinoFunction(_Part):
    function_name: str
    catalog_name: str = ""
    schema_name: str = ""


class SessionProperty(_Part):
    catalog_name: str


class Resource(_Part):
    """One of these is given, or none."""

    user: TrinoUser | None = None
    catalog: Named | None = None
    schema: TrinoSchema | None = None
    table: TrinoTable | None = None
    column: TrinoColumn | None = None
    function: TrinoFunction | None = None
    catalog_session_property: SessionProperty | None = None


class _Action(_Part):
    operation: str
    resource: Resource = msgspec.field(default_factory=Resource)
    target_resource: Resource = msgspec.field(default_factory=Resource)
    filter_resources: list[Resource] = []


class _Context(_Part):
    identity: TrinoUser
    query_id: str | None = None


class Question(_Part):
    """Who wants to do what. `query_id` is Trino's own."""

    context: _Context
    action: _Action

    @property
    def user(self) -> str:
        return self.context.identity.user

    @property
    def purpose(self) -> str | None:
        """What the user declares the query to be for, as elsewhere by a header."""
        return checked_purpose(self.context.identity.extra_credentials.get(PURPOSE_CREDENTIAL, ""))


def read_question(document: Any) -> Question:
    """The question of a request body `{"input": …}`. Raises InvalidInputError naming the place that is wrong."""
    if not isinstance(document, dict):
        raise InvalidInputError("the body must be an object with the member `input`")
    try:
        question = msgspec.convert(document.get("input"), Question)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"`input` is not a question of Trino's: {error}") from None
    if len(question.action.filter_resources) > MAX_RESOURCES:
        raise InvalidInputError(f"`filterResources` must have at most {MAX_RESOURCES} members")
    return question


def token_in_body(request: HttpRequest) -> str | None:
    """The token text that a question carries in its context, or None; what is wrong with the body the view says."""
    if not request.path.startswith(PREFIX) or request.method != "POST":
        return None
    try:
        document = load_json(request.body)
    except LakewardenError:
        return None
    for member in ("input", "context", "properties", TOKEN_PROPERTY):
        document = document.get(member) if isinstance(document, dict) else None
    return document if isinstance(document, str) and document else None


class EngineAuthentication(TokenAuthentication):
    """The token that the middleware found, in the header or in the question: one with the scope `engine`."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        token: ApiToken | None = getattr(request._request, "api_token", None)  # noqa: SLF001
        if token is None:
            return None
        require_privileged(token, Scope.ENGINE)
        return token.user, token


class EngineScheme(TokenScheme):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes it."""

    target_class = "api.opa.questions.EngineAuthentication"
    name = "engine"
