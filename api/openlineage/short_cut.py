"""Events past Django's middleware, which costs more than recording them does.

What is plainly good is answered here: a POST to one of two paths, by a token that may record lineage, with an event that
is recorded. Everything else (a session, a wrong token, a bad event, a database that is down) goes on to Django with
its body untouched, which answers as it would have: an event that was recorded meanwhile is one that was sent before.
No decision differs: both ways ask `identity` about the token, `access` about its owner, and `receiver` to record.
"""

import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from io import BytesIO
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.http.request import split_domain_port, validate_host

from api.authentication import require_scope
from api.metrics import count_request
from api.middleware import begin_request
from api.openlineage.access import check_sender
from api.openlineage.bodies import unpack_body
from api.openlineage.receiver import record_many, record_one
from identity.models.token import Scope, hash_token
from identity.services import authenticate_token

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

ONE = "/api/v1/lineage"
MANY = "/api/v1/lineage/batch"
# How long a token that was found good is not looked up again: a revocation holds this much later.
TRUST_SECONDS = 0.5
MAX_TRUSTED = 10_000

_trusted: dict[bytes, tuple[float, int]] = {}
_trusted_lock = threading.Lock()


def with_short_cut(application: Application) -> Application:
    """`application`, with events answered before it."""

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] in (ONE, MANY):
            body = _try_record(environ, start_response)
            if body is not None:
                return [body]
        return application(environ, start_response)

    return answer


def _try_record(environ: Environ, start_response: StartResponse) -> bytes | None:
    """The answer's body, or None where Django is to answer; the request's body is there again then."""
    if not _is_plain(environ):
        return None
    started = time.perf_counter()
    request_id = begin_request(environ.get("HTTP_X_REQUEST_ID", ""))
    raw = _read(environ)
    try:
        sender_id = _sender(environ["HTTP_AUTHORIZATION"])
        _check_connection()
        event = unpack_body(raw, coding=environ.get("HTTP_CONTENT_ENCODING", "identity"))
        if environ["PATH_INFO"] == ONE:
            record_one(event, sender_id=sender_id)
            status, body = HTTPStatus.CREATED, b""
        else:
            status, body = HTTPStatus.OK, record_many(event, sender_id=sender_id)
    except Exception:  # noqa: BLE001 - whatever it is, Django meets it again, logs it and answers it
        return None
    headers = [
        ("Content-Length", str(len(body))),
        ("X-Request-ID", request_id),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if body:
        headers.append(("Content-Type", "application/json"))
    start_response(f"{status.value} {status.phrase}", headers)
    count_request("POST", environ["PATH_INFO"][1:], status, seconds=time.perf_counter() - started)
    return body


def _is_plain(environ: Environ) -> bool:
    """Whether a request has the form that is answered here: a token, a body of known and allowed size, a host of ours."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not length.isdecimal() or int(length) > settings.LAKEWARDEN.max_body_bytes:
        return False
    if (
        environ.get("QUERY_STRING")
        or environ.get("HTTP_AUTHORIZATION", "")[:7].lower() != "bearer "
    ):
        return False
    if settings.SECURE_SSL_REDIRECT and environ.get("HTTP_X_FORWARDED_PROTO") != "https":
        return False
    host, _ = split_domain_port(environ.get("HTTP_HOST", ""))
    return validate_host(host, settings.ALLOWED_HOSTS)


def _read(environ: Environ) -> bytes:
    """The body, put back for whoever reads it again."""
    raw: bytes = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = BytesIO(raw)
    return raw


def _sender(authorization: str) -> int:
    """The id of the user whose token this is, who may record lineage; LakewardenError otherwise."""
    text = authorization.partition(" ")[2].strip()
    key = hash_token(text)
    now = time.monotonic()
    known = _trusted.get(key)
    if known is not None and now < known[0]:
        return known[1]
    token = authenticate_token(text)
    require_scope(token, method="POST", scopes=(Scope.LINEAGE,))
    user_id = int(check_sender(token.user).pk)
    with _trusted_lock:
        if len(_trusted) >= MAX_TRUSTED:
            _trusted.clear()
        _trusted[key] = (now + TRUST_SECONDS, user_id)
    return user_id


def _check_connection() -> None:
    """What Django does at the start of a request, without asking the server whether it is there."""
    own = connections[DEFAULT_DB_ALIAS]
    is_old = own.close_at is not None and time.monotonic() >= own.close_at
    if (own.errors_occurred or is_old) and not own.in_atomic_block:
        own.close_if_unusable_or_obsolete()
