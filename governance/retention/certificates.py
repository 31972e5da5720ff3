"""The certificate of an erasure: what it says, and what exactly is signed."""

import base64
from typing import Any

import orjson

from governance import signing

KIND = "lakewarden-erasure-certificate"


def issue(document: dict[str, Any]) -> dict[str, Any]:
    """`document` with the key's name and the signature. Raises UnavailableError where there is no key."""
    body = {"kind": KIND, **document, "key_id": signing.key_id()}
    signature = signing.sign_certificate(canonical(body))
    return {
        **body,
        "public_key": signing.public_key_base64(),
        "signature": base64.b64encode(signature).decode(),
    }


def canonical(body: dict[str, Any]) -> bytes:
    """The bytes that are signed: JSON with sorted keys, no spaces, UTF-8; without `public_key` and `signature`."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
