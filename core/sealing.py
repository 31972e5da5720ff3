"""Secrets that we must be able to read again, encrypted at rest with keys derived from the service's own."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def seal(secret: str, *, use: str) -> bytes:
    """`secret` encrypted; `use` names what it is for, and only the same use opens it."""
    return _fernet(use).encrypt(secret.encode())


def unseal(sealed: bytes, *, use: str) -> str | None:
    """What was sealed; None where another key or use sealed it."""
    try:
        return _fernet(use).decrypt(sealed).decode()
    except InvalidToken:
        return None


def _fernet(use: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=f"lakewarden.{use}".encode()).derive(
        settings.SECRET_KEY.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))
