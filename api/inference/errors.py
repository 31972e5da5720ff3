"""Errors in the protocol's own form: an HTTP status and `{"error": "…"}`."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import orjson
import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from api.authentication import require_scope
from core.errors import LakewardenError, LimitExceededError, UnauthenticatedError

logger = structlog.get_logger(__name__)

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def json_response(document: Any, *, status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(document), status=status, content_type="application/json")


def error_response(error: LakewardenError) -> HttpResponse:
    response = json_response({"error": error.message}, status=error.status)
    if error.status == UnauthenticatedError.status:
        response["WWW-Authenticate"] = "Bearer"
    return response


def protocol_view(*, method: str, public: bool = False) -> Callable[[View[P]], View[P]]:
    """A view of the protocol: one method, a token with the scope `read` unless `public`, errors in its form.

    Sessions are not looked at: the protocol is for programs, and so no view here needs a CSRF token.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method != method and not (method == "GET" and request.method == "HEAD"):
                response = json_response({"error": f"use {method}"}, status=405)
                response["Allow"] = method
                return response
            try:
                if not public:
                    _require_token(request)
                return view(request, *args, **kwargs)
            except LakewardenError as error:
                return error_response(error)
            except RequestDataTooBig:
                return error_response(LimitExceededError("the body is too large", limit="body"))
            except Exception:
                # The trace goes to the log with the request id, never to the client.
                logger.exception("unhandled error", path=request.path)
                return json_response({"error": "the server failed"}, status=500)

        answer.csrf_exempt = True  # type: ignore[attr-defined]
        return answer

    return decorate


def _require_token(request: HttpRequest) -> None:
    token = getattr(request, "api_token", None)
    if token is None:
        raise UnauthenticatedError("give a bearer token in the header `Authorization`")
    # An inference reads a model and changes nothing, whatever its method.
    require_scope(token, method="GET")
