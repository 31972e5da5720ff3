"""Iceberg tables that sources land in: made when first needed, written as Parquet, appended by fast commits."""

import uuid
from collections.abc import Sequence

import pyarrow as pa
from django.db import transaction
from pyiceberg.exceptions import (
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from identity.models import User
from storage.models import IcebergTable
from storage.tables.catalog import LakewardenCatalog

TABLE_PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.parquet.compression-level": "3",
    "write.parquet.row-group-limit": "131072",
    # a landing commits every few seconds: old manifests are merged, so that planning stays short
    "commit.manifest-merge.enabled": "true",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}


def open_catalog(*, actor: str, owner: User | None = None) -> LakewardenCatalog:
    return LakewardenCatalog(actor=actor, owner=owner)


def find_table(catalog: LakewardenCatalog, identifier: tuple[str, ...]) -> Table | None:
    try:
        return catalog.load_table(identifier)
    except NoSuchTableError:
        return None


def ensure_table(
    catalog: LakewardenCatalog,
    identifier: tuple[str, ...],
    *,
    schema: Schema | pa.Schema,
    partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
) -> Table:
    """Return the table, made with its namespaces if it does not exist; two that race get the same one."""
    found = find_table(catalog, identifier)
    if found is not None:
        return found
    for depth in range(1, len(identifier)):
        try:
            with transaction.atomic():
                catalog.create_namespace(identifier[:depth])
        except NamespaceAlreadyExistsError:
            continue
    try:
        with transaction.atomic():
            return catalog.create_table(
                identifier,
                schema=schema,
                partition_spec=partition_spec,
                properties=TABLE_PROPERTIES,
            )
    except TableAlreadyExistsError:
        return catalog.load_table(identifier)


def write_files(table: Table, rows: pa.Table, *, batch: uuid.UUID) -> list[DataFile]:
    """Write `rows` below the table's location, a file or more a partition; nothing refers to them yet.

    pyiceberg's own writer gives the statistics and partition values that `Table.append` would; a crash
    leaves files that no snapshot names, and that orphan removal finds.
    """
    return list(
        _dataframe_to_data_files(
            table_metadata=table.metadata, df=rows, io=table.io, write_uuid=batch
        )
    )


def append_files(
    table: Table, files: Sequence[DataFile], *, properties: dict[str, str]
) -> int | None:
    """Commit `files` as one snapshot of the newest table, within the caller's transaction; return its id."""
    if not files:
        return None
    with table.transaction() as change:
        snapshot = change.update_snapshot(snapshot_properties=properties)
        with snapshot.fast_append() as append:
            for file in files:
                append.append_data_file(file)
    current = table.current_snapshot()
    return current.snapshot_id if current is not None else None


def load_for_commit(catalog: LakewardenCatalog, identifier: tuple[str, ...]) -> Table:
    """Return the table as it is now, locked to the end of the transaction, so that the commit cannot lose a race."""
    rows = IcebergTable.objects.select_for_update(of=("self",), no_key=True).filter(
        namespace__levels=list(identifier[:-1]), name=identifier[-1]
    )
    list(rows.values_list("pk", flat=True))
    return catalog.load_table(identifier)
