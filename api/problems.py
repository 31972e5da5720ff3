"""Every error of our own API, rendered once, as RFC 9457 problem details with a stable code."""

from collections.abc import Callable
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from core.errors import (
    InvalidInputError,
    LakewardenError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnprocessableError,
)

logger = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
# A relative reference (RFC 9457 §3.1.1): the documentation of the code is served with the product.
TYPE_PREFIX = "/docs/errors#"


class ThrottledError(LakewardenError):
    """Too many requests; `retry_after` is in seconds."""

    code = "too-many-requests"
    status = 429


class MethodNotAllowedError(LakewardenError):
    """The resource exists, the method does not apply to it."""

    code = "method-not-allowed"
    status = 405


class UnsupportedMediaTypeError(LakewardenError):
    """The body is of a type that this endpoint does not read."""

    code = "unsupported-media-type"
    status = 415


def problem_document(error: LakewardenError) -> dict[str, Any]:
    """The RFC 9457 members of `error`, with `code` and its data as extension members."""
    return {
        "type": TYPE_PREFIX + error.code,
        "title": error.code.replace("-", " "),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        **{key: value for key, value in error.data.items() if value is not None},
    }


def problem_response(error: LakewardenError) -> JsonResponse:
    """`error` as a Django response, for views and middleware outside DRF."""
    response = JsonResponse(problem_document(error), status=error.status, content_type=CONTENT_TYPE)
    if error.status == UnauthenticatedError.status:
        response["WWW-Authenticate"] = "Bearer"
    return response


def handle_exception(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: what we know becomes its problem, what we do not becomes a silent 500."""
    error = _translate(exc)
    if error is None:
        # The trace goes to the log with the request id, never to the client.
        logger.error("unhandled error", view=str(context.get("view")), exc_info=exc)
        error = LakewardenError("the server failed; the request id leads to the log entry")
    response = Response(problem_document(error), status=error.status, content_type=CONTENT_TYPE)
    if error.status == UnauthenticatedError.status:
        response["WWW-Authenticate"] = "Bearer"
    if isinstance(error, ThrottledError) and "retry_after" in error.data:
        response["Retry-After"] = str(error.data["retry_after"])
    return response


# From what Django and DRF raise to ours; the first class that fits is taken.
_TRANSLATIONS: tuple[tuple[tuple[type[Exception], ...], Callable[[Any], LakewardenError]], ...] = (
    ((LakewardenError,), lambda exc: exc),
    (
        (exceptions.ValidationError,),
        lambda exc: InvalidInputError("the input is not valid", errors=_pointers(exc.detail)),
    ),
    (
        (ModelValidationError,),
        lambda exc: UnprocessableError("the input breaks a rule", errors=exc.messages),
    ),
    ((exceptions.ParseError,), lambda exc: InvalidInputError(str(exc.detail))),
    (
        (exceptions.NotAuthenticated, exceptions.AuthenticationFailed),
        lambda exc: UnauthenticatedError(str(exc.detail)),
    ),
    (
        (exceptions.PermissionDenied, PermissionDenied),
        lambda exc: PermissionDeniedError(str(getattr(exc, "detail", "not allowed"))),
    ),
    ((exceptions.NotFound, Http404), lambda _: NotFoundError("not found")),
    ((exceptions.MethodNotAllowed,), lambda exc: MethodNotAllowedError(str(exc.detail))),
    ((exceptions.UnsupportedMediaType,), lambda exc: UnsupportedMediaTypeError(str(exc.detail))),
    (
        (exceptions.Throttled,),
        lambda exc: ThrottledError("too many requests", retry_after=int(exc.wait or 1)),
    ),
)


def _translate(exc: Exception) -> LakewardenError | None:
    for classes, translate in _TRANSLATIONS:
        if isinstance(exc, classes):
            return translate(exc)
    return None


def _pointers(detail: Any, prefix: str = "") -> list[dict[str, str]]:
    """Flatten DRF's error tree to RFC 6901 pointers with messages."""
    if isinstance(detail, dict):
        return [row for key, value in detail.items() for row in _pointers(value, f"{prefix}/{key}")]
    if isinstance(detail, list) and detail and isinstance(detail[0], dict | list):
        return [
            row
            for index, value in enumerate(detail)
            for row in _pointers(value, f"{prefix}/{index}")
        ]
    texts = detail if isinstance(detail, list) else [detail]
    return [{"pointer": prefix or "/", "detail": str(text)} for text in texts]


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's 404 outside pages."""
    del request, exception
    return problem_response(NotFoundError("not found"))


def server_error(request: HttpRequest) -> JsonResponse:
    """Django's 500: no trace, no message of the exception."""
    del request
    return problem_response(
        LakewardenError("the server failed; the request id leads to the log entry")
    )
