"""Masks and obligations as DuckDB SQL. Held equal to `masks.apply` by tests that run DuckDB."""

from governance.policy.fieldtypes import base_type
from governance.policy.masks import FIXED_VALUES, Mask, checked_salt, mask_fits
from governance.policy.types import ColumnRule

_DUCKDB_TYPES = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamp_ns": "TIMESTAMP_NS",
    "timestamptz": "TIMESTAMPTZ",
    "timestamptz_ns": "TIMESTAMPTZ",
    "uuid": "UUID",
    "binary": "BLOB",
}


def quote_identifier(name: str) -> str:
    """`name` as a quoted SQL identifier, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def quote_string(text: str) -> str:
    """`text` as an SQL string literal. DuckDB, like the standard, knows no backslash escapes in it."""
    return "'" + text.replace("'", "''") + "'"


def duckdb_type(type_name: str) -> str:
    """DuckDB's name of a type; VARCHAR for those that no filter can compare."""
    base = base_type(type_name)
    if base == "decimal":
        return _decimal_type(type_name) if "(" in type_name else "DECIMAL(38, 9)"
    return _DUCKDB_TYPES.get(base, "VARCHAR")


def to_duckdb_sql(
    mask: Mask, column: str, type_name: str, *, salt: bytes = b"", relation: str | None = None
) -> str:
    """`mask` of a column as a DuckDB expression of the column's own type.

    `relation` qualifies the column. `salt` is needed by `sha-256-query-local`: 16 random bytes or more, one a query.
    Raises ValueError where the mask does not fit the type.
    """
    # A kernel decision holds fitted masks only; whoever renders something else must not leak by it.
    if not mask_fits(mask, type_name):
        raise ValueError(f"mask `{mask}` does not fit type `{type_name}`")
    name = quote_identifier(column)
    operand = f"{quote_identifier(relation)}.{name}" if relation else name
    base = base_type(type_name)
    if mask is Mask.REPLACE_WITH_NULL:
        # typeless NULL would change the column's type; the untaken branch keeps it
        return f"CASE WHEN FALSE THEN {operand} END"
    if mask is Mask.MASK_TO_FIXED_VALUE:
        return _fixed_sql(operand, base, type_name)
    if mask in (Mask.TRUNCATE_TO_YEAR, Mask.TRUNCATE_TO_MONTH):
        return _truncated_sql(operand, base, "year" if mask is Mask.TRUNCATE_TO_YEAR else "month")
    if mask in (Mask.SHA_256_GLOBAL, Mask.SHA_256_QUERY_LOCAL):
        local = mask is Mask.SHA_256_QUERY_LOCAL
        return _hashed_sql(operand, base, checked_salt(salt) if local else b"")
    return _redacted_sql(mask, operand)


def column_sql(rule: ColumnRule, *, salt: bytes = b"", relation: str | None = None) -> str:
    """One visible column: masked, and NULL where its condition does not hold, under its own name.

    `rule.visible_when` is unqualified: with `relation` set, no other relation in scope may have such columns.
    """
    name = quote_identifier(rule.name)
    operand = f"{quote_identifier(relation)}.{name}" if relation else name
    value = (
        operand
        if rule.mask is None
        else to_duckdb_sql(rule.mask, rule.name, rule.type, salt=salt, relation=relation)
    )
    if rule.visible_when is not None:
        value = f"CASE WHEN {rule.visible_when} THEN {value} END"
    return f"{value} AS {name}"


def _redacted_sql(mask: Mask, operand: str) -> str:
    if mask is Mask.MASK_ALPHANUM:
        return _alphanum_sql(operand)
    if mask is Mask.SHOW_FIRST_4:
        shown = f"left({operand}, 4) || {_alphanum_sql(f'substr({operand}, 5)')}"
    else:
        hidden = f"left({operand}, length({operand}) - 4)"
        shown = f"{_alphanum_sql(hidden)} || right({operand}, 4)"
    return f"CASE WHEN length({operand}) <= 4 THEN {operand} ELSE {shown} END"


def _alphanum_sql(operand: str) -> str:
    others = f"regexp_replace({operand}, '[^0-9(),.@-]', 'x', 'g')"
    return f"regexp_replace({others}, '[0-9]', 'n', 'g')"


def _fixed_sql(operand: str, base: str, type_name: str) -> str:
    if base == "decimal":
        return (
            f"CASE WHEN TRUE THEN 0 ELSE {operand} END"
            if "(" not in type_name
            else (f"CAST(0 AS {_decimal_type(type_name)})")
        )
    if base == "binary":
        return "''::BLOB"
    value = FIXED_VALUES[base]
    return f"CAST({quote_string(str(value).lower() if base == 'boolean' else str(value))} AS {_DUCKDB_TYPES[base]})"


def _decimal_type(type_name: str) -> str:
    digits = [int(part) for part in type_name.split("(", 1)[1].rstrip(") ").split(",")]
    return f"DECIMAL({', '.join(str(each) for each in digits)})"


def _truncated_sql(operand: str, base: str, unit: str) -> str:
    if base.startswith("timestamptz"):
        return f"(date_trunc('{unit}', {operand} AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')"
    return f"CAST(date_trunc('{unit}', {operand}) AS {_DUCKDB_TYPES[base]})"


def _hashed_sql(operand: str, base: str, salt: bytes) -> str:
    if base == "string":
        return f"sha256({_salted(f'encode({operand})', salt)})"
    if base == "binary":
        return f"unhex(sha256({_salted(operand, salt)}))"
    bits = 32 if base == "int" else 64
    digest = f"sha256({_salted(_little_endian_blob(operand, bits), salt)})"
    # its first bytes, read as a little-endian number: the reversed digits come out with each byte's two turned
    turned = f"CAST('0x' || reverse(left({digest}, {bits // 4})) AS UBIGINT)"
    return f"CAST({_signed(_digits_turned(turned, bits), bits)} AS {_DUCKDB_TYPES[base]})"


def _salted(blob: str, salt: bytes) -> str:
    return f"unhex('{salt.hex()}') || {blob}" if salt else blob


def _little_endian_blob(operand: str, bits: int) -> str:
    """The bytes of an integer, lowest first: its hexadecimal digits reversed, each byte's two turned beforehand."""
    turned = _digits_turned(f"{operand}::BIGINT", bits)
    return f"unhex(reverse(lpad(hex({turned}), {bits // 4}, '0')))"


def _digits_turned(number: str, bits: int) -> str:
    """The two hexadecimal digits of each byte exchanged, as UBIGINT; of a negative number its two's complement."""
    low = int.from_bytes(b"\x0f" * (bits // 8))
    return f"((({number} & {low})::UBIGINT << 4) | (({number} >> 4) & {low})::UBIGINT)"


def _signed(unsigned: str, bits: int) -> str:
    """An UBIGINT of so many bits as the number whose two's complement it is: no cast of DuckDB keeps the bits."""
    largest = (1 << (bits - 1)) - 1
    low = f"({unsigned} & {largest})::BIGINT"
    return f"CASE WHEN {unsigned} > {largest} THEN {low} - {largest} - 1 ELSE {low} END"
