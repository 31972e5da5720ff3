"""What waits in a source's folder or prefix: listed whole, read only where it looks other than what landed."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path, PurePosixPath

from django.conf import settings

from ingestion.config import FilesConfig
from ingestion.models import IngestedFile, LandingBatch, Source
from ingestion.paths import check_prefix, list_files, read_stable, resolve_folder, stamp_of
from storage.backends import Backend, location_of, open_location

LISTED_A_QUERY = 500


@dataclass(frozen=True)
class ArrivedFile:
    """One input: `name` below the source's root, `uri` for lineage; `stamp` is how it looked when it was read.

    An empty stamp vouches for nothing: the file is read again by the next sweep.
    """

    name: str
    uri: str
    data: bytes
    stamp: str = ""

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class _Listed:
    name: str
    stamp: str
    # None: it changes while it is read, and is left to the next sweep.
    read: Callable[[], ArrivedFile | None]


def new_files(source: Source, config: FilesConfig) -> Iterator[ArrivedFile]:
    """Yield, in the order of names, what has not landed yet; a file that looks as it did when it landed is not read.

    Raises `PathNotAllowedError`, `BackendUnavailableError`.
    """
    listed = _in_store(config) if config.path.startswith("s3://") else _in_folder(config)
    while chunk := list(islice(listed, LISTED_A_QUERY)):
        landed = _landed(source, chunk)
        for each in chunk:
            if (each.name, each.stamp) in landed:
                continue
            file = each.read()
            if file is not None and not _is_known(source, file):
                yield file


def find_landed(source: Source, file: ArrivedFile) -> IngestedFile | None:
    """The landing of the same content under the same name."""
    return (
        IngestedFile.objects.select_related("batch")
        .filter(source=source, name=file.name, sha256=file.sha256)
        .first()
    )


def remember_file(
    source: Source, file: ArrivedFile, *, batch: LandingBatch, landed: int, rejected: int
) -> None:
    """Remember the file in the transaction that lands it: its unique key is what makes a second landing fail."""
    IngestedFile.objects.create(
        source=source,
        batch=batch,
        name=file.name,
        sha256=file.sha256,
        stamp=file.stamp,
        size=len(file.data),
        landed=landed,
        rejected=rejected,
    )


def _landed(source: Source, chunk: Iterable[_Listed]) -> set[tuple[str, str]]:
    rows = IngestedFile.objects.filter(source=source, name__in=[each.name for each in chunk])
    return set(rows.exclude(stamp="").values_list("name", "stamp"))


def _is_known(source: Source, file: ArrivedFile) -> bool:
    """Whether the content landed before; if so its new looks are remembered."""
    landed = find_landed(source, file)
    if landed is not None and landed.stamp != file.stamp:
        IngestedFile.objects.filter(pk=landed.pk).update(stamp=file.stamp)
    return landed is not None


def _in_folder(config: FilesConfig) -> Iterator[_Listed]:
    folder = resolve_folder(config.path)
    for name, path in list_files(folder, pattern=config.pattern):
        try:
            stamp = stamp_of(path.lstat())
        except FileNotFoundError:  # gone since it was listed
            continue
        yield _Listed(name=name, stamp=stamp, read=partial(_read_path, name, path))


def _read_path(name: str, path: Path) -> ArrivedFile | None:
    found = read_stable(path, max_bytes=settings.LAKEWARDEN.max_upload_bytes)
    return None if found is None else ArrivedFile(name, str(path), found.data, found.stamp)


def _in_store(config: FilesConfig) -> Iterator[_Listed]:
    check_prefix(config.path)  # again: a table may have been made there since
    location, folder = location_of(config.path.rstrip("/"))
    backend, prefix = open_location(location), f"{folder}/"
    for info in backend.list_all(prefix):
        name = info.key.removeprefix(prefix)
        if PurePosixPath(name).match(config.pattern):
            # The stamp is of the listing: what is replaced before it is read looks new to the next sweep.
            stamp = f"{info.size}-{info.etag}"
            read = partial(_read_object, name, backend, info.key, stamp)
            yield _Listed(name=name, stamp=stamp, read=read)


def _read_object(name: str, backend: Backend, key: str, stamp: str) -> ArrivedFile:
    return ArrivedFile(name, backend.uri_of(key), backend.get_bytes(key), stamp)
