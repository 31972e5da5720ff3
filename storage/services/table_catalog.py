"""What a table's changes mean for the catalog: its dataset, versions, other names and owners."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Operation, Snapshot

from catalog.models import Dataset
from catalog.services.datasets import (
    add_owner,
    add_symlink,
    delete_dataset,
    ensure_dataset,
    record_version,
)
from catalog.services.search import refresh_search_text
from core import audit
from identity.models import User
from storage.models import IcebergTable
from storage.services.namespaces import domain_of
from storage.tables.names import DATASET_NAMESPACE, dotted
from storage.tables.schema import catalog_fields

LOCATION_LINK = "LOCATION"
TABLE_LINK = "TABLE"
# Iceberg specification, "Snapshots": optional summary fields.
_SUMMARY = {"rows": "total-records", "bytes": "total-files-size", "files": "total-data-files"}


def adopt_dataset(identifier: Sequence[str], *, owner: User | None, actor: str) -> Dataset:
    """The dataset of a new table, alive, in its namespace's domain, and owned by `owner` if it is new."""
    name = dotted(identifier)
    is_known = Dataset.objects.filter(namespace=DATASET_NAMESPACE, name=name).exists()
    dataset = ensure_dataset(
        namespace=DATASET_NAMESPACE,
        name=name,
        kind="table",
        domain=domain_of(identifier[:-1]),
        actor=actor,
    )
    if owner is not None and not is_known:
        add_owner(dataset, owner=owner, actor=actor)
    return dataset


def record_commit(
    table: IcebergTable, *, base: TableMetadata | None, metadata: TableMetadata, actor: str
) -> None:
    """Record the new version, the names that engines use for the table, and who committed."""
    snapshot = metadata.current_snapshot()
    record_version(
        dataset=table.dataset,
        schema=catalog_fields(metadata.schema()),
        snapshot_id=metadata.current_snapshot_id,
        statistics=snapshot_statistics(snapshot),
        lifecycle=_lifecycle(base, metadata),
        actor=actor,
    )
    if base is None or base.location != metadata.location:
        link_names(table, actor=actor)
    audit.record(
        actor=actor,
        action="table.create" if base is None else "table.commit",
        resource=table.dataset.node_id,
        payload={
            "snapshot_id": metadata.current_snapshot_id,
            "metadata_location": table.metadata_location,
            "operation": _operation(snapshot),
        },
    )


def link_names(table: IcebergTable, *, actor: str) -> None:
    """Register the names by which lineage events speak of the table: its path, and Spark's catalog name."""
    scheme, _, rest = table.location.partition("://")
    bucket, _, path = rest.partition("/")
    catalog_url = f"{settings.LAKEWARDEN.url.geturl().rstrip('/')}/iceberg"
    names = [
        (f"{scheme}://{bucket}", path, LOCATION_LINK),
        (catalog_url, str(table), TABLE_LINK),
    ]
    for namespace, name, kind in names:
        add_symlink(table.dataset, namespace=namespace, name=name, type=kind, actor=actor)


def rename_dataset(table: IcebergTable, *, actor: str) -> None:
    """Carry a table's new name to its dataset; a dropped dataset of that name steps aside."""
    dataset, name = table.dataset, str(table)
    former = Dataset.objects.filter(namespace=DATASET_NAMESPACE, name=name).first()
    if former is not None:
        former.name = f"{name}~{former.uuid}"
        former.save(update_fields=["name", "updated_at"])
    dataset.name = name
    dataset.save(update_fields=["name", "updated_at"])
    # A later table of the old name is another dataset: events that name it must not reach this one.
    dataset.symlinks.filter(type=TABLE_LINK).delete()
    link_names(table, actor=actor)
    refresh_search_text([dataset.pk])


def retire_dataset(table: IcebergTable, *, actor: str) -> None:
    """Mark the dataset of a dropped table as deleted; its history stays, its other names become free."""
    table.dataset.symlinks.all().delete()
    delete_dataset(table.dataset, actor=actor)


def snapshot_statistics(snapshot: Snapshot | None) -> dict[str, int]:
    """Rows, bytes and files of a snapshot, as far as its summary tells; zeros where there is none."""
    if snapshot is None or snapshot.summary is None:
        return dict.fromkeys(_SUMMARY, 0)
    summary = snapshot.summary.additional_properties
    return {name: int(summary[key]) for name, key in _SUMMARY.items() if key in summary}


def _operation(snapshot: Snapshot | None) -> str | None:
    summary = snapshot.summary if snapshot else None
    return summary.operation.value if summary else None


def _lifecycle(base: TableMetadata | None, metadata: TableMetadata) -> str:
    """OpenLineage's `lifecycleStateChange` of a commit, empty for an append."""
    if base is None:
        return "CREATE"
    if base.current_schema_id != metadata.current_schema_id:
        return "ALTER"
    operation: Any = _operation(metadata.current_snapshot())
    return "OVERWRITE" if operation == Operation.OVERWRITE.value else ""
