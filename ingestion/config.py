"""What a source's `config` may say, by kind: typed, closed, and checked when the source is made."""

from typing import Any, Literal

import msgspec
import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import (
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    YearTransform,
)
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
)

from ingestion.errors import InvalidSourceError
from ingestion.formats.base import FormatOptions
from ingestion.formats.registry import OBJECTS, TABULAR

_TYPES: dict[str, IcebergType] = {
    "boolean": BooleanType(),
    "int": IntegerType(),
    "long": LongType(),
    "float": FloatType(),
    "double": DoubleType(),
    "string": StringType(),
    "binary": BinaryType(),
    "date": DateType(),
    "timestamp": TimestampType(),
    "timestamptz": TimestamptzType(),
}
_TRANSFORMS: dict[str, Any] = {
    "identity": IdentityTransform(),
    "year": YearTransform(),
    "month": MonthTransform(),
    "day": DayTransform(),
    "hour": HourTransform(),
}
_FIRST_PARTITION_FIELD_ID = 1000  # Iceberg specification, "Partition Evolution"
PARTITION_COLUMN = "kafka_partition"
OFFSET_COLUMN = "kafka_offset"


class Options(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the format reads the input; see `FormatOptions`."""

    row_path: str = ""
    null_values: tuple[str, ...] = ("",)
    delimiter: str = ","
    encoding: str = "utf-8"
    renames: dict[str, str] = {}

    def as_format_options(self, *, max_bytes: int) -> FormatOptions:
        return FormatOptions(
            row_path=self.row_path,
            null_values=self.null_values,
            delimiter=self.delimiter,
            encoding=self.encoding,
            renames=self.renames,
            max_bytes=max_bytes,
        )


class KafkaConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A batch is committed when it has `max_batch_records`, `max_batch_bytes`, or is `max_batch_seconds` old.

    `offset_columns` adds each record's partition and offset to the table.
    """

    topic: str
    start: Literal["earliest", "latest"] = "earliest"
    offset_columns: bool = False
    max_batch_records: int = 250_000
    max_batch_bytes: int = 128 << 20
    max_batch_seconds: float = 5.0
    options: Options = Options()


class FilesConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`path` is a folder below one of the ingest roots, or `s3://bucket/prefix` of a storage location."""

    path: str
    pattern: str = "*"
    options: Options = Options()


class HttpConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    options: Options = Options()


Config = KafkaConfig | FilesConfig | HttpConfig
_KINDS: dict[str, type[Config]] = {"kafka": KafkaConfig, "files": FilesConfig, "http": HttpConfig}


def read_config(kind: str, config: dict[str, Any]) -> Config:
    """Return the typed configuration; raises `InvalidSourceError`."""
    if kind not in _KINDS:
        raise InvalidSourceError(f"unknown kind `{kind}`, expected one of {sorted(_KINDS)}")
    try:
        return msgspec.convert(config, _KINDS[kind])
    except msgspec.ValidationError as error:
        raise InvalidSourceError(f"`config`: {error}", pointer="/config") from None


def check_format(kind: str, name: str) -> None:
    """Raise `InvalidSourceError` unless sources of `kind` can read format `name`."""
    known = set(TABULAR) if kind == "kafka" else set(TABULAR) | set(OBJECTS)
    if name not in known:
        raise InvalidSourceError(
            f"unknown format `{name}`, expected one of {sorted(known)}", pointer="/format"
        )


def read_columns(columns: list[dict[str, Any]]) -> Schema:
    """Return the declared columns as an Iceberg schema; raises `InvalidSourceError`."""
    fields = []
    seen: set[str] = set()
    for index, column in enumerate(columns):
        name, pointer = str(column.get("name", "")), f"/columns/{index}"
        if not name or name.lower() in seen:
            raise InvalidSourceError(f"column `{name}` is empty or stands twice", pointer=pointer)
        seen.add(name.lower())
        fields.append(
            NestedField(
                field_id=index + 1,
                name=name,
                field_type=_read_type(str(column.get("type", "")), pointer=pointer),
                required=bool(column.get("required", False)),
                doc=column.get("doc"),
            )
        )
    return Schema(*fields)


def _read_type(name: str, *, pointer: str) -> IcebergType:
    if name in _TYPES:
        return _TYPES[name]
    if name.startswith("decimal(") and name.endswith(")"):
        precision, _, scale = name[8:-1].partition(",")
        if precision.strip().isdecimal() and scale.strip().isdecimal():
            return DecimalType(int(precision), int(scale))
    raise InvalidSourceError(
        f"unknown type `{name}`, expected one of {sorted(_TYPES)} or decimal(p, s)", pointer=pointer
    )


def read_partitioning(partition_by: list[dict[str, Any]], schema: Schema) -> PartitionSpec:
    """Return the partition spec of `[{field, transform}]`; raises `InvalidSourceError`."""
    fields = []
    for index, part in enumerate(partition_by):
        name, transform = str(part.get("field", "")), str(part.get("transform", "identity"))
        pointer = f"/partition_by/{index}"
        if name not in schema.column_names:
            raise InvalidSourceError(f"no column `{name}` to partition by", pointer=pointer)
        column = schema.find_field(name)
        found = _TRANSFORMS.get(transform)
        if found is None or not found.can_transform(column.field_type):
            raise InvalidSourceError(
                f"transform `{transform}` does not fit column `{name}` ({column.field_type})",
                pointer=pointer,
            )
        label = name if transform == "identity" else f"{name}_{transform}"
        fields.append(
            PartitionField(
                source_id=column.field_id,
                field_id=_FIRST_PARTITION_FIELD_ID + index,
                transform=found,
                name=label,
            )
        )
    return PartitionSpec(*fields)


def arrow_schema(schema: Schema) -> pa.Schema:
    """Return the Arrow schema that formats read into: plain types, without Iceberg's field metadata."""
    found = schema_to_pyarrow(schema, include_field_ids=False)
    return pa.schema([_plain_field(field) for field in found])


def _plain_field(field: pa.Field) -> pa.Field:
    return pa.field(field.name, _plain_type(field.type), nullable=field.nullable)


def _plain_type(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(type_):
        return pa.string()
    if pa.types.is_large_binary(type_):
        return pa.binary()
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return pa.list_(_plain_field(type_.value_field))
    if pa.types.is_struct(type_):
        return pa.struct([_plain_field(type_.field(index)) for index in range(type_.num_fields)])
    return type_
