"""What every SCIM endpoint does first and last: who asks, what was sent, how resources and errors look."""

from collections.abc import Callable
from typing import Any

import orjson
import structlog
from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from pydantic import ValidationError
from scim2_models import (
    Error,
    InvalidSyntaxException,
    InvalidValueException,
    PreconditionFailedException,
    SCIMException,
    UniquenessException,
)

from api.authentication import require_privileged
from api.parsers import load_json
from api.scim.schemas import PROVIDER
from core.errors import ConflictError, InvalidInputError, LakewardenError, UnauthenticatedError
from identity.models import ApiToken
from identity.models.token import Scope

logger = structlog.get_logger(__name__)

SCIM_JSON = "application/scim+json"

View = Callable[..., HttpResponse]


def endpoint(**views: View) -> View:
    """One path's views by method name; each gets (request, …) and returns or raises.

    Only bearer tokens are taken, so no browser's cookie can act here and no CSRF check is needed.
    """

    @csrf_exempt
    def dispatch(request: HttpRequest, **parts: str) -> HttpResponse:
        try:
            _require_token(request)
            view = views.get(request.method or "")
            if view is None:
                return error_response(
                    Error(status=405, detail=f"`{request.method}` is not offered")
                )
            with PROVIDER:
                return view(request, **parts)
        except Exception as error:  # noqa: BLE001 - whatever failed, the client gets SCIM's form
            return error_response(_as_scim(error))

    return dispatch


def actor_of(request: HttpRequest) -> str:
    """Whose token it is: the actor of each audit record."""
    return request.user.get_username()


def read_object(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of the body."""
    document = load_json(request.body)
    if not isinstance(document, dict):
        raise InvalidSyntaxException(detail="the body must be a JSON object")
    return document


def require_match(request: HttpRequest, version: str) -> None:
    """Refuse a change of another version than `If-Match` names (RFC 7644 §3.14; weak comparison)."""
    given = request.headers.get("If-Match")
    if given is not None and not _names(given, version):
        raise PreconditionFailedException(detail="the resource is not of this version any more")


def is_known(request: HttpRequest, version: str) -> bool:
    """Whether `If-None-Match` says that the caller has this version already."""
    given = request.headers.get("If-None-Match")
    return given is not None and _names(given, version)


def scim_response(document: Any, *, status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(document), status=status, content_type=SCIM_JSON)


def error_response(error: Error) -> HttpResponse:
    """`error` as RFC 7644 §3.12 writes it."""
    response = scim_response(error.model_dump(), status=error.status or 500)
    if error.status == UnauthenticatedError.status:
        response["WWW-Authenticate"] = "Bearer"
    return response


def _names(given: str, version: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return "*" in tags or version.removeprefix("W/") in tags


def _require_token(request: HttpRequest) -> None:
    token: ApiToken | None = getattr(request, "api_token", None)
    if token is None:
        raise UnauthenticatedError("a bearer token is needed")
    require_privileged(token, Scope.SCIM)


def _as_scim(error: Exception) -> Error:  # noqa: PLR0911 - a failure, an answer
    """Any failure as SCIM says it; what is not known goes to the log, and the client gets none of it."""
    match error:
        case SCIMException():
            return error.to_error()
        case ValidationError():
            return Error.from_validation_errors(error)[0]
        case ModelValidationError():
            return InvalidValueException(detail="; ".join(error.messages)).to_error()
        case ConflictError():
            return UniquenessException(detail=error.message).to_error()
        case IntegrityError():
            return UniquenessException(detail="the name was taken meanwhile").to_error()
        case InvalidInputError():
            return InvalidSyntaxException(detail=error.message).to_error()
        case LakewardenError():
            return Error(status=error.status, detail=error.message)
        case RequestDataTooBig():
            return Error(status=413, detail="the body is too large")
    logger.error("unhandled error", exc_info=error)
    return Error(status=500, detail="the server failed; the request id leads to the log entry")
