"""A table's schema as the catalog keeps it: one row a field, nested fields by their dotted path."""

from typing import Any

from pyiceberg.schema import Schema
from pyiceberg.types import IcebergType, ListType, MapType, NestedField, StructType

_NESTED = {StructType: "struct", ListType: "list", MapType: "map"}


def catalog_fields(schema: Schema) -> list[dict[str, Any]]:
    """Fields in order, parents before children.

    A list's element and a map's key and value are named `element`, `key` and `value`, as the Iceberg
    specification names them ("Column Projection").
    """
    rows: list[dict[str, Any]] = []
    for field in schema.fields:
        _collect(field, "", rows)
    return rows


def type_name(field_type: IcebergType) -> str:
    """The type as text: a primitive's own name, and `struct`, `list` or `map`, whose parts are fields."""
    return _NESTED.get(type(field_type), str(field_type))


def _collect(field: NestedField, prefix: str, rows: list[dict[str, Any]]) -> None:
    path = f"{prefix}{field.name}"
    rows.append(
        {
            "name": path,
            "type": type_name(field.field_type),
            "description": field.doc or "",
            "field_id": field.field_id,
            "nullable": not field.required,
        }
    )
    for child in _children(field.field_type):
        _collect(child, f"{path}.", rows)


def _children(field_type: IcebergType) -> tuple[NestedField, ...]:
    match field_type:
        case StructType():
            return tuple(field_type.fields)
        case ListType():
            return (field_type.element_field,)
        case MapType():
            return (field_type.key_field, field_type.value_field)
    return ()
