"""Every error of our own API, rendered once, as RFC 9457 problem details with a stable code."""

import sys
from collections.abc import Callable
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views import csrf, defaults
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from core.errors import (
    InvalidInputError,
    LakewardenError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
    UnprocessableError,
)

logger = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
# A relative reference (RFC 9457 §3.1.1): the documentation of the code is served with the product.
TYPE_PREFIX = "/docs/errors#"
API_PREFIXES = ("/api/", "/iceberg/", "/v2", "/opa/", "/scim/", "/healthz", "/readyz", "/metrics")
SERVER_FAILED = "the server failed; the request id leads to the log entry"


class ThrottledError(LakewardenError):
    """Too many requests; `retry_after` is in seconds."""

    code = "too-many-requests"
    status = 429
    iceberg_type = "TooManyRequestsException"


class MethodNotAllowedError(LakewardenError):
    """The resource exists, the method does not apply to it."""

    code = "method-not-allowed"
    status = 405


class UnsupportedMediaTypeError(LakewardenError):
    """The body is of a type that this endpoint does not read."""

    code = "unsupported-media-type"
    status = 415


class UriTooLongError(LakewardenError):
    """Path and query together pass `max_length` characters."""

    code = "uri-too-long"
    status = 414


class NotAcceptableError(LakewardenError):
    """The answer has no form that the header `Accept` takes."""

    code = "not-acceptable"
    status = 406


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
    if "retry_after" in error.data:
        response["Retry-After"] = str(error.data["retry_after"])
    return response


def handle_exception(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: what we know becomes its problem, what we do not becomes a silent 500."""
    error = _translate(exc)
    if error is None:
        # The trace goes to the log with the request id, never to the client.
        logger.error("unhandled error", view=str(context.get("view")), exc_info=exc)
        error = _failure(exc)
    request = context.get("request")
    if request is not None:
        # Whatever form the view would have answered in (YAML, a template), its errors are problem documents.
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSONRenderer.media_type
    response = Response(problem_document(error), status=error.status, content_type=CONTENT_TYPE)
    if error.status == UnauthenticatedError.status:
        response["WWW-Authenticate"] = "Bearer"
    if "retry_after" in error.data:
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
    ((exceptions.NotAcceptable,), lambda exc: NotAcceptableError(str(exc.detail))),
    ((RequestDataTooBig,), lambda _: LimitExceededError("the body is too large", limit="body")),
    ((SuspiciousOperation,), lambda _: InvalidInputError("the request breaks a limit")),
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


def _failure(exc: BaseException | None) -> LakewardenError:
    """What the client is told of an exception that nobody foresaw: that it may try again, where the database was lost."""
    if isinstance(exc, InterfaceError | OperationalError):
        return UnavailableError("the database does not answer")
    return LakewardenError(SERVER_FAILED)


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


def is_api(request: HttpRequest) -> bool:
    """Whether a program asks: such a path is answered with problem documents, any other with a page."""
    return request.path.startswith(API_PREFIXES)


def refuse(request: HttpRequest, error: LakewardenError) -> HttpResponse:
    """`error` for a request that no view has seen: a problem document, or the page "Bad request"."""
    if is_api(request):
        return problem_response(error)
    return render(request, "400.html", status=error.status)


# Django's four error views (config/urls.py names them) and its CSRF view: no trace, no message of the exception.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 400: a suspicious request, such as too many fields or a wrong `Host`."""
    if is_api(request):
        return problem_response(_translate(exception) or InvalidInputError("bad request"))
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 403."""
    if is_api(request):
        return problem_response(PermissionDeniedError("not allowed"))
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 404."""
    if is_api(request):
        return problem_response(NotFoundError("not found"))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's 500, called where the exception is caught. The trace is in the log, under the request id of the answer."""
    if is_api(request):
        return problem_response(_failure(sys.exc_info()[1]))
    return defaults.server_error(request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A request that changes something by a session alone: a form of another site could have sent it."""
    if is_api(request):
        if not request.user.is_authenticated:
            return problem_response(UnauthenticatedError("sign in, or send a bearer token"))
        return problem_response(PermissionDeniedError("the CSRF token is missing or wrong"))
    return csrf.csrf_failure(request, reason)
