"""Checkpoints as signed notes (C2SP signed-note, tlog-checkpoint), which outside witnesses keep. No database."""

import base64
import hashlib

from governance.models import AuditCheckpoint
from governance.signing import ORIGIN, Checkpoint, public_key

# C2SP signed-note: the type of an Ed25519 signature.
_ED25519 = b"\x01"
_HASH_BYTES = 4


def note_of(row: AuditCheckpoint) -> str:
    """The checkpoint's text with its signature line."""
    text = Checkpoint(row.tree_size, bytes(row.root_hash), row.signed_at).signed_bytes().decode()
    signature = base64.b64encode(_key_hash(public_key()) + bytes(row.signature)).decode()
    return f"{text}\n\u2014 {ORIGIN} {signature}\n"


def verifier_key() -> str:
    """The public key as tools for signed notes take it."""
    key = public_key()
    encoded = base64.b64encode(_ED25519 + key).decode()
    return f"{ORIGIN}+{_key_hash(key).hex()}+{encoded}"


def _key_hash(key: bytes) -> bytes:
    return hashlib.sha256(ORIGIN.encode() + b"\n" + _ED25519 + key).digest()[:_HASH_BYTES]
