"""Which paths a source may read: below the configured roots, after every link is followed."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.conf import settings

from ingestion.errors import PathNotAllowedError
from storage.backends import location_of
from storage.models import CollectionObject
from storage.tables.locations import is_taken

MAX_FILES = 100_000
# Within one tick of a file system's clock a file may change without looking changed; ticks last up to 2 s (FAT).
SETTLED_SECONDS = 2.0


def check_folder(path: str) -> None:
    """Raise `PathNotAllowedError` unless `path` is a free S3 prefix or a folder below an ingest root."""
    if path.startswith("s3://"):
        check_prefix(path)
    else:
        resolve_folder(path)


def check_prefix(path: str) -> None:
    """Raise `PathNotAllowedError` unless `path` lies below a storage location, apart from every dataset.

    INVARIANT: the service's own credentials never read a governed dataset's bytes for a source; that would be a
    way around the decision.
    """
    plain = path.rstrip("/")
    location_of(plain)
    if is_taken(plain) or CollectionObject.objects.filter(uri__startswith=f"{plain}/").exists():
        raise PathNotAllowedError(f"`{path}` holds the files of a dataset")


def resolve_folder(path: str) -> Path:
    """Return the real folder; raises `PathNotAllowedError` outside the roots, in the same words for what is missing."""
    folder = Path(path).resolve()
    roots = [root.resolve() for root in settings.LAKEWARDEN.ingest_roots]
    if not any(folder == root or folder.is_relative_to(root) for root in roots):
        raise PathNotAllowedError(f"`{path}` is not below a folder that sources may read")
    return folder


def list_files(folder: Path, *, pattern: str) -> Iterator[tuple[str, Path]]:
    """Yield (name below the folder, path) of regular files that match, in order of name.

    INVARIANT: links are not followed, neither of folders nor of files: a link could lead out of the root.
    """
    found = []
    for parent, _, names in os.walk(folder, followlinks=False):
        for name in names:
            path = Path(parent) / name
            relative = path.relative_to(folder).as_posix()
            if PurePosixPath(relative).match(pattern) and _is_plain(path):
                found.append((relative, path))
        if len(found) > MAX_FILES:
            raise PathNotAllowedError(f"more than {MAX_FILES} files below `{folder.name}`")
    yield from sorted(found)


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file's bytes, and how it looked meanwhile; `stamp` is empty where its looks prove nothing."""

    data: bytes
    stamp: str


def read_stable(path: Path, *, max_bytes: int) -> ReadFile | None:
    """Return the file as it stands, or None while somebody writes it or once it is gone.

    Links are refused at the moment of opening. Raises `PathNotAllowedError`, also above `max_bytes`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PathNotAllowedError(f"`{path.name}` cannot be opened: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        data = file.read(max_bytes + 1)
        after = os.fstat(descriptor)
    if len(data) > max_bytes:
        raise PathNotAllowedError(f"`{path.name}` has more than {max_bytes} bytes")
    if stamp_of(before) != stamp_of(after) or len(data) != after.st_size:
        return None
    is_settled = max(after.st_mtime, after.st_ctime) < time.time() - SETTLED_SECONDS
    return ReadFile(data=data, stamp=stamp_of(after) if is_settled else "")


def stamp_of(status: os.stat_result) -> str:
    """How a file looks from outside: size, time of its content and time of its last change of any kind.

    The last one cannot be set by a program, so content of the same size under a restored time is noticed.
    """
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"
