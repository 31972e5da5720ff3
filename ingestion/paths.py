"""Which paths a source may read: below the configured roots, after every link is followed."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from django.conf import settings

from ingestion.errors import PathNotAllowedError
from storage.backends import location_of
from storage.models import CollectionObject
from storage.tables.locations import is_taken

MAX_FILES = 100_000


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


def read_file(path: Path, *, max_bytes: int) -> bytes:
    """Return the file's bytes, refusing links at the moment of opening; raises `PathNotAllowedError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise PathNotAllowedError(f"`{path.name}` cannot be opened: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise PathNotAllowedError(f"`{path.name}` has more than {max_bytes} bytes")
    return data
