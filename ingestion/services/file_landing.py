"""Landing files: each whole, and the same content under the same name only once."""

from collections.abc import Iterator, Sequence
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
from ingestion.dead_letters import as_letter
from ingestion.errors import InvalidSourceError, UploadTooLargeError
from ingestion.formats.base import FormatOptions
from ingestion.formats.registry import OBJECTS, get_tabular
from ingestion.lineage import DatasetName, file_dataset
from ingestion.models import LandingBatch, Source
from ingestion.services.arrivals import ArrivedFile, find_landed, new_files, remember_file
from ingestion.services.commits import Landing, commit_landing, prepare_dead_letters
from ingestion.services.kafka_landing import LandingOutcome, lease_name
from ingestion.services.leases import (
    DEFAULT_SECONDS,
    HeldLease,
    keep_lease,
    prove_lease,
    release_lease,
    take_lease,
)
from ingestion.services.object_landing import land_objects
from ingestion.services.sources import require_source
from ingestion.services.targets import declare_input, ensure_target
from ingestion.tables import write_files
from storage.services.collections import record_owed_version

MAX_NAME = 1000
MAX_BATCH_OBJECTS = 100
MAX_BATCH_BYTES = 32 << 20


def land_files(
    source: Source, *, budget_seconds: float = 60.0, lease_seconds: float = 60.0
) -> LandingOutcome:
    """Land every file of the source's folder or prefix that has not landed yet, for about `budget_seconds`.

    A table's file is a commit of its own; objects land in batches, and what one call lands is one version of their
    collection. Raises `LeaseHeldError`, `LeaseLostError`, `PathNotAllowedError`, `BackendUnavailableError`.
    """
    config = read_config(source.kind, source.config)
    if not isinstance(config, FilesConfig):
        raise InvalidSourceError(f"source `{source.name}` has no folder")
    lease = take_lease(lease_name(source), seconds=lease_seconds)
    try:
        with keep_lease(lease):
            outcome = _land_new(source, config, lease=lease, budget_seconds=budget_seconds)
            if outcome.landed and source.format in OBJECTS and source.dataset is not None:
                record_owed_version(source.dataset)
    finally:
        release_lease(lease)
    return outcome


def _land_new(
    source: Source, config: FilesConfig, *, lease: HeldLease, budget_seconds: float
) -> LandingOutcome:
    deadline = utc_now().timestamp() + budget_seconds
    landed = rejected = batches = 0
    for files in _batches(source, new_files(source, config)):
        batch = _land_batch(source, files, config=config, lease=lease)
        landed += batch.landed
        rejected += batch.rejected
        batches += 1
        if utc_now().timestamp() > deadline:
            return LandingOutcome(landed, rejected, batches, caught_up=False)
    return LandingOutcome(landed, rejected, batches, caught_up=True)


def _batches(source: Source, files: Iterator[ArrivedFile]) -> Iterator[list[ArrivedFile]]:
    """Objects by the hundred, held in memory together; tables' files one by one."""
    if source.format not in OBJECTS:
        yield from ([file] for file in files)
        return
    batch: list[ArrivedFile] = []
    size = 0
    for file in files:
        if batch and (len(batch) == MAX_BATCH_OBJECTS or size + len(file.data) > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += len(file.data)
    if batch:
        yield batch


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
    landed = find_landed(source, file)
    if landed is not None:
        return landed.batch
    lease = take_lease(lease_name(source), seconds=DEFAULT_SECONDS)
    try:
        return _land_batch(source, [file], config=config, lease=lease)
    finally:
        release_lease(lease)


def check_filename(name: str) -> str:
    """Return `name` if it is a relative path without `..`, else raise `InvalidInputError`."""
    path = PurePosixPath(name)
    bad = not name or len(name) > MAX_NAME or path.is_absolute() or ".." in path.parts
    if bad or not name.isprintable() or "\\" in name or name != path.as_posix():
        raise InvalidInputError("a file name is a plain relative path", pointer="/filename")
    return name


def _origin(file: ArrivedFile, config: Config) -> DatasetName:
    """Name the input: the one file that the pattern names, else the folder.

    A folder of a thousand files is one input, and its lineage stays when the next file comes.
    """
    parts = urlsplit(file.uri)
    if not isinstance(config, FilesConfig):
        return DatasetName("upload", parts.path.strip("/").partition("/")[0])
    names_one = not set("*?[") & set(config.pattern)
    return file_dataset(file.uri if names_one else config.path.rstrip("/"))


def _land_batch(
    source: Source, files: Sequence[ArrivedFile], *, config: Config, lease: HeldLease
) -> LandingBatch:
    started_at = utc_now()
    origin = _origin(files[0], config)
    options = config.options.as_format_options(max_bytes=settings.LAKEWARDEN.max_upload_bytes)
    if source.format not in OBJECTS:
        return _land_table(
            source, files[0], origin=origin, options=options, started_at=started_at, lease=lease
        )
    declare_input(source, origin, kind="fileset")
    return land_objects(
        source, files, origin=origin, options=options, started_at=started_at, lease=lease
    )


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
        remember_file(source, file, batch=batch, landed=batch.landed, rejected=batch.rejected)
    return batch
