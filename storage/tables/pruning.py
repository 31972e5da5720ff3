"""Row conditions as pyiceberg expressions that rule files out.

INVARIANT: the expression is true for at least every row for which the condition is: what cannot be said exactly
becomes "perhaps". The engine evaluates the condition itself on every row that is left.
"""

from collections.abc import Set as AbstractSet
from typing import Any

from pyiceberg import expressions as iceberg
from pyiceberg.expressions import AlwaysFalse, AlwaysTrue, BooleanExpression
from pyiceberg.expressions.visitors import bind
from pyiceberg.schema import Schema

from governance.policy.binding import requirements_of
from governance.policy.errors import RowFilterError
from governance.policy.rows import And, Condition, Or
from storage.tables.expressions import Expression, InexpressibleError, express

# Their constructors take values positionally, which their type stubs do not tell.
_LITERAL: dict[str, Any] = {
    "eq": iceberg.EqualTo,
    "not-eq": iceberg.NotEqualTo,
    "lt": iceberg.LessThan,
    "lt-eq": iceberg.LessThanOrEqual,
    "gt": iceberg.GreaterThan,
    "gt-eq": iceberg.GreaterThanOrEqual,
    "starts-with": iceberg.StartsWith,
    "not-starts-with": iceberg.NotStartsWith,
}
_NULLITY: dict[str, Any] = {"is-null": iceberg.IsNull, "not-null": iceberg.NotNull}
_SETS: dict[str, Any] = {"in": iceberg.In, "not-in": iceberg.NotIn}
_PERHAPS = AlwaysTrue()


def pruning_expression(
    condition: Condition, *, schema: Schema, columns: AbstractSet[str]
) -> BooleanExpression:
    """What `condition` rules out by the values of `columns` alone; conditions on others rule out nothing."""
    if isinstance(condition, And):
        parts = [
            pruning_expression(item, schema=schema, columns=columns) for item in condition.items
        ]
        return iceberg.And(*parts)
    if isinstance(condition, Or):
        parts = [
            pruning_expression(item, schema=schema, columns=columns) for item in condition.items
        ]
        return _PERHAPS if any(part == _PERHAPS for part in parts) else iceberg.Or(*parts)
    try:
        if not set(requirements_of(condition, {})) <= columns:
            return _PERHAPS
        expression = _as_pyiceberg(express(condition))
        bind(schema, expression, case_sensitive=True)
    except (RowFilterError, InexpressibleError, ValueError, TypeError, NotImplementedError):
        return _PERHAPS
    return expression


def _as_pyiceberg(expression: Expression) -> BooleanExpression:
    kind = expression["type"]
    if kind in ("and", "or"):
        sides = (_as_pyiceberg(expression["left"]), _as_pyiceberg(expression["right"]))
        return iceberg.And(*sides) if kind == "and" else iceberg.Or(*sides)
    if kind in ("true", "false"):
        return AlwaysTrue() if kind == "true" else AlwaysFalse()
    term = expression["term"]
    made: BooleanExpression
    if kind in _NULLITY:
        made = _NULLITY[kind](term)
    elif kind in _SETS:
        made = _SETS[kind](term, expression["values"])
    else:
        made = _LITERAL[kind](term, expression["value"])
    return made
