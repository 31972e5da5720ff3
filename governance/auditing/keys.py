"""What encrypts the audit log: the master key, one data key a person, and what a record's content is sealed with.

No I/O but reading the master key's file. A person has a pseudonym, HMAC-SHA-256 of the name under the person's own
random key: it commits to the name while the key is there, and tells nothing once the key is gone.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from core.errors import UnavailableError

KEY_BYTES = 32
# NIST SP 800-38D §8.2.2: random nonces of 96 bits, fewer than 2^32 under one key.
NONCE_BYTES = 12
# 160 bits: 32 characters of base32, enough that nobody finds a second name or key for it.
_PSEUDONYM_BYTES = 20
PSEUDONYM_PREFIX = "p-"


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A person's name and data key, as the key table holds them wrapped."""

    name: str
    key: bytes = field(repr=False)

    @property
    def pseudonym(self) -> str:
        """What the log calls the person."""
        digest = hmac.digest(self.key, self.name.encode(), "sha256")[:_PSEUDONYM_BYTES]
        return PSEUDONYM_PREFIX + base64.b32encode(digest).decode().lower()


def new_subject_key(name: str) -> SubjectKey:
    """A fresh key for a person."""
    return SubjectKey(name, secrets.token_bytes(KEY_BYTES))


def name_digest(name: str) -> bytes:
    """What the key table is searched by: without the master key no name can be tried against it."""
    return _digest(_master_keys()[0], name)


def name_digests(name: str) -> list[bytes]:
    """The same under each master key that is accepted, the one that writes first."""
    return [_digest(master, name) for master in _master_keys()]


def wrap(subject: SubjectKey) -> bytes:
    """Key and name under the master key."""
    cipher = _wrapping(_derive(_master_keys()[0], "wrap"))
    return _encrypt(cipher, subject.key + subject.name.encode())


def unwrap(wrapped: bytes) -> SubjectKey:
    """What `wrap` wrapped, under any master key that is accepted. Raises UnavailableError where another one did."""
    for master in _master_keys():
        found = _opened(master, wrapped)
        if found is not None:
            return found
    raise UnavailableError(
        "the audit master key does not open the keys of the log: "
        "LAKEWARDEN_AUDIT_MASTER_KEY_FILE must be the file that they were made with"
    )


def is_current(wrapped: bytes) -> bool:
    """Whether the master key that writes opens it."""
    return _opened(_master_keys()[0], wrapped) is not None


def _opened(master: bytes, wrapped: bytes) -> SubjectKey | None:
    try:
        plain = _decrypt(_wrapping(_derive(master, "wrap")), wrapped)
    except InvalidTag:
        return None
    return SubjectKey(plain[KEY_BYTES:].decode(), plain[:KEY_BYTES])


def _digest(master: bytes, name: str) -> bytes:
    return hmac.digest(_derive(master, "lookup"), name.encode(), "sha256")


def seal_content(content: bytes, keys: Sequence[bytes]) -> bytes:
    """`content` so that all of `keys` are needed to read it, in the same order."""
    return _encrypt(_content_cipher(b"".join(keys)), content)


def open_content(sealed: bytes, keys: Sequence[bytes]) -> bytes:
    """What `seal_content` sealed. Raises ValueError where it was changed or another key is needed."""
    try:
        return _decrypt(_content_cipher(b"".join(keys)), sealed)
    except InvalidTag as error:
        raise ValueError("the content does not open with the keys of its subjects") from error


def _encrypt(cipher: AESGCM, plain: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, None)


def _decrypt(cipher: AESGCM, sealed: bytes) -> bytes:
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)


@lru_cache(maxsize=4)
def _wrapping(key: bytes) -> AESGCM:
    return AESGCM(key)


def _content_cipher(keys: bytes) -> AESGCM:
    return AESGCM(hashlib.sha256(b"lakewarden audit content\n" + keys).digest())


def _master_keys() -> list[bytes]:
    """The one that writes, and the other that is accepted while keys are put under a new one."""
    files = (
        settings.LAKEWARDEN.audit_master_key_file,
        settings.LAKEWARDEN.audit_second_master_key_file,
    )
    return [_master_key(file) for file in files if file is not None]


@lru_cache(maxsize=8)
def _derive(master: bytes, use: str) -> bytes:
    return hmac.digest(master, f"lakewarden audit {use}".encode(), "sha256")


@lru_cache(maxsize=4)
def _master_key(path: Path) -> bytes:
    try:
        key = base64.b64decode(path.read_text().strip(), validate=True)
    except (OSError, ValueError, binascii.Error) as error:
        raise UnavailableError(_NEEDED) from error
    if len(key) != KEY_BYTES:
        raise UnavailableError(_NEEDED)
    return key


_NEEDED = (
    "the audit master key cannot be read: set LAKEWARDEN_AUDIT_MASTER_KEY_FILE to a file with 32 "
    "random bytes in base64"
)
