"""Whether a certificate of erasure is what was signed: needs this file, Python 3.9 and `cryptography`.

    python verify_certificate.py CERTIFICATE.json [--key KEY]

CERTIFICATE is what `GET /api/v1/erasures/<uuid>/certificate` gives. KEY is the public key of the service in base64, kept
elsewhere (`GET /api/v1/audit/key`); without it the certificate is only checked against the key that it names itself.

Exit status: 0 it is, 1 it is not, 2 the input cannot be read. Signed is Ed25519 (RFC 8032) over the line
`lakewarden-erasure` and the JSON with sorted keys, without spaces, less the members `public_key` and `signature`.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ORIGIN = b"lakewarden-erasure\n"


def is_genuine(text: str, key: str = "") -> bool:
    """Whether the signature is by `key` (base64), or by the certificate's own key where none is given.

    Raises ValueError and KeyError for what is no certificate.
    """
    document = json.loads(text)
    own, signature = document.pop("public_key"), document.pop("signature")
    body = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key or own, validate=True))
    try:
        public.verify(base64.b64decode(signature, validate=True), ORIGIN + body.encode())
    except InvalidSignature:
        return False
    return True


def main() -> int:
    """The program; see the head of this file."""
    parser = argparse.ArgumentParser(description="verify a certificate of erasure")
    parser.add_argument("certificate", type=Path)
    parser.add_argument("--key", default="", help="the public key, base64")
    options = parser.parse_args()
    try:
        genuine = is_genuine(options.certificate.read_text(encoding="utf-8"), options.key)
    except (OSError, ValueError, KeyError, AttributeError, binascii.Error) as error:
        sys.stderr.write(f"the certificate cannot be read: {type(error).__name__}\n")
        return 2
    sys.stdout.write("genuine\n" if genuine else "NOT genuine\n")
    return 0 if genuine else 1


if __name__ == "__main__":
    sys.exit(main())
