"""Row filters as Iceberg expressions (specification `Expression`).

SQL knows three truth values, Iceberg two: a comparison with NULL is false here by an explicit `not-null`, and a
negation is pushed down to the comparisons. What Iceberg cannot say is not approximated: it is refused.
"""

from typing import Any

from core.errors import PermissionDeniedError
from governance.policy.errors import RowFilterError
from governance.policy.rows import (
    And,
    Compare,
    Condition,
    Constant,
    Field,
    In,
    IsNull,
    IsTrue,
    Like,
    Not,
    Or,
    Value,
    parse_row_filter,
)

Expression = dict[str, Any]

_OPERATORS = {"=": "eq", "<>": "not-eq", "<": "lt", "<=": "lt-eq", ">": "gt", ">=": "gt-eq"}
_NEGATED = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_WILDCARDS = frozenset("%_\\")


class InexpressibleError(PermissionDeniedError):
    """The caller's restrictions cannot be given to an engine; the governed read applies them."""


def to_expression(sql: str) -> Expression:
    """The Iceberg expression that is true for exactly the rows for which `sql` (bound DuckDB SQL) is true."""
    try:
        return express(parse_row_filter(sql))
    except RowFilterError:
        raise _inexpressible() from None


def express(condition: Condition) -> Expression:
    """The same of a condition that is read already. InexpressibleError where Iceberg has no words for it."""
    return _when_true(condition)


def _when_true(condition: Condition) -> Expression:  # noqa: PLR0911 - one case, one answer
    match condition:
        case And(items):
            return _joined("and", [_when_true(item) for item in items])
        case Or(items):
            return _joined("or", [_when_true(item) for item in items])
        case Not(item):
            return _when_false(item)
        case Constant(value):
            return {"type": "true" if value else "false"}
        case IsNull(field):
            return {"type": "is-null", "term": _name(field)}
        case IsTrue(field):
            return _present(field, {"type": "eq", "term": _name(field), "value": True})
        case Like(field, pattern, ignore_case):
            return _like("starts-with", field, pattern, ignore_case=ignore_case)
        case Compare(Field() as field, operator, Value() as value):
            return _compared(field, operator, value)
        case In(Field() as field, items):
            return _among("in", field, items)
    raise _inexpressible()


def _when_false(condition: Condition) -> Expression:  # noqa: PLR0911 - one case, one answer
    match condition:
        case And(items):
            return _joined("or", [_when_false(item) for item in items])
        case Or(items):
            return _joined("and", [_when_false(item) for item in items])
        case Not(item):
            return _when_true(item)
        case Constant(value):
            return {"type": "false" if value else "true"}
        case IsNull(field):
            return {"type": "not-null", "term": _name(field)}
        case IsTrue(field):
            return _present(field, {"type": "eq", "term": _name(field), "value": False})
        case Like(field, pattern, ignore_case):
            return _like("not-starts-with", field, pattern, ignore_case=ignore_case)
        case Compare(Field() as field, operator, Value() as value):
            return _compared(field, _NEGATED[operator], value)
        case In(Field() as field, items):
            return _among("not-in", field, items)
    raise _inexpressible()


def _joined(kind: str, items: list[Expression]) -> Expression:
    joined = items[-1]
    for item in reversed(items[:-1]):
        joined = {"type": kind, "left": item, "right": joined}
    return joined


def _compared(field: Field, operator: str, value: Value) -> Expression:
    name = _name(field)
    return _present(field, {"type": _OPERATORS[operator], "term": name, "value": _literal(value)})


def _among(kind: str, field: Field, items: tuple[Any, ...]) -> Expression:
    values = [_literal(item) for item in items if isinstance(item, Value)]
    if len(values) != len(items):
        raise _inexpressible()
    return _present(field, {"type": kind, "term": _name(field), "values": values})


def _like(kind: str, field: Field, pattern: str, *, ignore_case: bool) -> Expression:
    prefix = pattern.removesuffix("%")
    if ignore_case or prefix == pattern or _WILDCARDS & set(prefix):
        raise _inexpressible()
    return _present(field, {"type": kind, "term": _name(field), "value": prefix})


def _present(field: Field, expression: Expression) -> Expression:
    return _joined("and", [{"type": "not-null", "term": _name(field)}, expression])


def _name(field: Field) -> str:
    if field.function is not None:
        raise _inexpressible()
    return field.name


def _literal(value: Value) -> Any:
    if value.kind == "number":
        return float(value.text) if "." in value.text else int(value.text)
    if value.kind == "boolean":
        return value.text == "true"
    return value.text.replace(" ", "T", 1) if value.kind == "timestamp" else value.text


def _inexpressible() -> InexpressibleError:
    return InexpressibleError(
        "what you may read of this table cannot be expressed to an engine: read it through "
        "`/api/v1/catalog/datasets/{uuid}/rows`"
    )
