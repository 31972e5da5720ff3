"""Which files a read touches, and how they become one relation.

Files are read by field id, as the Iceberg specification asks ("Column Projection"). Files that were added without
ids (by name mapping) are read by name, which is right as long as no column was ever renamed or its name reused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.manifest import DataFileContent
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from governance.policy.mask_sql import quote_identifier, quote_string
from query.errors import NotReadableError
from storage.models import IcebergTable
from storage.tables.catalog import LakewardenCatalog
from storage.tables.errors import InvalidTableError
from storage.tables.io import file_io
from storage.tables.locations import check_paths
from storage.tables.metadata import parse_metadata
from storage.tables.schema import catalog_fields

_NAME_MAPPING = "schema.name-mapping.default"
_DUCKDB_TYPES: dict[Any, str] = {
    BooleanType: "BOOLEAN",
    IntegerType: "INTEGER",
    LongType: "BIGINT",
    FloatType: "FLOAT",
    DoubleType: "DOUBLE",
    StringType: "VARCHAR",
    DateType: "DATE",
    TimeType: "TIME",
    TimestampType: "TIMESTAMP",
    TimestamptzType: "TIMESTAMPTZ",
    UUIDType: "UUID",
    BinaryType: "BLOB",
    FixedType: "BLOB",
}


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A data file and the positional delete files that bear on it."""

    path: str
    deletes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """The files of one snapshot that may hold rows of the answer. The snapshot never changes under a reader."""

    metadata: TableMetadata
    snapshot_id: int | None
    files: tuple[PlannedFile, ...]

    @property
    def schema(self) -> Schema:
        return self.metadata.schema()


def plan_scan(table: IcebergTable, *, row_filter: BooleanExpression | None = None) -> ScanPlan:
    """The current snapshot's files that `row_filter` does not rule out.

    Raises NotReadableError for equality deletes and for files outside the table's own location.
    """
    metadata = parse_metadata(table.metadata)
    if metadata.current_snapshot_id is None:
        return ScanPlan(metadata, None, ())
    handle = Table(
        identifier=(str(table),),
        metadata=metadata,
        metadata_location=table.metadata_location,
        io=file_io(),
        catalog=LakewardenCatalog(),
    )
    scan = handle.scan(row_filter=row_filter or AlwaysTrue())
    try:
        tasks = list(scan.plan_files())
        files = tuple(
            PlannedFile(task.file.file_path, _positional(task.delete_files)) for task in tasks
        )
        check_paths(table.location, (path for each in files for path in (each.path, *each.deletes)))
    except (ValueError, NotImplementedError) as error:
        raise NotReadableError(
            f"the table has deletes that cannot be applied here: {error}"
        ) from error
    except InvalidTableError as error:
        raise NotReadableError("a file of the table lies outside its location") from error
    return ScanPlan(metadata, metadata.current_snapshot_id, files)


def write_relation(cursor: duckdb.DuckDBPyConnection, plan: ScanPlan) -> str:
    """The table expression with all columns of the current schema, in order, over the plan's files."""
    if not plan.files:
        return f"(SELECT {_null_columns(plan.schema)} LIMIT 0)"
    if _has_renamed_parts(plan.metadata):
        raise NotReadableError("a field inside a column of the table was renamed or replaced")
    with_ids, without_ids = _split_by_ids(cursor, plan)
    parts = []
    for files, has_ids in ((with_ids, True), (without_ids, False)):
        plain = [each.path for each in files if not each.deletes]
        if plain:
            parts.append(_select(cursor, plan, plain, has_ids=has_ids))
        deleted = [each for each in files if each.deletes]
        if deleted:
            parts.append(_select_undeleted(cursor, plan, deleted, has_ids=has_ids))
    return "(" + " UNION ALL ".join(parts) + ")"


def _positional(deletes: Iterable[Any]) -> tuple[str, ...]:
    paths = []
    for each in deletes:
        if each.content != DataFileContent.POSITION_DELETES:
            raise NotReadableError("the table has equality deletes, which cannot be applied here")
        paths.append(each.file_path)
    return tuple(sorted(paths))


def _split_by_ids(
    cursor: duckdb.DuckDBPyConnection, plan: ScanPlan
) -> tuple[list[PlannedFile], list[PlannedFile]]:
    """Files to be read by field id, and files to be read by name."""
    if _is_stable(plan.metadata, strictly=True):
        # Every file has the same columns under the same names: no footer need be looked at.
        return [], list(plan.files)
    if _NAME_MAPPING not in plan.metadata.properties:
        return list(plan.files), []
    paths = [each.path for each in plan.files]
    rows = cursor.execute(
        "SELECT file_name, bool_or(field_id IS NOT NULL) FROM parquet_schema($paths) GROUP BY 1",
        {"paths": paths},
    ).fetchall()
    has_ids = dict(rows)
    without = [each for each in plan.files if not has_ids.get(each.path)]
    if without and not _is_stable(plan.metadata, strictly=False):
        raise NotReadableError(
            "files without field ids are in a table whose columns were renamed or replaced"
        )
    return [each for each in plan.files if has_ids.get(each.path)], without


def _is_stable(metadata: TableMetadata, *, strictly: bool) -> bool:
    """Whether all schemas the table ever had agree on what each name means; `strictly`, are equal."""
    histories = [
        {row["field_id"]: (row["name"], row["type"]) for row in catalog_fields(schema)}
        for schema in metadata.schemas
    ]
    if strictly:
        return all(each == histories[0] for each in histories)
    pairs = {(key, name) for each in histories for key, (name, _) in each.items()}
    return len(pairs) == len({key for key, _ in pairs}) == len({name for _, name in pairs})


def _has_renamed_parts(metadata: TableMetadata) -> bool:
    """Whether a nested field ever had another name: the engine matches those by name only."""
    names: dict[int, set[str]] = {}
    for schema in metadata.schemas:
        for row in catalog_fields(schema):
            if "." in row["name"]:
                names.setdefault(row["field_id"], set()).add(row["name"].partition(".")[2])
    return any(len(each) > 1 for each in names.values())


def _select(
    cursor: duckdb.DuckDBPyConnection, plan: ScanPlan, paths: Sequence[str], *, has_ids: bool
) -> str:
    source = _source(plan, paths, has_ids=has_ids)
    columns = _columns(cursor, plan, source, has_ids=has_ids)
    return f"SELECT {columns} FROM {source}"  # noqa: S608 - every part is quoted or written by us


def _select_undeleted(
    cursor: duckdb.DuckDBPyConnection,
    plan: ScanPlan,
    files: Sequence[PlannedFile],
    *,
    has_ids: bool,
) -> str:
    paths = [each.path for each in files]
    deletes = sorted({path for each in files for path in each.deletes})
    source = _source(plan, paths, has_ids=has_ids, positions=True)
    columns = _columns(cursor, plan, source, has_ids=has_ids)
    gone = (
        "SELECT file_path AS gone_path, pos AS gone_pos "  # noqa: S608 - as above
        f"FROM read_parquet({_list(deletes)}, hive_partitioning=false)"
    )
    return (
        f"SELECT {columns} FROM {source} AS kept ANTI JOIN ({gone}) AS gone "  # noqa: S608 - as above
        "ON kept.filename = gone.gone_path AND kept.file_row_number = gone.gone_pos"
    )


def _source(plan: ScanPlan, paths: Sequence[str], *, has_ids: bool, positions: bool = False) -> str:
    options = ["hive_partitioning=false"]
    if positions:
        options += ["filename=true", "file_row_number=true"]
    if has_ids:
        options.append(f"schema={_field_map(plan.schema)}")
    elif not _is_stable(plan.metadata, strictly=True):
        options.append("union_by_name=true")
    return f"read_parquet({_list(paths)}, {', '.join(options)})"


def _columns(
    cursor: duckdb.DuckDBPyConnection, plan: ScanPlan, source: str, *, has_ids: bool
) -> str:
    names = [(field.name, duckdb_type(field.field_type)) for field in plan.schema.fields]
    if has_ids or _is_stable(plan.metadata, strictly=True):
        return ", ".join(quote_identifier(name) for name, _ in names)
    described = cursor.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 - as above
    present = {row[0] for row in described}
    return ", ".join(
        f"CAST({quote_identifier(name) if name in present else 'NULL'} AS {kind}) "
        f"AS {quote_identifier(name)}"
        for name, kind in names
    )


def _field_map(schema: Schema) -> str:
    entries = ", ".join(
        f"{field.field_id}: {{name: {quote_string(field.name)}, "
        f"type: {quote_string(duckdb_type(field.field_type))}, default_value: NULL}}"
        for field in schema.fields
    )
    return f"MAP {{{entries}}}"


def _null_columns(schema: Schema) -> str:
    return ", ".join(
        f"CAST(NULL AS {duckdb_type(field.field_type)}) AS {quote_identifier(field.name)}"
        for field in schema.fields
    )


def _list(paths: Sequence[str]) -> str:
    return "[" + ", ".join(quote_string(path) for path in paths) + "]"


def duckdb_type(kind: IcebergType) -> str:
    """The DuckDB type that holds an Iceberg type."""
    match kind:
        case DecimalType():
            return f"DECIMAL({kind.precision}, {kind.scale})"
        case StructType():
            parts = (
                f"{quote_identifier(each.name)} {duckdb_type(each.field_type)}"
                for each in kind.fields
            )
            return f"STRUCT({', '.join(parts)})"
        case ListType():
            return f"{duckdb_type(kind.element_type)}[]"
        case MapType():
            return f"MAP({duckdb_type(kind.key_type)}, {duckdb_type(kind.value_type)})"
    return _DUCKDB_TYPES[type(kind)]
