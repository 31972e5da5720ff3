"""The interface that every backend keeps, and what its callers may rely on.

INVARIANT: a write is durable and whole when it returns: a reader sees the object as it was before, or all of
the new one, never a part. `tests/contracts/test_storage_backend.py` holds every backend to this page.
"""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from storage.backends.errors import InvalidKeyError, ObjectMissingError, OutsideLocationError

CHUNK_BYTES = 1 << 20
# S3's limit ("Naming Amazon S3 objects"); the narrowest of the backends, so keys can move between all of them.
MAX_KEY_BYTES = 1024
# File systems take 255 bytes a name.
MAX_SEGMENT_BYTES = 255
PAGE_OBJECTS = 1000
FIRST_PRINTABLE = " "


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """One stored object. `size` is in bytes; `storage_class` is '' where the backend has none."""

    key: str
    size: int
    etag: str
    modified_at: datetime
    storage_class: str = ""


@dataclass(frozen=True, kw_only=True)
class ObjectPage:
    """Objects in the order of their keys' bytes; `next_after` continues behind them, None at the end."""

    objects: tuple[ObjectInfo, ...]
    next_after: str | None


@dataclass(frozen=True, kw_only=True)
class Checksum:
    """SHA-256 in hex, and how many bytes it is of."""

    sha256: str
    size: int


def check_key(key: str) -> str:
    """`key` if it is a relative path that stays below its root, else InvalidKeyError."""
    segments = key.split("/")
    wrong = (
        any(segment in ("", ".", "..") for segment in segments)
        or any(char < FIRST_PRINTABLE or char in "\\\x7f" for char in key)
        or len(key.encode(errors="surrogatepass")) > MAX_KEY_BYTES
        or any(
            len(segment.encode(errors="surrogatepass")) > MAX_SEGMENT_BYTES for segment in segments
        )
    )
    if wrong:
        raise InvalidKeyError(
            f"key `{key[:80]!r}` must be a relative path without `.`, `..`, `\\` and control characters"
        )
    return key


class Backend(ABC):
    """Bytes below one root. `root` is a URL without a slash at its end; keys are relative to it.

    Every method raises InvalidKeyError for a key that would leave the root, ObjectMissingError where an
    object is needed and not there, and BackendUnavailableError when the store cannot be reached.
    """

    root: str

    @abstractmethod
    def check(self) -> None:
        """Return if the root can be reached, else raise BackendUnavailableError."""

    @abstractmethod
    def ensure_root(self) -> None:
        """Make the bucket or folder of the root if it is not there; idempotent."""

    @abstractmethod
    def put_file(
        self, key: str, path: Path, *, media_type: str = "", storage_class: str = ""
    ) -> None:
        """Store the file at `path`, in one piece or none, replacing what was there."""

    @abstractmethod
    def put_stream(
        self, key: str, chunks: Iterable[bytes], *, media_type: str = "", storage_class: str = ""
    ) -> None:
        """Store the concatenation of `chunks`. If the iterable raises, nothing is stored."""

    @abstractmethod
    def get_range(self, key: str, *, start: int, length: int) -> bytes:
        """Up to `length` bytes from offset `start`; fewer at the end of the object, none behind it."""

    @abstractmethod
    def iterate(self, key: str, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
        """The bytes in order. ObjectMissingError is raised by the call, not by the first chunk."""

    @abstractmethod
    def head(self, key: str) -> ObjectInfo:
        """What is known without reading the bytes."""

    @abstractmethod
    def list_page(
        self, prefix: str = "", *, after: str = "", limit: int = PAGE_OBJECTS
    ) -> ObjectPage:
        """At most `limit` objects whose keys start with `prefix` and lie behind `after`."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove the object; a missing one is no error, so that removal can be repeated."""

    def purge(self, key: str) -> None:
        """Remove the object and every version of it that the store keeps; a missing one is no error.

        Raises ObjectLockedError where the store keeps one against removal.
        """
        self.delete(key)

    def is_locked(self, key: str) -> bool:
        """Whether the store keeps the object against removal."""
        del key
        return False

    def put_bytes(
        self, key: str, data: bytes, *, media_type: str = "", storage_class: str = ""
    ) -> None:
        """Store `data`."""
        self.put_stream(key, [data], media_type=media_type, storage_class=storage_class)

    def get_bytes(self, key: str) -> bytes:
        """The whole object, in memory."""
        return b"".join(self.iterate(key))

    def get_file(self, key: str, path: Path) -> None:
        """Write the object to the local `path`, which appears when it is complete."""
        partial = path.with_name(f"{path.name}.partial")
        chunks = self.iterate(key)
        with partial.open("wb") as file:
            file.writelines(chunks)
        os.replace(partial, path)  # noqa: PTH105 - atomic, and says so

    def list_all(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object below `prefix`, a page at a time."""
        after: str | None = ""
        while after is not None:
            page = self.list_page(prefix, after=after)
            yield from page.objects
            after = page.next_after

    def copy_from(
        self, source: "Backend", source_key: str, key: str, *, storage_class: str = ""
    ) -> None:
        """Copy an object of `source` here: on the server where both can, else through this process."""
        self.put_stream(key, source.iterate(source_key), storage_class=storage_class)

    def checksum(self, key: str) -> Checksum:
        """SHA-256 of the bytes as the store gives them back now; memory of one chunk."""
        digest, size = hashlib.sha256(), 0
        for chunk in self.iterate(key):
            digest.update(chunk)
            size += len(chunk)
        return Checksum(sha256=digest.hexdigest(), size=size)

    def exists(self, key: str) -> bool:
        """Whether an object lies under `key`."""
        try:
            self.head(key)
        except ObjectMissingError:
            return False
        return True

    def uri_of(self, key: str) -> str:
        """The URI of `key`."""
        return f"{self.root}/{check_key(key)}"

    def key_of(self, uri: str) -> str:
        """The key of `uri`; OutsideLocationError if it is not below the root."""
        if not uri.startswith(f"{self.root}/"):
            raise OutsideLocationError(f"`{uri}` is not below `{self.root}`")
        return check_key(uri[len(self.root) + 1 :])


__all__ = ["Backend", "Checksum", "ObjectInfo", "ObjectPage", "check_key"]
