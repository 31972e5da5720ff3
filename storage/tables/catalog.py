"""A pyiceberg catalog in this process, whose commits are part of the caller's database transaction.

with transaction.atomic():
    table = LakewardenCatalog().load_table("raw.flights")
    table.append(rows)
    ...  # offsets, other tables: all of it commits together
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pyarrow as pa
from pyiceberg.catalog import MetastoreCatalog, PropertiesUpdateSummary
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NamespaceNotEmptyError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.io import FileIO
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import CommitTableResponse, StagedTable, Table
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import TableRequirement, TableUpdate

from identity.models import User
from storage.models import IcebergNamespace, IcebergTable
from storage.services import namespaces as namespace_services
from storage.services import tables as table_services
from storage.tables import errors
from storage.tables.io import file_io
from storage.tables.metadata import metadata_file_path, parse_metadata
from storage.tables.names import Identifier

_EMPTY: dict[str, str] = {}


class LakewardenCatalog(MetastoreCatalog):
    """Tables of this service, for code that runs inside it; it decides no permissions.

    `actor` is who the audit log names; `owner` becomes the owner of tables that are created.
    Errors are pyiceberg's own, and a lost race is CommitFailedException.
    """

    def __init__(self, *, actor: str = "system", owner: User | None = None) -> None:
        super().__init__("lakewarden")
        self.actor = actor
        self.owner = owner

    def create_table(  # noqa: PLR0917 - pyiceberg's signature
        self,
        identifier: str | Identifier,
        schema: Schema | pa.Schema,
        location: str | None = None,
        partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
        sort_order: SortOrder = UNSORTED_SORT_ORDER,
        properties: dict[str, Any] = _EMPTY,
    ) -> Table:
        with _as_pyiceberg():
            row = table_services.create_table(
                identifier=self.identifier_to_tuple(identifier),
                schema=self._convert_schema_if_needed(schema),
                partition_spec=partition_spec,
                sort_order=sort_order,
                location=location,
                properties=_texts(properties),
                actor=self.actor,
                owner=self.owner,
            )
        return self._table(row)

    def load_table(self, identifier: str | Identifier) -> Table:
        with _as_pyiceberg():
            return self._table(table_services.get_table(self.identifier_to_tuple(identifier)))

    def register_table(
        self,
        identifier: str | Identifier,
        metadata_location: str,
        overwrite: bool = False,  # noqa: FBT001, FBT002 - pyiceberg's
    ) -> Table:
        if overwrite:
            raise NotImplementedError("registering over a table is not supported: drop it first")
        with _as_pyiceberg():
            row = table_services.register_table(
                identifier=self.identifier_to_tuple(identifier),
                metadata_location=metadata_location,
                actor=self.actor,
                owner=self.owner,
            )
        return self._table(row)

    def commit_table(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        with _as_pyiceberg():
            row = table_services.commit_table(
                identifier=table.name(),
                requirements=requirements,
                updates=updates,
                actor=self.actor,
                owner=self.owner,
            )
        document = {"metadata": row.metadata, "metadata-location": row.metadata_location}
        return CommitTableResponse.model_validate(document)

    def rename_table(
        self, from_identifier: str | Identifier, to_identifier: str | Identifier
    ) -> Table:
        with _as_pyiceberg():
            row = table_services.rename_table(
                source=self.identifier_to_tuple(from_identifier),
                destination=self.identifier_to_tuple(to_identifier),
                actor=self.actor,
            )
        return self._table(row)

    def drop_table(self, identifier: str | Identifier) -> None:
        with _as_pyiceberg():
            table_services.drop_table(
                identifier=self.identifier_to_tuple(identifier), actor=self.actor
            )

    def purge_table(self, identifier: str | Identifier) -> None:
        with _as_pyiceberg():
            table_services.drop_table(
                identifier=self.identifier_to_tuple(identifier), purge=True, actor=self.actor
            )

    def list_tables(self, namespace: str | Identifier) -> list[Identifier]:
        with _as_pyiceberg():
            row = namespace_services.get_namespace(self.identifier_to_tuple(namespace))
        return [(*row.levels, name) for name in row.tables.values_list("name", flat=True)]

    def create_namespace(
        self, namespace: str | Identifier, properties: dict[str, Any] = _EMPTY
    ) -> None:
        try:
            with _as_pyiceberg():
                namespace_services.create_namespace(
                    levels=self.identifier_to_tuple(namespace),
                    properties=_texts(properties),
                    actor=self.actor,
                )
        except TableAlreadyExistsError as error:
            raise NamespaceAlreadyExistsError(str(error)) from error

    def drop_namespace(self, namespace: str | Identifier) -> None:
        with _as_pyiceberg():
            namespace_services.drop_namespace(
                levels=self.identifier_to_tuple(namespace), actor=self.actor
            )

    def list_namespaces(self, namespace: str | Identifier = ()) -> list[Identifier]:
        parent = self.identifier_to_tuple(namespace) if namespace else ()
        rows = IcebergNamespace.objects.values_list("levels", flat=True)
        depth = len(parent) + 1
        below = {tuple(levels[:depth]) for levels in rows if len(levels) >= depth}
        return sorted(levels for levels in below if levels[:-1] == parent)

    def load_namespace_properties(self, namespace: str | Identifier) -> dict[str, str]:
        with _as_pyiceberg():
            row = namespace_services.get_namespace(self.identifier_to_tuple(namespace))
        return dict(row.properties)

    def update_namespace_properties(
        self,
        namespace: str | Identifier,
        removals: set[str] | None = None,
        updates: dict[str, Any] = _EMPTY,
    ) -> PropertiesUpdateSummary:
        with _as_pyiceberg():
            change = namespace_services.update_namespace_properties(
                levels=self.identifier_to_tuple(namespace),
                updates=_texts(updates),
                removals=sorted(removals or ()),
                actor=self.actor,
            )
        return PropertiesUpdateSummary(
            removed=list(change.removed),
            updated=list(change.updated),
            missing=list(change.missing),
        )

    def list_views(self, namespace: str | Identifier) -> list[Identifier]:
        del namespace
        return []

    def view_exists(self, identifier: str | Identifier) -> bool:
        del identifier
        return False

    def load_view(self, identifier: str | Identifier) -> NoReturn:
        raise NotImplementedError(f"views are not kept in this catalog: {identifier}")

    def drop_view(self, identifier: str | Identifier) -> NoReturn:
        raise NotImplementedError(f"views are not kept in this catalog: {identifier}")

    def register_view(self, identifier: str | Identifier, metadata_location: str) -> NoReturn:
        raise NotImplementedError(f"views are not kept in this catalog: {metadata_location}")

    def _table(self, row: IcebergTable) -> Table:
        return Table(
            identifier=(*row.namespace.levels, row.name),
            metadata=parse_metadata(row.metadata),
            metadata_location=row.metadata_location,
            io=file_io(),
            catalog=self,
        )

    def _create_staged_table(  # noqa: PLR0917 - pyiceberg's signature
        self,
        identifier: str | Identifier,
        schema: Schema | pa.Schema,
        location: str | None = None,
        partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
        sort_order: SortOrder = UNSORTED_SORT_ORDER,
        properties: dict[str, Any] = _EMPTY,
    ) -> StagedTable:
        name = self.identifier_to_tuple(identifier)
        with _as_pyiceberg():
            metadata = table_services.stage_table(
                identifier=name,
                schema=self._convert_schema_if_needed(schema),
                partition_spec=partition_spec,
                sort_order=sort_order,
                location=location,
                properties=_texts(properties),
            )
        return StagedTable(
            identifier=name,
            metadata=metadata,
            metadata_location=metadata_file_path(metadata.location, 0),
            io=file_io(),
            catalog=self,
        )

    def _load_file_io(
        self, properties: dict[str, str] = _EMPTY, location: str | None = None
    ) -> FileIO:
        del properties, location
        return file_io()


@contextmanager
def _as_pyiceberg() -> Iterator[None]:
    """Raise our errors as pyiceberg's, which its own code understands."""
    try:
        yield
    except errors.NoSuchTableError as error:
        raise NoSuchTableError(error.message) from error
    except errors.NoSuchNamespaceError as error:
        raise NoSuchNamespaceError(error.message) from error
    except errors.AlreadyExistsError as error:
        raise TableAlreadyExistsError(error.message) from error
    except errors.NamespaceNotEmptyError as error:
        raise NamespaceNotEmptyError(error.message) from error
    except errors.CommitFailedError as error:
        raise CommitFailedException(error.message) from error


def _texts(properties: dict[str, Any]) -> dict[str, str]:
    """Property values as Iceberg writes them: all text, booleans in lower case."""
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in properties.items()
    }
