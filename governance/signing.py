"""The Ed25519 key that signs audit checkpoints, and what exactly is signed."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings

from core.errors import UnavailableError

KEY_ID_CHARACTERS = 16
ORIGIN = "lakewarden-audit"
CERTIFICATE_ORIGIN = b"lakewarden-erasure\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a signature covers: size and root of the tree, and when it was signed."""

    tree_size: int
    root_hash: bytes
    signed_at: datetime

    def signed_bytes(self) -> bytes:
        """Four lines, as in the checkpoint format of transparency logs (C2SP tlog-checkpoint), with the time last."""
        root = base64.b64encode(self.root_hash).decode()
        return f"{ORIGIN}\n{self.tree_size}\n{root}\n{self.signed_at.isoformat()}\n".encode()


def sign(checkpoint: Checkpoint) -> bytes:
    """The signature of the configured key. Raises UnavailableError where there is no such key."""
    return _private_key().sign(checkpoint.signed_bytes())


def is_signed(checkpoint: Checkpoint, signature: bytes) -> bool:
    """Whether `signature` is by the configured key."""
    try:
        _private_key().public_key().verify(signature, checkpoint.signed_bytes())
    except InvalidSignature:
        return False
    return True


def sign_certificate(document: bytes) -> bytes:
    """The configured key's signature of a certificate of erasure: of this line before it, so that it passes for nothing else."""
    return _private_key().sign(CERTIFICATE_ORIGIN + document)


def key_id() -> str:
    """The beginning of the SHA-256 of the raw public key, as hex."""
    return hashlib.sha256(public_key()).hexdigest()[:KEY_ID_CHARACTERS]


def public_key() -> bytes:
    """The raw public key."""
    return _raw(_private_key().public_key())


def public_key_base64() -> str:
    """The raw public key, for whoever verifies elsewhere."""
    return base64.b64encode(public_key()).decode()


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _private_key() -> Ed25519PrivateKey:
    return _load(settings.LAKEWARDEN.audit_key_file)


@lru_cache(maxsize=4)
def _load(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise UnavailableError(
            "the audit key cannot be read: set LAKEWARDEN_AUDIT_KEY_FILE to an Ed25519 key in PEM"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UnavailableError("the audit key must be an Ed25519 key")
    return key
