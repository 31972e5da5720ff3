"""What every request passes: a request id, limits of URL, body and rate, and tokens for views outside DRF."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, cast
from urllib.parse import unquote_to_bytes

import structlog
from django.conf import settings
from django.core.handlers.wsgi import LimitedStream, WSGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from scim2_models import Error

from api.authentication import bearer_text
from api.iceberg import errors as iceberg_errors
from api.inference import errors as inference_errors
from api.opa.questions import token_in_body
from api.problems import ThrottledError, UriTooLongError, is_api, problem_response, refuse
from api.scim import requests as scim_requests
from api.throttling import anonymous_bucket, bucket_of, spend
from core import audit
from core.errors import InvalidInputError, LakewardenError, LimitExceededError
from core.ids import uuid7
from governance.policy.roles import SUPERUSER
from identity.services import authenticate_token

Handler = Callable[[HttpRequest], HttpResponseBase]

REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
# Longer than any cursor, node id or search that we read; servers commonly stop at 8 to 64 KiB.
MAX_TARGET_LENGTH = 16_384
CHUNK_BYTES = 1 << 16
SPOOL_BYTES = 1 << 20
# Paths whose views stream the body and count it themselves against `max_upload_bytes`.
UPLOAD_PREFIXES = ("/api/v1/ingestion/uploads/",)
# A stream of NDJSON, which its view reads a piece at a time and counts against `max_import_bytes`, packed and unpacked.
IMPORT_PATH = "/api/v1/catalog/import"
IMPORT_TYPES = ("application/x-ndjson", "application/jsonl")


def begin_request(given: str) -> str:
    """The id of a request, `given` if that is well-formed; each log line of this thread bears it from now on."""
    request_id = given if REQUEST_ID.match(given) else str(uuid7())
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    return request_id


class RequestIdMiddleware:
    """Gives each request an id, taken from `X-Request-ID` if well-formed, and puts it on each log line."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = begin_request(request.headers.get("X-Request-ID", ""))
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class ClientAddressMiddleware:
    """Makes `REMOTE_ADDR` the client's own address where a known number of proxies stands before the server.

    Each proxy appends to `X-Forwarded-For` whom it was asked by, so the entry that the outermost of ours wrote is that
    many from the end; what stands before it is whatever the client claims.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        proxies = settings.LAKEWARDEN.trusted_proxies
        if proxies:
            chain = request.headers.get("X-Forwarded-For", "").split(",")
            claimed = chain[-proxies].strip() if len(chain) >= proxies else ""
            if _is_address(claimed):
                request.META["REMOTE_ADDR"] = claimed
        return self.get_response(request)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class TargetLimitMiddleware:
    """Refuses a URL that is too long, or holds what PostgreSQL cannot compare: a NUL, a query that is no UTF-8."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        query = request.META.get("QUERY_STRING", "")
        if len(query) + len(request.path) > MAX_TARGET_LENGTH:
            return refuse(
                request, UriTooLongError("the URL is too long", max_length=MAX_TARGET_LENGTH)
            )
        # Django has written what was no UTF-8 in the path as `%FF` already; a NUL passes it.
        if "\0" in request.path or not _is_text(unquote_to_bytes(query)):
            return refuse(request, InvalidInputError("path and query must be UTF-8 without U+0000"))
        return self.get_response(request)


def _is_text(raw: bytes) -> bool:
    try:
        return "\0" not in raw.decode()
    except UnicodeDecodeError:
        return False


class BodyLimitMiddleware:
    """Refuses a body that is too large: by its `Content-Length`, or by counting what comes without one."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        limit = _body_limit(request)
        error = LimitExceededError("the body is too large", limit="body", max_bytes=limit)
        length = request.META.get("CONTENT_LENGTH") or ""
        if length.isdecimal() and int(length) > limit:
            return refuse(request, error)
        if length or not isinstance(request, WSGIRequest) or not _is_chunked(request):
            return self.get_response(request)
        if _is_import(request):
            # The server has taken the chunks apart and ends the stream; the view reads no more than it can write.
            request._stream = request.META["wsgi.input"]  # noqa: SLF001
            return self.get_response(request)
        with SpooledTemporaryFile(max_size=SPOOL_BYTES) as body:
            if not _spool_chunked(request, body, limit=limit):
                return refuse(request, error)
            return self.get_response(request)


def _body_limit(request: HttpRequest) -> int:
    config = settings.LAKEWARDEN
    if request.path.startswith(UPLOAD_PREFIXES):
        return config.max_upload_bytes
    return config.max_import_bytes if _is_import(request) else config.max_body_bytes


def _is_import(request: HttpRequest) -> bool:
    return request.path == IMPORT_PATH and request.content_type in IMPORT_TYPES


def _is_chunked(request: HttpRequest) -> bool:
    return "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()


def _spool_chunked(request: WSGIRequest, body: IO[bytes], *, limit: int) -> bool:
    """Put a body without `Content-Length` into `body`, and give it to `request`; False if it passes `limit`.

    Django takes such a body for empty, but gzip-writing clients (the OpenLineage transports) send theirs so.
    The server has taken the chunks apart already and ends the stream (`wsgi.input_terminated`).
    """
    source, size = request.META["wsgi.input"], 0
    while chunk := source.read(CHUNK_BYTES):
        size += len(chunk)
        if size > limit:
            return False
        body.write(chunk)
    body.seek(0)
    request.META["CONTENT_LENGTH"] = str(size)
    request._stream = LimitedStream(body, size)  # type: ignore[assignment, arg-type]  # noqa: SLF001
    return True


class TokenMiddleware:
    """Sets `request.user` from a bearer token for views outside DRF, and `request.api_token`.

    A request with a token carries no session authority: the cookie is not looked at, so such a view
    needs no CSRF check, and a request without a token still gets one.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        text = bearer_text(request) or token_in_body(request)
        request.api_token = None  # type: ignore[attr-defined]
        if text is not None:
            try:
                token = authenticate_token(text)
            except LakewardenError as error:
                return _refuse_token(request, error)
            request.user = token.user
            request.api_token = token  # type: ignore[attr-defined]
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # noqa: SLF001
            structlog.contextvars.bind_contextvars(user=token.user.username)
        return self.get_response(request)


def _refuse_token(request: HttpRequest, error: LakewardenError) -> HttpResponse:
    """Guessing tokens is paid for by the address that does it."""
    try:
        spend(anonymous_bucket(request))
    except ThrottledError as throttled:
        return too_many(request, throttled)
    return problem_response(error)


class AuthorityMiddleware:
    """Each audit record that a superuser causes says so: what they do to others' things is done by that role."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        def authority(actor: str) -> str | None:
            user = request.user
            is_theirs = user.is_superuser and user.get_username() == actor
            return SUPERUSER if is_theirs else None

        with audit.acting(authority):
            response = self.get_response(request)
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            # What a stream does, it does while it is read: an import.
            parts = cast("Iterator[bytes]", response.streaming_content)
            response.streaming_content = _read_acting(parts, authority)
        return response


def _read_acting(parts: Iterator[bytes], authority: audit.Authority) -> Iterator[bytes]:
    """The parts of a response, each made as `authority` says."""
    while True:
        with audit.acting(authority):
            part = next(parts, None)
        if part is None:
            return
        yield part


class RateLimitMiddleware:
    """Takes each request out of its caller's bucket; stands behind what finds out who the caller is."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            spend(bucket_of(request))
        except ThrottledError as error:
            return too_many(request, error)
        return self.get_response(request)


def too_many(request: HttpRequest, error: ThrottledError) -> HttpResponse:
    """429 in the form that the caller reads: the protocol's own, a problem document, or a page."""
    if request.path.startswith("/iceberg/"):
        response = iceberg_errors.error_response(error)
    elif request.path.startswith("/scim/"):
        response = scim_requests.error_response(Error(status=error.status, detail=error.message))
    elif request.path.startswith("/v2"):
        response = inference_errors.error_response(error)
    elif is_api(request):
        response = problem_response(error)
    else:
        response = render(request, "429.html", {"seconds": error.data["retry_after"]}, status=429)
    response["Retry-After"] = str(error.data["retry_after"])
    return response
