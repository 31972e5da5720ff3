"""Writes to Iceberg tables.

INVARIANT: the metadata document is durable in the store before the row points at it, and the pointer, the
dataset's version, its audit record and whatever else the caller's transaction holds commit together or not at
all. A document whose transaction failed is an orphan that nothing points at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    AssertCreate,
    RemoveSnapshotsUpdate,
    TableRequirement,
    TableUpdate,
)

from catalog.models import Dataset
from core import audit
from core.ids import uuid7
from core.jobs import enqueue
from identity.models import User
from storage.models import IcebergNamespace, IcebergTable
from storage.services.gate import require_deletable
from storage.services.journal import lock_table_movements, settle_movements
from storage.services.namespaces import LOCATION_PROPERTY, get_namespace
from storage.services.table_catalog import (
    adopt_dataset,
    record_commit,
    rename_dataset,
    retire_dataset,
)
from storage.tables.errors import AlreadyExistsError, InvalidTableError, NoSuchTableError
from storage.tables.io import file_io
from storage.tables.locations import (
    check_location,
    check_paths,
    check_write_paths,
    default_location,
    is_taken,
)
from storage.tables.metadata import (
    apply_updates,
    build_metadata,
    check_requirements,
    dump_metadata,
    metadata_file_path,
    parse_metadata,
    read_metadata,
    write_metadata,
)
from storage.tables.names import Identifier, dotted, split_identifier

SYNC_TASK = "storage.sync_table_files"
# Creating tables is rare and checks paths against each other, so it happens one at a time.
_CREATE_LOCK = 0x1CEB_0001


@dataclass(frozen=True, slots=True)
class TableChange:
    """One table's part of a commit."""

    identifier: Identifier
    requirements: tuple[TableRequirement, ...]
    updates: tuple[TableUpdate, ...]


def stage_table(
    *,
    identifier: Sequence[str],
    schema: Schema,
    partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
    sort_order: SortOrder = UNSORTED_SORT_ORDER,
    location: str | None = None,
    properties: dict[str, str] | None = None,
) -> TableMetadata:
    """The metadata that a table would begin with; nothing is written.

    Raises NoSuchNamespaceError, AlreadyExistsError, InvalidTableError, UnsupportedTableError.
    """
    levels, name = split_identifier(identifier)
    namespace = get_namespace(levels)
    _check_absent(namespace, name)
    place = check_location(location) if location else _free_location(namespace, identifier)
    check_write_paths(place, properties or {})
    return build_metadata(
        schema=schema,
        partition_spec=partition_spec,
        sort_order=sort_order,
        location=place,
        properties=dict(properties or {}),
    )


def create_table(
    *,
    identifier: Sequence[str],
    schema: Schema,
    partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
    sort_order: SortOrder = UNSORTED_SORT_ORDER,
    location: str | None = None,
    properties: dict[str, str] | None = None,
    actor: str = "system",
    owner: User | None = None,
) -> IcebergTable:
    """Create a table, its dataset in the namespace's domain, and make `owner` its owner.

    Raises NoSuchNamespaceError, AlreadyExistsError, InvalidTableError, UnsupportedTableError.
    """
    with transaction.atomic():
        _lock_creation()
        metadata = stage_table(
            identifier=identifier,
            schema=schema,
            partition_spec=partition_spec,
            sort_order=sort_order,
            location=location,
            properties=properties,
        )
        return _insert_table(identifier, metadata, actor=actor, owner=owner)


def register_table(
    *,
    identifier: Sequence[str],
    metadata_location: str,
    actor: str = "system",
    owner: User | None = None,
) -> IcebergTable:
    """Adopt a table whose files and metadata document exist below a storage location.

    Raises NoSuchNamespaceError, AlreadyExistsError, InvalidTableError, UnsupportedTableError.
    """
    levels, name = split_identifier(identifier)
    with transaction.atomic():
        _lock_creation()
        _check_absent(get_namespace(levels), name)
        # The path is checked before anything is read from it, and again by what the document says.
        check_location(metadata_location)
        metadata = read_metadata(file_io(), metadata_location)
        check_location(metadata.location)
        check_paths(metadata.location, [metadata_location, *_manifest_lists(metadata)])
        return _insert_table(
            identifier, metadata, metadata_location=metadata_location, actor=actor, owner=owner
        )


def commit_table(
    *,
    identifier: Sequence[str],
    requirements: Sequence[TableRequirement],
    updates: Sequence[TableUpdate],
    actor: str = "system",
    owner: User | None = None,
) -> IcebergTable:
    """Apply `updates` if all `requirements` hold, in the caller's transaction or one of its own.

    A table that does not exist is created where a requirement is `assert-create`. Raises CommitFailedError
    where a requirement fails, NoSuchTableError, InvalidTableError, UnsupportedTableError.
    """
    with transaction.atomic():
        table = find_table(identifier, lock=True)
        if table is None:
            return _commit_creation(identifier, requirements, updates, actor=actor, owner=owner)
        base = parse_metadata(table.metadata)
        check_requirements(base, requirements)
        if any(isinstance(each, RemoveSnapshotsUpdate) for each in updates):
            require_deletable(table.dataset)
        metadata = apply_updates(base, updates, metadata_location=table.metadata_location)
        if metadata == base:
            return table
        _check_change(table, base, metadata, updates)
        _move_pointer(table, metadata)
        record_commit(table, base=base, metadata=metadata, actor=actor)
        enqueue(SYNC_TASK, queue="default", table_id=table.pk)
    return table


def commit_tables(
    *, changes: Sequence[TableChange], actor: str = "system", owner: User | None = None
) -> list[IcebergTable]:
    """Commit to several tables in one transaction: all or none. Errors are those of `commit_table`."""
    if len({change.identifier for change in changes}) != len(changes):
        raise InvalidTableError("a table may be named once in a transaction")
    with transaction.atomic():
        # Locks are taken in one order by everybody, so that two transactions never wait for each other.
        return [
            commit_table(
                identifier=change.identifier,
                requirements=change.requirements,
                updates=change.updates,
                actor=actor,
                owner=owner,
            )
            for change in sorted(changes, key=lambda each: each.identifier)
        ]


def rename_table(
    *, source: Sequence[str], destination: Sequence[str], actor: str = "system"
) -> IcebergTable:
    """Give a table another name; its dataset, grants, history and files stay.

    Raises NoSuchTableError, NoSuchNamespaceError, AlreadyExistsError.
    """
    levels, name = split_identifier(destination)
    with transaction.atomic():
        _lock_creation()
        table = get_table(source, lock=True)
        namespace = get_namespace(levels, lock=True)
        _check_absent(namespace, name)
        table.namespace, table.name = namespace, name
        table.save(update_fields=["namespace", "name", "updated_at"])
        rename_dataset(table, actor=actor)
        audit.record(
            actor=actor,
            action="table.rename",
            resource=table.dataset.node_id,
            payload={"from": dotted(source), "to": dotted(destination)},
        )
    return table


def drop_table(*, identifier: Sequence[str], purge: bool = False, actor: str = "system") -> None:
    """Take a table out of the catalog. Its files stay: removing bytes is retention's work, also for `purge`.

    The audit record names the last metadata document, so that the table can be registered again. Movements under
    way end with it: what was not switched is rolled back, what was is finished (`settle_movements`).
    """
    with transaction.atomic():
        lock_table_movements(get_table(identifier))
        table = get_table(identifier, lock=True)
        require_deletable(table.dataset)
        # None is planned any more, now that the table's row is locked; one that came between is found here.
        expiring = settle_movements(table, lock_table_movements(table))
        if expiring:
            expire = RemoveSnapshotsUpdate.model_validate({"snapshot-ids": expiring})
            table = commit_table(
                identifier=identifier, requirements=(), updates=(expire,), actor=actor
            )
        audit.record(
            actor=actor,
            action="table.drop",
            resource=table.dataset.node_id,
            payload={"metadata_location": table.metadata_location, "purge_requested": purge},
        )
        retire_dataset(table, actor=actor)
        table.delete()


def find_table(identifier: Sequence[str], *, lock: bool = False) -> IcebergTable | None:
    """The table of this name or None; `lock` holds its row until the transaction ends."""
    *levels, name = identifier
    found = IcebergTable.objects.select_related("namespace", "dataset").filter(
        namespace__levels=levels, name=name
    )
    if lock:
        found = found.select_for_update(of=("self",))
    return found.first()


def get_table(identifier: Sequence[str], *, lock: bool = False) -> IcebergTable:
    """The table of this name, or NoSuchTableError."""
    table = find_table(identifier, lock=lock)
    if table is None:
        raise NoSuchTableError(f"table `{dotted(identifier)}` does not exist")
    return table


def _commit_creation(
    identifier: Sequence[str],
    requirements: Sequence[TableRequirement],
    updates: Sequence[TableUpdate],
    *,
    actor: str,
    owner: User | None,
) -> IcebergTable:
    if not any(isinstance(requirement, AssertCreate) for requirement in requirements):
        raise NoSuchTableError(f"table `{dotted(identifier)}` does not exist")
    levels, _ = split_identifier(identifier)
    _lock_creation()
    # Whoever created it first is seen now that nobody else creates.
    existing = find_table(identifier, lock=True)
    check_requirements(parse_metadata(existing.metadata) if existing else None, requirements)
    get_namespace(levels, lock=True)
    metadata = apply_updates(None, updates)
    check_location(metadata.location)
    check_write_paths(metadata.location, metadata.properties)
    check_paths(metadata.location, _manifest_lists(metadata))
    return _insert_table(identifier, metadata, actor=actor, owner=owner)


def _insert_table(
    identifier: Sequence[str],
    metadata: TableMetadata,
    *,
    actor: str,
    owner: User | None,
    metadata_location: str | None = None,
) -> IcebergTable:
    path = metadata_location or metadata_file_path(metadata.location, 0)
    if metadata_location is None:
        write_metadata(file_io(), metadata, path)
    levels, name = split_identifier(identifier)
    table = IcebergTable.objects.create(
        dataset=adopt_dataset(identifier, owner=owner, actor=actor),
        namespace=get_namespace(levels, lock=True),
        name=name,
        table_uuid=metadata.table_uuid,
        location=metadata.location,
        metadata_location=path,
        metadata=dump_metadata(metadata),
        current_snapshot_id=metadata.current_snapshot_id,
    )
    record_commit(table, base=None, metadata=metadata, actor=actor)
    if metadata.current_snapshot_id is not None:
        enqueue(SYNC_TASK, queue="default", table_id=table.pk)
    return table


def _move_pointer(table: IcebergTable, metadata: TableMetadata) -> None:
    path = metadata_file_path(metadata.location, table.commits + 1)
    write_metadata(file_io(), metadata, path)
    table.previous_metadata_location = table.metadata_location
    table.metadata_location = path
    table.metadata = dump_metadata(metadata)
    table.location = metadata.location
    table.current_snapshot_id = metadata.current_snapshot_id
    table.commits += 1
    table.save()


def _check_change(
    table: IcebergTable,
    base: TableMetadata,
    metadata: TableMetadata,
    updates: Sequence[TableUpdate],
) -> None:
    if metadata.table_uuid != base.table_uuid:
        raise InvalidTableError("the UUID of a table never changes")
    if metadata.location != base.location:
        _lock_creation()
        check_location(metadata.location, exclude=table.pk)
    check_write_paths(metadata.location, metadata.properties)
    added = [each.snapshot for each in updates if isinstance(each, AddSnapshotUpdate)]
    check_paths(metadata.location, [each.manifest_list for each in added])


def _manifest_lists(metadata: TableMetadata) -> list[str]:
    return [snapshot.manifest_list for snapshot in metadata.snapshots]


def _check_absent(namespace: IcebergNamespace, name: str) -> None:
    if namespace.tables.filter(name=name).exists():
        raise AlreadyExistsError(f"table `{namespace}.{name}` already exists")


def _free_location(namespace: IcebergNamespace, identifier: Sequence[str]) -> str:
    place = default_location(namespace.properties.get(LOCATION_PROPERTY), identifier)
    name = dotted(identifier)
    # A former table of this name left its files there: the new one starts with a path of its own.
    was_dropped = Dataset.objects.filter(name=name).exclude(deleted_at=None).exists()
    if was_dropped or is_taken(place):
        return f"{place}-{uuid7().hex[-12:]}"
    return place


def _lock_creation() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CREATE_LOCK])
