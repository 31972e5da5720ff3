"""Landing files: each whole, and the same content under the same name only once."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from core.clock import utc_now
from core.errors import InvalidInputError
from core.ids import uuid7
from governance.policy.types import Principal
from ingestion.config import Config, FilesConfig, KafkaConfig, arrow_schema, read_config
from ingestion.dead_letters import DeadLetter
from ingestion.errors import InvalidSourceError, UploadTooLargeError
from ingestion.formats.base import FormatOptions, Reject
from ingestion.formats.registry import OBJECTS, get_tabular
from ingestion.lineage import DatasetName, file_dataset
from ingestion.models import IngestedFile, LandingBatch, Source
from ingestion.paths import check_prefix, list_files, read_file, resolve_folder
from ingestion.services.commits import Landing, commit_landing, prepare_dead_letters
from ingestion.services.kafka_landing import LandingOutcome, lease_name
from ingestion.services.leases import (
    DEFAULT_SECONDS,
    HeldLease,
    prove_lease,
    release_lease,
    take_lease,
)
from ingestion.services.object_landing import land_object
from ingestion.services.sources import require_source
from ingestion.services.targets import declare_input, ensure_target
from ingestion.tables import write_files
from storage.backends import location_of, open_location

MAX_NAME = 1000


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """One input: `name` below the source's root, `uri` for lineage."""

    name: str
    uri: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def land_files(
    source: Source, *, budget_seconds: float = 60.0, lease_seconds: float = 60.0
) -> LandingOutcome:
    """Land every file of the source's folder or prefix that has not landed yet; each is a commit of its own.

    Raises `LeaseHeldError`, `LeaseLostError`, `PathNotAllowedError`.
    """
    config = read_config(source.kind, source.config)
    if not isinstance(config, FilesConfig):
        raise InvalidSourceError(f"source `{source.name}` has no folder")
    deadline = utc_now().timestamp() + budget_seconds
    landed = rejected = batches = 0
    lease = take_lease(lease_name(source), seconds=lease_seconds)
    try:
        for file in _arrived(source, config):
            batch = _land_file(source, file, config=config, lease=lease)
            landed += batch.landed
            rejected += batch.rejected
            batches += 1
            if utc_now().timestamp() > deadline:
                return LandingOutcome(landed, rejected, batches, caught_up=False)
    finally:
        release_lease(lease)
    return LandingOutcome(landed, rejected, batches, caught_up=True)


def ingest_upload(
    source: Source, *, filename: str, stream: BinaryIO, principal: Principal
) -> LandingBatch:
    """Land one uploaded file and return its batch; the same content under the same name returns the first one's.

    Raises `UploadTooLargeError` past `LAKEWARDEN_MAX_UPLOAD_BYTES`, `PermissionDeniedError`, `LeaseHeldError`.
    """
    require_source(principal, source, writes=True)
    config = read_config(source.kind, source.config)
    if isinstance(config, KafkaConfig):
        raise InvalidSourceError(f"source `{source.name}` takes no files")
    limit = settings.LAKEWARDEN.max_upload_bytes
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise UploadTooLargeError(f"an upload has at most {limit} bytes", limit=limit)
    name = check_filename(filename)
    file = ArrivedFile(name, f"upload:///{source.name}/{name}", data)
    known = _known(source, file)
    if known is not None:
        return known.batch
    lease = take_lease(lease_name(source), seconds=DEFAULT_SECONDS)
    try:
        return _land_file(source, file, config=config, lease=lease)
    finally:
        release_lease(lease)


def check_filename(name: str) -> str:
    """Return `name` if it is a relative path without `..`, else raise `InvalidInputError`."""
    path = PurePosixPath(name)
    bad = not name or len(name) > MAX_NAME or path.is_absolute() or ".." in path.parts
    if bad or not name.isprintable() or "\\" in name or name != path.as_posix():
        raise InvalidInputError("a file name is a plain relative path", pointer="/filename")
    return name


def _known(source: Source, file: ArrivedFile) -> IngestedFile | None:
    return (
        IngestedFile.objects.select_related("batch")
        .filter(source=source, name=file.name, sha256=file.sha256)
        .first()
    )


def _arrived(source: Source, config: FilesConfig) -> Iterator[ArrivedFile]:
    """Yield what is new, in the order of names."""
    files = _from_store(config) if config.path.startswith("s3://") else _from_folder(config)
    for file in files:
        if _known(source, file) is None:
            yield file


def _from_folder(config: FilesConfig) -> Iterator[ArrivedFile]:
    folder = resolve_folder(config.path)
    limit = settings.LAKEWARDEN.max_upload_bytes
    for name, path in list_files(folder, pattern=config.pattern):
        yield ArrivedFile(name, str(path), read_file(path, max_bytes=limit))


def _from_store(config: FilesConfig) -> Iterator[ArrivedFile]:
    check_prefix(config.path)  # again: a table may have been made there since
    location, folder = location_of(config.path.rstrip("/"))
    backend, prefix = open_location(location), f"{folder}/"
    for info in backend.list_all(prefix):
        name = info.key.removeprefix(prefix)
        if PurePosixPath(name).match(config.pattern):
            yield ArrivedFile(name, backend.uri_of(info.key), backend.get_bytes(info.key))


def _origin(file: ArrivedFile, config: Config) -> DatasetName:
    """Name the input: the one file that the pattern names, else the folder.

    A folder of a thousand files is one input, and its lineage stays when the next file comes.
    """
    parts = urlsplit(file.uri)
    if not isinstance(config, FilesConfig):
        return DatasetName("upload", parts.path.strip("/").partition("/")[0])
    names_one = not set("*?[") & set(config.pattern)
    return file_dataset(file.uri if names_one else config.path.rstrip("/"))


def _land_file(
    source: Source, file: ArrivedFile, *, config: Config, lease: HeldLease
) -> LandingBatch:
    started_at = utc_now()
    origin = _origin(file, config)
    options = config.options.as_format_options(max_bytes=settings.LAKEWARDEN.max_upload_bytes)
    if source.format in OBJECTS:
        declare_input(source, origin, kind="fileset")
        batch = land_object(
            source,
            name=file.name,
            data=file.data,
            sha256=file.sha256,
            origin=origin,
            options=options,
            started_at=started_at,
            lease=lease,
        )
    else:
        batch = _land_table(
            source, file, origin=origin, options=options, started_at=started_at, lease=lease
        )
    return batch


def _land_table(
    source: Source,
    file: ArrivedFile,
    *,
    origin: DatasetName,
    options: FormatOptions,
    started_at: datetime,
    lease: HeldLease,
) -> LandingBatch:
    tabular = get_tabular(source.format)
    table = ensure_target(source, sample=lambda: tabular.infer_schema(file.data, options=options))
    declare_input(source, origin, kind="fileset", table=table)
    parsed = tabular.read_document(file.data, schema=arrow_schema(table.schema()), options=options)
    landing = Landing(
        source=source,
        batch=uuid7(),
        started_at=started_at,
        inputs=[origin],
        rows=parsed.rows.num_rows,
        size=len(file.data),
        copied=[column.name for column in table.schema().fields],
        fencing_token=lease.token,
    )
    if parsed.rows.num_rows:
        landing.files = write_files(table, parsed.rows, batch=landing.batch)
    prepare_dead_letters(landing, [as_letter(reject, file.name) for reject in parsed.rejects])
    with transaction.atomic():
        prove_lease(lease)
        batch = commit_landing(landing)
        record_file(source, file.name, file.sha256, batch=batch)
    return batch


def as_letter(reject: Reject, path: str) -> DeadLetter:
    return DeadLetter(
        position=reject.position,
        reason=reject.reason.value,
        message=reject.message,
        original=reject.original,
        path=path,
    )


def record_file(source: Source, name: str, sha256: str, *, batch: LandingBatch) -> None:
    """Remember the file in the transaction that lands it: its unique key is what makes a second landing fail."""
    IngestedFile.objects.create(
        source=source,
        batch=batch,
        name=name,
        sha256=sha256,
        size=batch.size,
        landed=batch.landed,
        rejected=batch.rejected,
    )
