"""The columns of a contract, and their types, in the catalog's words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# What ODCS calls a type logically, by the first word of how systems spell it (SQL, Iceberg, Spark, Arrow, Avro).
LOGICAL_TYPES = {
    "integer": "int integer bigint smallint tinyint long short byte int2 int4 int8 int16 int32 int64 uint8 uint16 "
    "uint32 uint64 serial bigserial",
    "number": "double float real decimal numeric number float4 float8 float16 float32 float64 money",
    "string": "string varchar char text character uuid utf8 large_string large_utf8 nvarchar clob json fixed binary "
    "bytes blob bytea varbinary enum",
    "boolean": "boolean bool bit",
    "date": "date date32 date64",
    "timestamp": "timestamp timestamptz timestamp_ntz timestamp_ltz timestamp_ns timestamptz_ns datetime",
    "time": "time time32 time64",
    "array": "array list large_list",
    "object": "struct object map record row",
}
_BY_WORD = {word: name for name, words in LOGICAL_TYPES.items() for word in words.split()}
_WORD = re.compile(r"[a-z_0-9]+")


@dataclass(frozen=True, slots=True)
class ContractColumn:
    """One property of a contract's object; a nested one has its dotted path."""

    name: str
    physical_type: str
    logical_type: str
    required: bool
    description: str
    tags: tuple[str, ...]


def logical_type_of(type_: str) -> str | None:
    """ODCS's word for a column type, None for one that we do not know."""
    word = _WORD.match(type_.strip().lower())
    return _BY_WORD.get(word[0]) if word else None


def same_type(present: str, column: ContractColumn) -> bool:
    """Whether a column's type is the one promised: the physical type if that is told, else the logical one."""
    if column.physical_type:
        told, there = (re.sub(r"\s", "", each).lower() for each in (column.physical_type, present))
        return told == there
    return not column.logical_type or logical_type_of(present) in {column.logical_type, None}


def object_for(document: dict[str, Any], *, name: str) -> dict[str, Any] | None:
    """The object of a contract that describes the dataset `name`: the one named so, or by its last part, or the only one."""
    objects: Sequence[dict[str, Any]] = document.get("schema") or []
    wanted = (name, name.rpartition(".")[2], name.rpartition("/")[2])
    for each in wanted:
        for found in objects:
            if each and each in {found.get("physicalName"), found.get("name")}:
                return found
    return objects[0] if len(objects) == 1 else None


def columns_of(described: dict[str, Any]) -> list[ContractColumn]:
    """The columns of an object, nested ones after the one that holds them."""
    return [*_walk(described.get("properties") or [], prefix="")]


def _walk(properties: Sequence[dict[str, Any]], *, prefix: str) -> Iterator[ContractColumn]:
    for each in properties:
        name = prefix + str(each.get("physicalName") or each["name"])
        yield ContractColumn(
            name=name,
            physical_type=str(each.get("physicalType") or ""),
            logical_type=str(each.get("logicalType") or ""),
            required=bool(each.get("required", False)),
            description=str(each.get("description") or ""),
            tags=tuple(each.get("tags") or ()),
        )
        yield from _walk(each.get("properties") or [], prefix=f"{name}.")
