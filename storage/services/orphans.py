"""Orphans: files below a table's location that nothing names, as a writer that was killed leaves them.

INVARIANT: what is removed was written after the table was made, is older than every running writer, and is named by
no snapshot of the table as it is under the lock that commits take. Source of the safe age: Apache Iceberg,
"Maintenance", "Delete orphan files".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from core import audit
from core.clock import utc_now
from core.errors import InvalidInputError, UnprocessableError
from storage.backends import ObjectInfo, open_location
from storage.models import IcebergTable, Movement, StorageLocation
from storage.services.gate import delete_file
from storage.services.movements import unfinished
from storage.services.writers import oldest_writer
from storage.tables.io import file_io
from storage.tables.locations import relative_path, storage_roots
from storage.tables.metadata import parse_metadata
from storage.tables.references import References

logger = structlog.get_logger(__name__)

DEFAULT_AGE = timedelta(hours=24)
# Longer than any bounded task of the service, and than the token of a pipeline's run.
MIN_AGE = timedelta(hours=2)
# Clocks of workers and of the store differ.
CLOCK_SKEW = timedelta(minutes=5)
FILES_A_LOCK = 200
FOLDERS = ("data/", "metadata/")
# Of one audit record; the rest is counted.
PATHS_RECORDED = 100


class MissingFilesError(UnprocessableError):
    """Snapshots name files that are not found where they say: what else lies there cannot be judged."""

    code = "missing-files"


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """A file that nothing names; `size` is in bytes."""

    uri: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, kw_only=True)
class OrphanReport:
    """What was found; `removed` counts what is gone, 0 for a dry run."""

    orphans: tuple[Orphan, ...]
    removed: int

    @property
    def size(self) -> int:
        return sum(each.size for each in self.orphans)


def sweep_orphans(
    table: IcebergTable,
    *,
    older_than: timedelta = DEFAULT_AGE,
    dry_run: bool = True,
    actor: str = "system",
) -> OrphanReport:
    """Find the table's orphans on every storage location and, unless `dry_run`, remove them, audited.

    Reads every manifest of every readable snapshot once. Raises InvalidInputError for an age below 2 hours,
    MissingFilesError, LegalHoldError, BackendUnavailableError.
    """
    if older_than < MIN_AGE:
        raise InvalidInputError(f"orphans must be at least {MIN_AGE} old to be told from new files")
    table = IcebergTable.objects.select_related("dataset", "namespace").get(pk=table.pk)
    references = References()
    _add(references, table)
    # Listed after the references are known: a file that is committed meanwhile is younger than the cutoff.
    listed = dict(_listed(table))
    if not references.content <= listed.keys():
        raise MissingFilesError(
            f"table `{table}` names files that are not there; nothing is removed"
        )
    # Stores tell times in whole seconds.
    born, cutoff = table.created_at.replace(microsecond=0), _cutoff(older_than)
    orphans = tuple(
        Orphan(uri=uri, size=info.size, modified_at=info.modified_at)
        for uri, info in sorted(listed.items())
        if uri not in references and born <= info.modified_at < cutoff
    )
    orphans = tuple(_not_moving(orphans))
    removed = 0
    for start in range(0, 0 if dry_run else len(orphans), FILES_A_LOCK):
        removed += _remove(table, orphans[start : start + FILES_A_LOCK], references, actor=actor)
    return OrphanReport(orphans=orphans, removed=removed)


def _cutoff(older_than: timedelta) -> datetime:
    """Files from before this moment belong to no writer that runs now."""
    cutoff, oldest = utc_now() - older_than, oldest_writer()
    return cutoff if oldest is None else min(cutoff, oldest - CLOCK_SKEW)


def _add(references: References, table: IcebergTable) -> None:
    references.add(
        parse_metadata(table.metadata), metadata_location=table.metadata_location, io=file_io()
    )
    if table.previous_metadata_location:
        references.documents.add(table.previous_metadata_location)


def _listed(table: IcebergTable) -> Iterator[tuple[str, ObjectInfo]]:
    """Every file in the table's own folders: tiering puts them at the same path of every location."""
    place = relative_path(table.location, storage_roots())
    if place is None:
        return
    for location in StorageLocation.objects.order_by("pk"):
        backend = open_location(location)
        for folder in FOLDERS:
            for info in backend.list_all(f"{place}/{folder}"):
                yield backend.uri_of(info.key), info


def _not_moving(orphans: Sequence[Orphan]) -> Iterator[Orphan]:
    """Without the sources and copies of movements that are not over."""
    movements = Movement.objects.filter(unfinished())
    for start in range(0, len(orphans), FILES_A_LOCK):
        part = orphans[start : start + FILES_A_LOCK]
        uris = [each.uri for each in part]
        busy = set(movements.filter(source_uri__in=uris).values_list("source_uri", flat=True))
        busy |= set(movements.filter(target_uri__in=uris).values_list("target_uri", flat=True))
        yield from (each for each in part if each.uri not in busy)


def _remove(
    table: IcebergTable, orphans: Sequence[Orphan], references: References, *, actor: str
) -> int:
    """Remove what is an orphan still, while no commit can name it."""
    with transaction.atomic():
        locked = IcebergTable.objects.select_for_update(of=("self",)).filter(pk=table.pk).first()
        if locked is None:
            return 0
        _add(references, locked)
        certain = [each for each in _not_moving(orphans) if each.uri not in references]
        for each in certain:
            delete_file(each.uri, dataset=table.dataset)
        audit.record(
            actor=actor,
            action="table.remove_orphans",
            resource=table.dataset.node_id,
            payload={
                "files": len(certain),
                "bytes": sum(each.size for each in certain),
                "paths": [each.uri for each in certain[:PATHS_RECORDED]],
            },
        )
    logger.info("orphans removed", table=str(table), files=len(certain))
    return len(certain)
