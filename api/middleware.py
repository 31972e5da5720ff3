"""What every request passes: a request id, a body limit, and tokens for views outside DRF."""

import re
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from api.authentication import bearer_text
from api.problems import problem_response
from core.errors import LakewardenError, LimitExceededError
from core.ids import uuid7
from identity.services import authenticate_token

Handler = Callable[[HttpRequest], HttpResponseBase]

REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
# Paths whose views stream the body and count it themselves against `max_upload_bytes`.
UPLOAD_PREFIXES = ("/api/v1/ingestion/uploads/",)


class RequestIdMiddleware:
    """Gives each request an id, taken from `X-Request-ID` if well-formed, and puts it on each log line."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if REQUEST_ID.match(given) else str(uuid7())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class BodyLimitMiddleware:
    """Refuses a body that is too large before anything reads it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_upload = request.path.startswith(UPLOAD_PREFIXES)
        config = settings.LAKEWARDEN
        limit = config.max_upload_bytes if is_upload else config.max_body_bytes
        length = request.headers.get("Content-Length", "0")
        if length.isdecimal() and int(length) > limit:
            return problem_response(
                LimitExceededError("the body is too large", limit="body", max_bytes=limit)
            )
        return self.get_response(request)


class TokenMiddleware:
    """Sets `request.user` from a bearer token for views outside DRF, and `request.api_token`.

    A request with a token carries no session authority: the cookie is not looked at, so such a view
    needs no CSRF check, and a request without a token still gets one.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        text = bearer_text(request)
        request.api_token = None  # type: ignore[attr-defined]
        if text is not None:
            try:
                token = authenticate_token(text)
            except LakewardenError as error:
                return problem_response(error)
            request.user = token.user
            request.api_token = token  # type: ignore[attr-defined]
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # noqa: SLF001
            structlog.contextvars.bind_contextvars(user=token.user.username)
        return self.get_response(request)
