"""Errors in the form of the Iceberg REST specification (`IcebergErrorResponse`)."""

import orjson
import structlog
from django.http import HttpResponse

from core.errors import LakewardenError

logger = structlog.get_logger(__name__)

# For errors that name no exception of their own: the type that clients map this status to.
_TYPES = {
    400: "BadRequestException",
    401: "NotAuthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
    406: "UnsupportedOperationException",
    409: "AlreadyExistsException",
    413: "BadRequestException",
    422: "UnprocessableEntityException",
    501: "NotImplementedException",
    503: "ServiceUnavailableException",
}
JSON = "application/json"


class UnsupportedOperationError(LakewardenError):
    """An operation of the specification that this catalog does not offer."""

    code = "unsupported-operation"
    status = 406


def error_response(error: LakewardenError) -> HttpResponse:
    """`error` as the specification writes it, with its status."""
    kind = getattr(error, "iceberg_type", None) or _TYPES.get(error.status, "ServerErrorException")
    message = error.message
    reasons = error.data.get("reasons")
    if reasons:
        message = f"{message}: {'; '.join(map(str, reasons))}"
    return _response(error.status, kind=kind, message=message)


def server_error(error: Exception) -> HttpResponse:
    """An unexpected failure: the trace goes to the log, the client gets none of it."""
    logger.error("unhandled error", exc_info=error)
    return _response(
        500,
        kind="InternalServerError",
        message="the server failed; the request id leads to the log entry",
    )


def _response(status: int, *, kind: str, message: str) -> HttpResponse:
    document = {"error": {"message": message, "type": kind, "code": status}}
    response = HttpResponse(orjson.dumps(document), status=status, content_type=JSON)
    if status == 401:  # noqa: PLR2004 - RFC 9110 §15.5.2
        response["WWW-Authenticate"] = "Bearer"
    return response
