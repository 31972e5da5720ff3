"""A folder of this machine (or of a shared file system that is mounted)."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from storage.backends.base import (
    CHUNK_BYTES,
    PAGE_OBJECTS,
    Backend,
    ObjectInfo,
    ObjectPage,
    check_key,
)
from storage.backends.errors import (
    BackendUnavailableError,
    InvalidKeyError,
    ObjectMissingError,
)

# Being written; no key may have it, so that a listing never shows half an object.
PARTIAL_SUFFIX = ".lakewarden-partial"


class LocalBackend(Backend):
    """`root` is `file:///absolute/path`. There are no storage classes: the argument is ignored."""

    def __init__(self, root: str) -> None:
        parts = urlsplit(root)
        if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
            raise InvalidKeyError(f"root `{root}` must look like `file:///folder`")
        self.root = root.rstrip("/")
        self.folder = Path(unquote(parts.path)).resolve()

    def check(self) -> None:
        if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
            raise BackendUnavailableError("the folder of the storage location cannot be used")

    def ensure_root(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def put_file(
        self, key: str, path: Path, *, media_type: str = "", storage_class: str = ""
    ) -> None:
        with path.open("rb") as file:
            chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
            self.put_stream(key, chunks, media_type=media_type, storage_class=storage_class)

    def put_stream(
        self, key: str, chunks: Iterable[bytes], *, media_type: str = "", storage_class: str = ""
    ) -> None:
        del media_type, storage_class
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=path.parent, suffix=PARTIAL_SUFFIX)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)  # noqa: PTH105 - atomic, and says so
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def get_range(self, key: str, *, start: int, length: int) -> bytes:
        with self._open(key) as file:
            file.seek(start)
            return file.read(length)

    def iterate(self, key: str, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
        return _chunks(self._open(key), chunk_bytes)

    def head(self, key: str) -> ObjectInfo:
        path = self._path(key)
        if not path.is_file():
            raise ObjectMissingError("no object lies under this key")
        return _info(key, path)

    def list_page(
        self, prefix: str = "", *, after: str = "", limit: int = PAGE_OBJECTS
    ) -> ObjectPage:
        keys = sorted(key for key in self._keys() if key.startswith(prefix) and key > after)
        shown = [_info(key, self.folder / key) for key in keys[:limit]]
        more = len(keys) > limit
        return ObjectPage(objects=tuple(shown), next_after=shown[-1].key if more else None)

    def delete(self, key: str) -> None:
        path = self._path(key)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync_folder(path.parent)

    def copy_from(
        self, source: Backend, source_key: str, key: str, *, storage_class: str = ""
    ) -> None:
        if isinstance(source, LocalBackend):
            source.head(source_key)
            self.put_file(key, source._path(source_key))  # noqa: SLF001 - its own class
        else:
            super().copy_from(source, source_key, key, storage_class=storage_class)

    def _path(self, key: str) -> Path:
        path = self.folder / check_key(key)
        # A link that somebody put below the root must not lead out of it.
        if key.endswith(PARTIAL_SUFFIX) or not path.resolve().is_relative_to(self.folder):
            raise InvalidKeyError(f"key `{key}` leads out of the location")
        return path

    def _open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise ObjectMissingError("no object lies under this key") from error

    def _keys(self) -> Iterator[str]:
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if not name.endswith(PARTIAL_SUFFIX):
                    yield (Path(folder) / name).relative_to(self.folder).as_posix()


def _chunks(file: BinaryIO, chunk_bytes: int) -> Iterator[bytes]:
    with file:
        while chunk := file.read(chunk_bytes):
            yield chunk


def _info(key: str, path: Path) -> ObjectInfo:
    stat = path.stat()
    return ObjectInfo(
        key=key,
        size=stat.st_size,
        etag=f"{stat.st_mtime_ns:x}-{stat.st_size:x}",
        modified_at=datetime.fromtimestamp(stat.st_mtime, tz=UTC),
    )


def _sync_folder(folder: Path) -> None:
    """Make a new or removed name durable (fsync(2): the file's own sync does not cover it)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
