"""Which cells of one row an obligation shows; no value leaves this module."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from core.errors import InvalidInputError
from governance.policy.mask_sql import duckdb_type, quote_identifier
from governance.policy.types import ColumnRule, Obligations

MAX_VALUES = 1_000


@dataclass(frozen=True, slots=True)
class Cell:
    """A column of the row: whether its value is shown, and through which mask."""

    shown: bool
    mask: str | None


def shown_cells(
    obligations: Obligations, values: Mapping[str, Any], types: Mapping[str, str]
) -> dict[str, Cell] | None:
    """The columns that a reader gets of a row with these original values; None where the row is hidden.

    Raises InvalidInputError for a column that is not there, for a value that is not of its type, and where a condition
    reads a column that `values` does not hold.
    """
    if len(values) > MAX_VALUES:
        raise InvalidInputError(f"`row` must have at most {MAX_VALUES} values")
    for name in values:
        if name not in types:
            raise InvalidInputError(f"`row` names `{name[:200]}`, which the dataset did not have")
    conditions = [obligations.row_filter, *(rule.visible_when for rule in obligations.columns)]
    lacking = sorted({name for sql in conditions if sql for name in _columns_in(sql)} - set(values))
    if lacking:
        raise InvalidInputError(f"`row` must hold `{lacking[0]}`, which a row filter reads")
    answers = _evaluate([sql or "TRUE" for sql in conditions], values, types)
    if not answers[0]:
        return None
    return {
        rule.name: _cell(rule, shown=holds)
        for rule, holds in zip(obligations.columns, answers[1:], strict=True)
    }


def _cell(rule: ColumnRule, *, shown: bool) -> Cell:
    return Cell(shown, str(rule.mask) if rule.mask and shown else None)


def _columns_in(sql: str) -> Iterable[str]:
    # The kernel's own SQL: its identifiers are quoted.
    return (column.name for column in sqlglot.parse_one(sql, dialect="duckdb").find_all(exp.Column))


def _evaluate(
    conditions: list[str], values: Mapping[str, Any], types: Mapping[str, str]
) -> list[bool]:
    columns = [
        f"CAST(${place} AS {duckdb_type(types[name])}) AS {quote_identifier(name)}"
        for place, name in enumerate(values, start=1)
    ]
    tested = ", ".join(f"({sql}) IS TRUE" for sql in conditions)
    # INVARIANT: conditions are the kernel's own SQL, names are quoted, values are parameters.
    # All columns are asked for, so that each value is read as its type, whether a condition names it or not.
    sql = f"SELECT {tested}, given.* FROM (SELECT {', '.join(columns) or '1'}) AS given"  # noqa: S608
    given = {str(place): _text(value) for place, value in enumerate(values.values(), start=1)}
    settings: dict[str, Any] = {"enable_external_access": "false", "threads": "1"}
    with duckdb.connect(":memory:", config=settings) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            row = connection.execute(sql, given).fetchone()
        except duckdb.Error:
            raise InvalidInputError(
                "`row` holds a value that is not of its column's type"
            ) from None
    return [bool(each) for each in (row or ())[: len(conditions)]]


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
