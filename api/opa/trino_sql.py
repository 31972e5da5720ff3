"""Row filters and masks as Trino SQL: equal, row by row and cell by cell, to what `mask_sql` says to DuckDB.

Row filters come as the kernel writes them (DuckDB SQL of a closed language) and are rewritten by sqlglot. Where the two
engines differ in meaning, and not in spelling only, the tree is changed first: instants and their precision, NaN, which
DuckDB sorts last and Trino nowhere, `trim`, and `substring` from 0. Pure: no I/O.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import sqlglot
from sqlglot import exp

from governance.policy.fieldtypes import base_type
from governance.policy.mask_sql import quote_identifier, quote_string
from governance.policy.masks import FIXED_VALUES, Mask, checked_salt, mask_fits
from governance.policy.rows import DIALECT as KERNEL_DIALECT
from governance.policy.types import ColumnRule

DIALECT = "trino"
_TYPES = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "REAL",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "date": "DATE",
    "time": "TIME(6)",
    "timestamp": "TIMESTAMP(6)",
    "timestamp_ns": "TIMESTAMP(9)",
    "timestamptz": "TIMESTAMP(6) WITH TIME ZONE",
    "timestamptz_ns": "TIMESTAMP(9) WITH TIME ZONE",
    "uuid": "UUID",
}
_INSTANTS = (
    exp.DataType.Type.TIMESTAMP,
    exp.DataType.Type.TIMESTAMPNTZ,
    exp.DataType.Type.TIMESTAMPTZ,
)
_MAY_BE_NAN = frozenset({"float", "double"})


def row_filter_sql(condition: str, *, types: Mapping[str, str]) -> str:
    """A row filter or a `visible_when` of the kernel as Trino SQL. `types` are those of the table's columns."""
    tree = sqlglot.parse_one(condition, dialect=KERNEL_DIALECT)
    return tree.transform(_translated, types).sql(dialect=DIALECT)


def columns_of(condition: str) -> set[str]:
    """The columns that a condition of the kernel names."""
    tree = sqlglot.parse_one(condition, dialect=KERNEL_DIALECT)
    return {column.name for column in tree.find_all(exp.Column)}


def column_sql(rule: ColumnRule, *, types: Mapping[str, str], salt: bytes) -> str | None:
    """What Trino must show in place of a visible column: None is the column itself.

    Raises ValueError where the mask does not fit the type.
    """
    if rule.mask is None and rule.visible_when is None:
        return None
    value = quote_identifier(rule.name)
    if rule.mask is not None:
        value = mask_sql(rule.mask, rule.name, rule.type, salt=salt)
    if rule.visible_when is None:
        return value
    return f"CASE WHEN {row_filter_sql(rule.visible_when, types=types)} THEN {value} END"


def mask_sql(  # noqa: PLR0911 - one answer a kind of mask
    mask: Mask, column: str, type_name: str, *, salt: bytes
) -> str:
    """`mask` of a column as a Trino expression of the column's own type; `salt` as in `to_duckdb_sql`."""
    if not mask_fits(mask, type_name):
        raise ValueError(f"mask `{mask}` does not fit type `{type_name}`")
    name, base = quote_identifier(column), base_type(type_name)
    match mask:
        case Mask.REPLACE_WITH_NULL:
            return "NULL"
        case Mask.MASK_TO_FIXED_VALUE:
            return _fixed(base, type_name)
        case Mask.TRUNCATE_TO_YEAR:
            return _truncated(name, base, "year")
        case Mask.TRUNCATE_TO_MONTH:
            return _truncated(name, base, "month")
        case Mask.SHA_256_GLOBAL:
            return _hashed(name, base, b"")
        case Mask.SHA_256_QUERY_LOCAL:
            return _hashed(name, base, checked_salt(salt))
    return _redacted(mask, name)


def _translated(node: exp.Expression, types: Mapping[str, str]) -> exp.Expression:
    if isinstance(node, exp.Cast) and node.to.this in _INSTANTS:
        return _instant(node)
    if isinstance(node, exp.GT | exp.GTE) and _is_floating(node.this, types):
        return exp.paren(exp.or_(node.copy(), exp.func("is_nan", node.this.copy())))
    if isinstance(node, exp.Trim):
        # DuckDB strips spaces; Trino's `trim(x)` would strip tabs and line breaks, too
        return exp.Trim(this=node.this, expression=exp.Literal.string(" "), position="BOTH")
    if isinstance(node, exp.Substring):
        return _substring(node)
    return node


def _is_floating(node: exp.Expression, types: Mapping[str, str]) -> bool:
    """Whether the side of a comparison gives floating-point numbers: the column, its `abs` or its `coalesce`."""
    if isinstance(node, exp.Length | exp.Year | exp.Month):
        return False
    return any(
        base_type(types.get(column.name, "")) in _MAY_BE_NAN for column in node.find_all(exp.Column)
    )


def _instant(node: exp.Cast) -> exp.Expression:
    """A literal of microseconds, spelled as Trino reads it. Its plain `TIMESTAMP` would round to milliseconds."""
    at = datetime.fromisoformat(node.this.name)
    if at.tzinfo is None:
        text, kind = at.isoformat(sep=" ", timespec="microseconds"), "TIMESTAMP(6)"
    else:
        plain = at.astimezone(UTC).replace(tzinfo=None)
        text = plain.isoformat(sep=" ", timespec="microseconds") + " UTC"
        kind = "TIMESTAMP(6) WITH TIME ZONE"
    return exp.cast(exp.Literal.string(text), exp.DataType.build(kind, dialect=DIALECT))


def _substring(node: exp.Substring) -> exp.Expression:
    """From position 0 DuckDB counts the place before the first character; Trino gives nothing at all."""
    start, length = node.args["start"], node.args.get("length")
    if int(start.name) > 0:
        return node
    shorter = None if length is None else exp.Literal.number(max(int(length.name) - 1, 0))
    return exp.Substring(this=node.this, start=exp.Literal.number(1), length=shorter)


def _fixed(base: str, type_name: str) -> str:
    if base == "binary":
        return "X''"
    if base == "decimal":
        digits = type_name.partition("(")[2].rstrip(") ")
        return f"CAST(0 AS DECIMAL({digits}))" if digits else "0"
    value = FIXED_VALUES[base]
    text = str(value).lower() if base == "boolean" else str(value)
    if isinstance(value, datetime):
        zone = " UTC" if value.tzinfo else ""
        text = value.replace(tzinfo=None).isoformat(sep=" ") + zone
    return f"CAST({quote_string(text)} AS {_TYPES[base]})"


def _truncated(name: str, base: str, unit: str) -> str:
    operand = f"{name} AT TIME ZONE 'UTC'" if base.startswith("timestamptz") else name
    truncated = f"date_trunc('{unit}', {operand})"
    return f"CAST({truncated} AS DATE)" if base == "date" else truncated


def _hashed(name: str, base: str, salt: bytes) -> str:
    if base == "string":
        return f"lower(to_hex({_digest(f'to_utf8({name})', salt)}))"
    if base == "binary":
        return _digest(name, salt)
    bits = 32 if base == "int" else 64
    digest = _digest(f"reverse(to_big_endian_{bits}({name}))", salt)
    return f"from_big_endian_{bits}(reverse(substr({digest}, 1, {bits // 8})))"


def _digest(blob: str, salt: bytes) -> str:
    salted = f"concat(X'{salt.hex()}', {blob})" if salt else blob
    return f"sha256({salted})"


def _redacted(mask: Mask, name: str) -> str:
    if mask is Mask.MASK_ALPHANUM:
        return _alphanum(name)
    if mask is Mask.SHOW_FIRST_4:
        shown = f"concat(substr({name}, 1, 4), {_alphanum(f'substr({name}, 5)')})"
    else:
        hidden = f"substr({name}, 1, length({name}) - 4)"
        shown = f"concat({_alphanum(hidden)}, substr({name}, -4))"
    return f"CASE WHEN length({name}) <= 4 THEN {name} ELSE {shown} END"


def _alphanum(operand: str) -> str:
    return f"regexp_replace(regexp_replace({operand}, '[^0-9(),.@-]', 'x'), '[0-9]', 'n')"
