"""The data files of tables: one row a file of the current snapshot, with its tier and how often it is read."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from pyiceberg.manifest import DataFile as ManifestFileEntry
from pyiceberg.manifest import DataFileContent
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.transforms import DayTransform, IdentityTransform, TimeTransform
from pyiceberg.types import DateType, IcebergType, TimestampType, TimestamptzType, TimeType
from pyiceberg.utils.datetime import (
    days_to_date,
    micros_to_time,
    micros_to_timestamp,
    micros_to_timestamptz,
)

from catalog.services.versions import count_version
from core.clock import utc_now
from core.errors import UnprocessableError
from storage.models import DataFile, IcebergTable, Tier
from storage.tables.errors import NoSuchTableError
from storage.tables.io import file_io
from storage.tables.locations import check_paths
from storage.tables.metadata import parse_metadata

_BATCH = 2000
_FROM_NUMBER: dict[Any, Any] = {
    DateType: days_to_date,
    TimeType: micros_to_time,
    TimestampType: micros_to_timestamp,
    TimestamptzType: micros_to_timestamptz,
}


class NoTierError(UnprocessableError):
    """A data file lies where no tier is."""

    code = "no-tier"


def sync_table_files(table: IcebergTable) -> int:
    """Make `DataFile` rows equal to the files of the current snapshot; return how many there are.

    Idempotent. Rows of files that stay keep their tier and their reads. A commit that happens meanwhile asks
    for its own run, and this one then changes nothing. Raises NoTierError, InvalidTableError, NoSuchTableError.
    """
    table = _fresh(table)
    rows = {row.path: row for row in _rows_of(table)}
    with transaction.atomic():
        locked = IcebergTable.objects.select_for_update().filter(pk=table.pk).first()
        if locked is None or locked.current_snapshot_id != table.current_snapshot_id:
            return len(rows)
        known = set(DataFile.objects.filter(table=table).values_list("path", flat=True))
        gone = sorted(known - rows.keys())
        for start in range(0, len(gone), _BATCH):
            DataFile.objects.filter(table=table, path__in=gone[start : start + _BATCH]).delete()
        DataFile.objects.bulk_create(
            [row for path, row in rows.items() if path not in known], batch_size=_BATCH
        )
        IcebergTable.objects.filter(pk=table.pk).update(files_snapshot_id=table.current_snapshot_id)
        if table.current_snapshot_id is not None:
            _count(table, rows.values())
    return len(rows)


def _count(table: IcebergTable, rows: Collection[DataFile]) -> None:
    """The manifests count: engines' summaries carry totals forward, and one that began wrong stays wrong."""
    counted = {
        "rows": sum(row.records for row in rows),
        "bytes": sum(row.size for row in rows),
        "files": len(rows),
    }
    count_version(
        dataset=table.dataset, snapshot_id=table.current_snapshot_id or 0, statistics=counted
    )


def record_reads(*, table: IcebergTable, paths: Sequence[str]) -> None:
    """Count one read of each of these files now: the heat that tiering goes by."""
    now = utc_now()
    for start in range(0, len(paths), _BATCH):
        batch = paths[start : start + _BATCH]
        DataFile.objects.filter(table=table, path__in=batch).update(
            reads=F("reads") + 1, last_read_at=now
        )


def partition_values(
    partition: Sequence[Any], spec: PartitionSpec, schema: Schema
) -> dict[str, Any]:
    """A file's partition as JSON: name -> value, dates and times in ISO 8601, months as `2013-06`."""
    values = {}
    for value, field in zip(partition, spec.fields, strict=True):
        source = schema.find_type(field.source_id)
        values[field.name] = _json_value(value, field.transform, source)
    return values


def _fresh(table: IcebergTable) -> IcebergTable:
    fresh = IcebergTable.objects.filter(pk=table.pk).first()
    if fresh is None:
        raise NoSuchTableError("the table is gone")
    return fresh


def _rows_of(table: IcebergTable) -> Iterator[DataFile]:
    metadata = parse_metadata(table.metadata)
    entries = list(_data_files(metadata))
    check_paths(table.location, (entry.file_path for entry in entries))
    tiers = _tiers_by_root()
    specs = metadata.specs()
    # A spec may name fields that later schemas dropped, so types are looked up in all of them.
    schema = _all_fields(metadata)
    for entry in entries:
        yield DataFile(
            table=table,
            path=entry.file_path,
            tier=_tier_of(entry.file_path, tiers),
            size=entry.file_size_in_bytes,
            records=entry.record_count,
            partition=partition_values(_values(entry), specs[entry.spec_id], schema),
        )


def _data_files(metadata: TableMetadata) -> Iterator[ManifestFileEntry]:
    snapshot = metadata.current_snapshot()
    if snapshot is None:
        return
    io = file_io()
    for manifest in snapshot.manifests(io):
        for entry in manifest.fetch_manifest_entry(io, discard_deleted=True):
            if entry.data_file.content == DataFileContent.DATA:
                entry.data_file.spec_id = manifest.partition_spec_id
                yield entry.data_file


def _values(entry: ManifestFileEntry) -> list[Any]:
    return [entry.partition[place] for place in range(len(entry.partition))]


def _all_fields(metadata: TableMetadata) -> Schema:
    newest_last = sorted(metadata.schemas, key=lambda each: each.schema_id)
    return Schema(
        *{field.field_id: field for each in newest_last for field in each.fields}.values()
    )


def _tiers_by_root() -> list[tuple[str, Tier]]:
    """(root, tier), the longest root first and at one root the hottest tier first."""
    tiers: Iterable[Tier] = Tier.objects.select_related("location")
    pairs = [(f"{tier.location.root.rstrip('/')}/", tier) for tier in tiers]
    return sorted(pairs, key=lambda pair: (-len(pair[0]), pair[1].rank))


def _tier_of(path: str, tiers: list[tuple[str, Tier]]) -> Tier:
    for root, tier in tiers:
        if path.startswith(root):
            return tier
    raise NoTierError(f"no tier is at the location of `{path}`")


def _json_value(value: Any, transform: Any, source: IcebergType) -> Any:
    if value is None:
        return None
    if isinstance(transform, DayTransform):
        return _plain(value, DateType())
    if isinstance(transform, TimeTransform):
        return transform.to_human_string(source, value)
    return _plain(value, source if isinstance(transform, IdentityTransform) else None)


def _plain(value: Any, kind: IcebergType | None) -> Any:
    convert = _FROM_NUMBER.get(type(kind)) if isinstance(value, int) else None
    plain = convert(value) if convert else value
    if isinstance(plain, date | datetime) or hasattr(plain, "isoformat"):
        return plain.isoformat()
    if isinstance(plain, bytes):
        return plain.hex()
    return str(plain) if isinstance(plain, Decimal | UUID) else plain
