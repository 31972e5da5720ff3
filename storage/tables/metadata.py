"""Table metadata documents: made, read, and changed by the updates of a commit.

Built on pyiceberg's models. What they lack for a server is mended here: a schema, spec or sort order that comes
with an id in use is reused or gets the next one, and removing what is not there changes nothing, as in the
reference implementation (`org.apache.iceberg.TableMetadata.Builder`).
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.exceptions import ValidationError as IcebergValidationError
from pyiceberg.io import FileIO
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.serializers import FromInputFile, ToOutputFile
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil, new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import (
    AssertRefSnapshotId,
    TableRequirement,
    TableUpdate,
    update_table_metadata,
)

from storage.tables.errors import CommitFailedError, InvalidTableError, UnsupportedTableError
from storage.tables.updates import mend_updates

MAX_FORMAT_VERSION = 2
_UPDATES: TypeAdapter[tuple[TableUpdate, ...]] = TypeAdapter(tuple[TableUpdate, ...])
_REQUIREMENTS: TypeAdapter[tuple[TableRequirement, ...]] = TypeAdapter(tuple[TableRequirement, ...])
_FORMAT_VERSION = "format-version"


def parse_updates(documents: Sequence[Any]) -> tuple[TableUpdate, ...]:
    """The updates of a REST commit; InvalidTableError says which one is wrong."""
    for document in documents:
        version = document.get(_FORMAT_VERSION) if isinstance(document, dict) else None
        if isinstance(version, int) and version > MAX_FORMAT_VERSION:
            raise _unsupported_version(version)
    try:
        return _UPDATES.validate_python(documents)
    except (ValidationError, KeyError, TypeError) as error:
        raise InvalidTableError(f"`updates` cannot be read: {_first_fault(error)}") from error


def parse_requirements(documents: Sequence[Any]) -> tuple[TableRequirement, ...]:
    """The requirements of a REST commit; InvalidTableError says which one is wrong."""
    try:
        return _REQUIREMENTS.validate_python(documents)
    except ValidationError as error:
        raise InvalidTableError(f"`requirements` cannot be read: {_first_fault(error)}") from error


def parse_schema(document: Any) -> Schema:
    """A schema from JSON; InvalidTableError for what is none, or holds a type of a later format version."""
    schema: Schema = _validated(Schema, document, "schema")
    return schema


def parse_partition_spec(document: Any) -> PartitionSpec:
    """A partition spec from JSON; nothing given is unpartitioned."""
    if document is None:
        return UNPARTITIONED_PARTITION_SPEC
    given = {"spec-id": 0, **_object(document)}
    spec: PartitionSpec = _validated(PartitionSpec, given, "partition-spec")
    return spec


def parse_sort_order(document: Any) -> SortOrder:
    """A sort order from JSON; nothing given is unsorted."""
    if document is None:
        return UNSORTED_SORT_ORDER
    order: SortOrder = _validated(SortOrder, document, "write-order")
    return order


def parse_metadata(document: dict[str, Any]) -> TableMetadata:
    """A metadata document as pyiceberg's value; UnsupportedTableError for a format version above 2."""
    version = document.get(_FORMAT_VERSION)
    if isinstance(version, int) and version > MAX_FORMAT_VERSION:
        raise _unsupported_version(version)
    try:
        return TableMetadataUtil.parse_obj(document)
    except (ValidationError, IcebergValidationError, ValueError) as error:
        raise InvalidTableError(
            f"the table metadata cannot be read: {_first_fault(error)}"
        ) from error


def dump_metadata(metadata: TableMetadata) -> dict[str, Any]:
    """The JSON document of `metadata`."""
    document: dict[str, Any] = json.loads(metadata.model_dump_json())
    return document


def build_metadata(
    *,
    schema: Schema,
    partition_spec: PartitionSpec,
    sort_order: SortOrder,
    location: str,
    properties: dict[str, str],
) -> TableMetadata:
    """The metadata of a new table; field ids are assigned afresh, as the specification asks."""
    version = properties.get(_FORMAT_VERSION, str(MAX_FORMAT_VERSION))
    if version not in ("1", "2"):
        raise _unsupported_version(version)
    try:
        return new_table_metadata(
            schema=schema,
            partition_spec=partition_spec,
            sort_order=sort_order,
            location=location,
            properties={**properties, _FORMAT_VERSION: version},
        )
    except (ValueError, KeyError, IcebergValidationError) as error:
        raise InvalidTableError(f"the table cannot be made: {_first_fault(error)}") from error


def check_requirements(
    base: TableMetadata | None, requirements: Iterable[TableRequirement]
) -> None:
    """Raise CommitFailedError for the first requirement that `base` (None: no such table) does not meet."""
    for requirement in requirements:
        if _is_absent_ref(base, requirement):
            continue
        try:
            requirement.validate(base)
        except CommitFailedException as error:
            raise CommitFailedError(str(error)) from error


def _is_absent_ref(base: TableMetadata | None, requirement: TableRequirement) -> bool:
    """Whether the requirement is that a ref does not exist, and the table has none at all.

    The specification allows it for any ref; pyiceberg only for `main`, and so no branch of an empty table.
    """
    return (
        isinstance(requirement, AssertRefSnapshotId)
        and requirement.snapshot_id is None
        and base is not None
        and not base.snapshots
    )


def apply_updates(
    base: TableMetadata | None,
    updates: Sequence[TableUpdate],
    *,
    metadata_location: str | None = None,
) -> TableMetadata:
    """`base` (None: a table that is being created) after `updates`.

    `metadata_location`, where `base` is kept, goes into the new document's metadata log.
    """
    start = base or MetastoreCatalog._empty_table_metadata()  # noqa: SLF001 - pyiceberg's own starting point
    _check_sequence_numbers(base, updates)
    try:
        return update_table_metadata(
            start,
            mend_updates(base, updates),
            enforce_validation=base is None,
            metadata_location=metadata_location,
        )
    except (ValueError, KeyError, StopIteration, IcebergValidationError) as error:
        raise InvalidTableError(f"the updates cannot be applied: {_first_fault(error)}") from error


def metadata_file_path(location: str, version: int) -> str:
    """A path for the next metadata document that nobody used before."""
    return f"{location}/metadata/{version:05d}-{uuid4()}.metadata.json"


def write_metadata(io: FileIO, metadata: TableMetadata, path: str) -> None:
    """Write the document to the store; it is durable when this returns."""
    ToOutputFile.table_metadata(metadata, io.new_output(path))


def read_metadata(io: FileIO, path: str) -> TableMetadata:
    """Read a document from the store; InvalidTableError if there is none that can be read."""
    try:
        metadata = FromInputFile.table_metadata(io.new_input(path))
    except (OSError, ValueError, IcebergValidationError) as error:
        raise InvalidTableError("no table metadata can be read at `metadata-location`") from error
    if metadata.format_version > MAX_FORMAT_VERSION:
        raise _unsupported_version(metadata.format_version)
    return metadata


def _check_sequence_numbers(base: TableMetadata | None, updates: Sequence[TableUpdate]) -> None:
    """A snapshot that is not newer than the table's last one lost a race, and its writer must try again."""
    last = getattr(base, "last_sequence_number", None)  # format version 1 has none
    for update in updates:
        snapshot = getattr(update, "snapshot", None)
        number = snapshot.sequence_number if snapshot is not None else None
        if last is not None and number is not None and number <= last:
            raise CommitFailedError(
                "the table has a newer snapshot than the one this commit built on"
            )


def _validated(model: Any, document: Any, name: str) -> Any:
    try:
        return model.model_validate(document)
    except (ValidationError, ValueError, IcebergValidationError) as error:
        raise InvalidTableError(f"`{name}` cannot be read: {_first_fault(error)}") from error


def _object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidTableError("an object was expected")
    return document


def _first_fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(str(part) for part in fault["loc"])
        return f"{place}: {fault['msg']}" if place else str(fault["msg"])
    return str(error)[:300]


def _unsupported_version(version: int | str) -> UnsupportedTableError:
    return UnsupportedTableError(
        f"table format version {version} is not supported: 1 or 2 was expected"
    )
