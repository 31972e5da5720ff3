"""The few S3 requests that the stack itself makes, signed with AWS Signature Version 4.

Source: AWS General Reference, "Create a signed AWS API request". The supervisor lives for days, and a
whole SDK in it would cost 60 MB for three requests.
"""

import contextlib
import hashlib
import hmac
import http.client
from datetime import UTC, datetime
from http import HTTPStatus

from stack.ports import HOST

_EMPTY = hashlib.sha256(b"").hexdigest()


def request(
    method: str, path: str, *, port: int, access_key: str, secret_key: str, region: str
) -> int:
    """Send a body-less request for `path` (already encoded); return the HTTP status.

    Raises OSError or http.client.HTTPException when no answer comes.
    """
    now = datetime.now(UTC)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    host = f"{HOST}:{port}"
    headers = {"host": host, "x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
    names = ";".join(headers)
    canonical = "\n".join(
        [
            method,
            path,
            "",
            *(f"{name}:{value}" for name, value in headers.items()),
            "",
            names,
            _EMPTY,
        ]
    )
    scope = f"{day}/{region}/s3/aws4_request"
    to_sign = "\n".join(
        ["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    with contextlib.closing(http.client.HTTPConnection(HOST, port, timeout=5.0)) as connection:
        connection.request(method, path, headers=headers)
        return connection.getresponse().status


def stores_objects(
    *, buckets: tuple[str, ...], port: int, access_key: str, secret_key: str, region: str
) -> bool:
    """Create the buckets that are missing, write and delete one object: the whole path works, or False."""

    def send(method: str, path: str) -> int:
        return request(
            method, path, port=port, access_key=access_key, secret_key=secret_key, region=region
        )

    try:
        made = all(
            send("PUT", f"/{bucket}") in {HTTPStatus.OK, HTTPStatus.CONFLICT} for bucket in buckets
        )
        probe = f"/{buckets[0]}/.lakewarden-probe"
        written = made and send("PUT", probe) == HTTPStatus.OK
        return written and send("DELETE", probe) == HTTPStatus.NO_CONTENT
    except (OSError, http.client.HTTPException):
        return False
