"""Field types and the families that row filters and masks care about.

Type names are Iceberg's (specification, "Schemas and Data Types"); the usual SQL spellings of Spark,
DuckDB and PostgreSQL are read too, since lineage events bring those.
"""

import re
from enum import StrEnum
from functools import lru_cache


class Family(StrEnum):
    """What a value can be compared with."""

    BOOLEAN = "boolean"
    NUMBER = "number"
    STRING = "string"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    UUID = "uuid"


_ALIASES = {
    "bool": "boolean",
    "tinyint": "int",
    "smallint": "int",
    "short": "int",
    "byte": "int",
    "integer": "int",
    "int32": "int",
    "int4": "int",
    "bigint": "long",
    "int64": "long",
    "int8": "long",
    "real": "float",
    "float4": "float",
    "float32": "float",
    "float64": "double",
    "float8": "double",
    "double precision": "double",
    "numeric": "decimal",
    "varchar": "string",
    "char": "string",
    "text": "string",
    "str": "string",
    "utf8": "string",
    "large_string": "string",
    "character varying": "string",
    "datetime": "timestamp",
    "timestamp_ntz": "timestamp",
    "timestamp without time zone": "timestamp",
    "timestamp_ltz": "timestamptz",
    "timestamp with time zone": "timestamptz",
    "date32": "date",
    "blob": "binary",
    "bytea": "binary",
    "bytes": "binary",
    "array": "list",
}

_FAMILIES = {
    "boolean": Family.BOOLEAN,
    "int": Family.NUMBER,
    "long": Family.NUMBER,
    "float": Family.NUMBER,
    "double": Family.NUMBER,
    "decimal": Family.NUMBER,
    "string": Family.STRING,
    "date": Family.DATE,
    "timestamp": Family.TIMESTAMP,
    "timestamp_ns": Family.TIMESTAMP,
    "timestamptz": Family.TIMESTAMPTZ,
    "timestamptz_ns": Family.TIMESTAMPTZ,
    "uuid": Family.UUID,
}

_BASE = re.compile(r"^[a-z0-9_ ]+")


@lru_cache(maxsize=4096)
def base_type(type_name: str) -> str:
    """The Iceberg name of a type without its parameters: `DECIMAL(10,2)` is `decimal`."""
    found = _BASE.match(type_name.strip().lower())
    base = found.group().strip() if found else ""
    return _ALIASES.get(base, base)


def family_of(type_name: str) -> Family | None:
    """The family of a type, or None for types that no filter can compare (binary, nested, unknown)."""
    return _FAMILIES.get(base_type(type_name))


def types_of(family: Family) -> frozenset[str]:
    """Every spelling, without parameters, that `family_of` puts into `family`."""
    bases = {base for base, each in _FAMILIES.items() if each is family}
    return frozenset(bases | {alias for alias, base in _ALIASES.items() if base in bases})


# Every spelling of each family; queries match stored type names against these.
SPELLINGS = {family: types_of(family) for family in Family}
