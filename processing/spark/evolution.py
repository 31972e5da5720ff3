"""How a table follows the columns of the query that writes it: by what Iceberg may add or widen, by nothing else.

Source: Apache Iceberg specification, "Schema Evolution".
"""

import re
from typing import Any

from processing.checks import quote

# What Iceberg may promote, and what a value may be of to fit a column without loss.
_WIDER = {"int": "bigint", "float": "double"}
_NARROW_INTEGERS = ("tinyint", "smallint")
_DECIMAL = re.compile(r"decimal\(([0-9]+),([0-9]+)\)")
# The type of NULL: it fits every column, and makes none.
_NO_TYPE = "void"


class SchemaConflictError(Exception):
    """The query's columns cannot be written to the table; the message names the column. Nothing was changed."""


def evolve_table(spark: Any, *, name: str, table: str, frame: Any) -> None:
    """Add the columns of `frame` that the table lacks, and widen those whose type is a wider one now.

    `name` is the table as people write it, `table` as Spark does. Readers see new columns at once, and NULL in
    them until rows are published. SchemaConflictError before anything is changed.
    """
    held = {each.name.lower(): each for each in spark.table(table).schema}
    given = {each.name.lower(): each for each in frame.schema}
    for key, column in held.items():
        if key not in given:
            raise SchemaConflictError(
                f"the query no longer gives column `{column.name}` of `{name}`: select it, or NULL"
            )
    added, widened = [], []
    for key, column in given.items():
        wanted = column.dataType.simpleString()
        if key not in held:
            _require_type(column.name, wanted)
            added.append(f"{quote(column.name)} {wanted}")
        elif _needs_widening(name, held[key], wanted):
            widened.append((held[key].name, wanted))
    if added:
        spark.sql(f"ALTER TABLE {table} ADD COLUMNS ({', '.join(added)})")
    for column_name, wanted in widened:
        spark.sql(f"ALTER TABLE {table} ALTER COLUMN {quote(column_name)} TYPE {wanted}")


def _require_type(column: str, wanted: str) -> None:
    if wanted == _NO_TYPE:
        raise SchemaConflictError(f"the new column `{column}` is NULL without a type: cast it")


def _needs_widening(table: str, held: Any, wanted: str) -> bool:
    has = held.dataType.simpleString()
    if wanted in (has, _NO_TYPE) or _fits(wanted, has):
        return False
    if _WIDER.get(has) == wanted or _is_wider_decimal(has, wanted):
        return True
    raise SchemaConflictError(
        f"column `{held.name}` of `{table}` is {has}, and the query gives {wanted}: cast it"
    )


def _fits(given: str, has: str) -> bool:
    """Whether each value of the type `given` is one of the type `has`."""
    if given in _NARROW_INTEGERS and has in ("int", "bigint"):
        return True
    return _WIDER.get(given) == has or _is_wider_decimal(given, has)


def _is_wider_decimal(narrow: str, wide: str) -> bool:
    first, second = _DECIMAL.fullmatch(narrow), _DECIMAL.fullmatch(wide)
    if first is None or second is None:
        return False
    return first[2] == second[2] and int(second[1]) > int(first[1])
