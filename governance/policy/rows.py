"""Row filters: a closed language of boolean conditions, written as SQL.

Read with sqlglot and rebuilt into the values below; nothing of the written text survives, so what this file does not
name cannot reach an engine. A comparison has a field on one side only (Iceberg's `required-row-filter` knows no
other), or an attribute of the principal against a literal. `binding.py` gives types, attributes and SQL to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from governance.policy.errors import RowFilterError

MAX_LENGTH = 4096
MAX_DEPTH = 32
MAX_LIST = 256
DIALECT = "duckdb"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the dataset, by its exact name, perhaps inside one of the safe functions."""

    name: str
    function: str | None = None
    arguments: tuple["Value", ...] = ()


@dataclass(frozen=True, slots=True)
class Attribute:
    """`principal.<name>`: what the principal's record says."""

    name: str


@dataclass(frozen=True, slots=True)
class Value:
    """A literal, kept as text. Kinds `attribute` and `unknown` are made where a principal's attribute is filled in."""

    kind: Literal["string", "number", "boolean", "date", "timestamp", "attribute", "unknown"]
    text: str


@dataclass(frozen=True, slots=True)
class Compare:
    left: Field | Attribute
    operator: str
    right: Attribute | Value


@dataclass(frozen=True, slots=True)
class In:
    left: Field | Attribute
    items: tuple[Attribute | Value, ...]


@dataclass(frozen=True, slots=True)
class Like:
    field: Field
    pattern: str
    ignore_case: bool


@dataclass(frozen=True, slots=True)
class IsNull:
    field: Field


@dataclass(frozen=True, slots=True)
class IsTrue:
    """A boolean field standing as a condition."""

    field: Field


@dataclass(frozen=True, slots=True)
class Constant:
    value: bool


@dataclass(frozen=True, slots=True)
class Not:
    item: "Condition"


@dataclass(frozen=True, slots=True)
class And:
    items: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple["Condition", ...]


Condition: TypeAlias = Compare | In | Like | IsNull | IsTrue | Constant | Not | And | Or

_OPERATORS: dict[type[exp.Expression], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_FLIPPED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_FUNCTIONS: dict[type[exp.Expression], tuple[str, tuple[str, ...]]] = {
    exp.Lower: ("lower", ()),
    exp.Upper: ("upper", ()),
    exp.Trim: ("trim", ()),
    exp.Length: ("length", ()),
    exp.Abs: ("abs", ()),
    exp.Year: ("year", ()),
    exp.Month: ("month", ()),
    exp.Substring: ("substring", ("start", "length")),
    exp.Coalesce: ("coalesce", ("expressions",)),
}
FUNCTION_NAMES = tuple(name for name, _ in _FUNCTIONS.values())
_CAST_KINDS: dict[str, Literal["date", "timestamp"]] = {
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMPNTZ": "timestamp",
    "TIMESTAMPTZ": "timestamp",
}
_PRINCIPAL = "principal"


@lru_cache(maxsize=8192)
def parse_row_filter(sql: str) -> Condition:
    """The condition that `sql` states.

    Raises RowFilterError for whatever is not in the language: it says which part, and what is.
    """
    if len(sql) > MAX_LENGTH:
        raise RowFilterError(f"row filter has {len(sql)} characters, expected {MAX_LENGTH} or less")
    if "\0" in sql:
        raise RowFilterError("row filter holds a NUL character")
    try:
        trees = sqlglot.parse(sql, dialect=DIALECT)
    except (SqlglotError, RecursionError) as error:
        raise RowFilterError(f"row filter `{_short(sql)}` is not an SQL expression") from error
    if len(trees) != 1 or trees[0] is None:
        raise RowFilterError(f"row filter `{_short(sql)}` must be exactly one SQL expression")
    tree = trees[0]
    if not isinstance(tree, exp.Expression):
        raise RowFilterError(f"row filter `{_short(sql)}` is not an SQL expression")
    return _condition(tree, 0)


def _short(sql: str) -> str:
    return sql if len(sql) <= 80 else sql[:77] + "..."  # noqa: PLR2004  # a line's worth


def _condition(node: exp.Expression, depth: int) -> Condition:
    if depth > MAX_DEPTH:
        raise RowFilterError(f"row filter nests deeper than {MAX_DEPTH} levels")
    if isinstance(node, exp.Paren):
        return _condition(_only(node, "this")["this"], depth + 1)
    if isinstance(node, exp.And | exp.Or):
        args = _only(node, "this", "expression")
        items = (_condition(args["this"], depth + 1), _condition(args["expression"], depth + 1))
        return And(items) if isinstance(node, exp.And) else Or(items)
    if isinstance(node, exp.Not):
        return Not(_condition(_only(node, "this")["this"], depth + 1))
    if isinstance(node, exp.Boolean):
        return Constant(bool(node.this))
    if isinstance(node, exp.Column):
        return IsTrue(_field(node))
    handler = _HANDLERS.get(type(node))
    if handler is None:
        raise _refused(node)
    return handler(node)


def _compare(node: exp.Expression) -> Condition:
    args = _only(node, "this", "expression")
    left, right = _operand(args["this"]), _operand(args["expression"])
    operator = _OPERATORS[type(node)]
    if isinstance(left, Value) or (isinstance(left, Attribute) and isinstance(right, Field)):
        left, right, operator = right, left, _FLIPPED[operator]
    if isinstance(left, Value) or isinstance(right, Field):
        raise RowFilterError(
            f"`{_written(node)}` must compare one field, or one attribute of the principal, with a value"
        )
    if isinstance(left, Attribute):
        _check_attribute_condition(node, operator=operator, others=(right,))
    return Compare(left, operator, right)


def _check_attribute_condition(
    node: exp.Expression, *, operator: str, others: tuple[Attribute | Value, ...]
) -> None:
    plain = all(isinstance(each, Value) and each.kind == "string" for each in others)
    if operator not in ("=", "<>") or not plain:
        raise RowFilterError(
            f"`{_written(node)}`: an attribute without a field can only be equal to, or among, text values"
        )


def _in(node: exp.Expression) -> Condition:
    args = _only(node, "this", "expressions", "field")
    left = _operand(args["this"])
    if isinstance(left, Value):
        raise _refused(node)
    written = [*(args.get("expressions") or []), *([args["field"]] if args.get("field") else [])]
    items = tuple(_operand(each) for each in written)
    if not items or len(items) > MAX_LIST:
        raise RowFilterError(f"a list has {len(items)} items, expected 1 to {MAX_LIST}")
    values = tuple(each for each in items if not isinstance(each, Field))
    if len(values) != len(items):
        raise RowFilterError(f"`{_written(node)}` must list values, not fields")
    if isinstance(left, Attribute):
        _check_attribute_condition(node, operator="=", others=values)
    return In(left, values)


def _between(node: exp.Expression) -> Condition:
    args = _only(node, "this", "low", "high")
    field = _operand(args["this"])
    low, high = _operand(args["low"]), _operand(args["high"])
    if not isinstance(field, Field) or isinstance(low, Field) or isinstance(high, Field):
        raise RowFilterError(f"`{_written(node)}` must be a field between two values")
    return And((Compare(field, ">=", low), Compare(field, "<=", high)))


def _like(node: exp.Expression) -> Condition:
    args = _only(node, "this", "expression", "negate")
    field, pattern = _operand(args["this"]), _operand(args["expression"])
    if not isinstance(field, Field) or not isinstance(pattern, Value) or pattern.kind != "string":
        raise RowFilterError(f"`{_written(node)}` must match a field with a text pattern")
    like = Like(field, pattern.text, isinstance(node, exp.ILike))
    return Not(like) if args.get("negate") else like


def _is(node: exp.Expression) -> Condition:
    args = _only(node, "this", "expression")
    field = _operand(args["this"])
    if not isinstance(field, Field):
        raise _refused(node)
    if isinstance(args["expression"], exp.Null):
        return IsNull(field)
    if isinstance(args["expression"], exp.Boolean):
        # `f IS FALSE` is never NULL, `NOT f` may be: keep the difference
        wanted = IsTrue(field) if args["expression"].this else Not(IsTrue(field))
        return And((Not(IsNull(field)), wanted))
    raise _refused(node)


_HANDLERS: dict[type[exp.Expression], Callable[[exp.Expression], Condition]] = {
    **dict.fromkeys(_OPERATORS, _compare),
    exp.In: _in,
    exp.Between: _between,
    exp.Like: _like,
    exp.ILike: _like,
    exp.Is: _is,
}


def _operand(node: exp.Expression) -> Field | Attribute | Value:
    if isinstance(node, exp.Paren):
        return _operand(_only(node, "this")["this"])
    if isinstance(node, exp.Column):
        return _attribute_or_field(node)
    if type(node) in _FUNCTIONS:
        return _call(node)
    return _value(node)


def _attribute_or_field(node: exp.Column) -> Attribute | Field:
    if node.args.get("table") is None:
        return _field(node)
    args = _only(node, "this", "table")
    if args["table"].name != _PRINCIPAL or not isinstance(args["this"], exp.Identifier):
        raise RowFilterError(f"`{_written(node)}` must be a field or `principal.<attribute>`")
    return Attribute(args["this"].name)


def _field(node: exp.Column) -> Field:
    name = _only(node, "this")["this"]
    if not isinstance(name, exp.Identifier):
        raise _refused(node)
    return Field(name.name)


def _call(node: exp.Expression) -> Field:
    name, argument_names = _FUNCTIONS[type(node)]
    args = _only(node, "this", *argument_names)
    inner = args["this"]
    if isinstance(inner, exp.Cast | exp.TsOrDsToDate):
        raise _refused(inner)
    if not isinstance(inner, exp.Column):
        raise RowFilterError(f"`{_written(node)}`: `{name}` takes a field")
    arguments: list[Value] = []
    for key in argument_names:
        given = args.get(key)
        arguments += [
            _value(each) for each in (given if isinstance(given, list) else [given]) if each
        ]
    return Field(_field(inner).name, name, tuple(arguments))


def _value(node: exp.Expression) -> Value:
    if isinstance(node, exp.Literal):
        return Value("string" if node.is_string else "number", str(node.this))
    if isinstance(node, exp.Boolean):
        return Value("boolean", "true" if node.this else "false")
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return Value("number", f"-{node.this.this}")
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal) and node.this.is_string:
        kind = _CAST_KINDS.get(node.to.this.name)
        if kind is not None:
            return Value(kind, str(node.this.this))
    raise _refused(node)


def _only(node: exp.Expression, *allowed: str) -> dict[str, exp.Expression]:
    """The arguments of `node`; anything given beyond `allowed` is refused, since it would change the meaning."""
    for name, given in node.args.items():
        if given not in (None, False, []) and name not in allowed:
            raise _refused(node)
    return node.args


def _refused(node: exp.Expression) -> RowFilterError:
    return RowFilterError(
        f"`{_written(node)}` is not allowed in a row filter: expected comparisons, IN, BETWEEN, LIKE, IS NULL, "
        f"AND, OR, NOT, and the functions {', '.join(FUNCTION_NAMES)}"
    )


def _written(node: exp.Expression) -> str:
    return _short(node.sql(dialect=DIALECT, comments=False))
