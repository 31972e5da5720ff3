"""Fitting a row filter to a dataset's fields and a principal's attributes, and writing it as DuckDB SQL.

What a filter asks of each field is a set of type families, field by field, so that "does this filter fit that
dataset" is also a question that a list query can ask in SQL.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from governance.policy.attributes import AttributeValue, attribute_texts
from governance.policy.errors import RowFilterError
from governance.policy.fieldtypes import Family, family_of
from governance.policy.mask_sql import quote_identifier, quote_string
from governance.policy.rows import (
    And,
    Attribute,
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
)

Attributes = Mapping[str, AttributeValue]
# Stands for whatever attributes any principal may have: for checks that are made when a policy is written.
ANY_ATTRIBUTES: Attributes = MappingProxyType({})
# What a filter asks of each field it names; None is any type.
Requirements = dict[str, frozenset[Family] | None]

_NUMBER = re.compile(r"\A-?\d{1,18}(\.\d{1,18})?\Z", re.ASCII)
_UUID = re.compile(r"\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_DATE_OR_TIME = re.compile(
    r"\A\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?\Z", re.ASCII
)
# the year of an instant with zone would depend on the session's zone
_DATED = frozenset({Family.DATE, Family.TIMESTAMP})
# function: family that its field must have, family that it gives
_FUNCTION_TYPES: Mapping[str, tuple[frozenset[Family], Family]] = {
    "lower": (frozenset({Family.STRING}), Family.STRING),
    "upper": (frozenset({Family.STRING}), Family.STRING),
    "trim": (frozenset({Family.STRING}), Family.STRING),
    "substring": (frozenset({Family.STRING}), Family.STRING),
    "length": (frozenset({Family.STRING}), Family.NUMBER),
    "abs": (frozenset({Family.NUMBER}), Family.NUMBER),
    "year": (_DATED, Family.NUMBER),
    "month": (_DATED, Family.NUMBER),
}
_LITERAL_TYPES = {
    Family.DATE: "DATE",
    Family.TIMESTAMP: "TIMESTAMP",
    Family.TIMESTAMPTZ: "TIMESTAMPTZ",
    Family.UUID: "UUID",
}


def requirements_of(condition: Condition, attributes: Attributes) -> Requirements:
    """The type families that `condition` asks of each field, given the principal's attributes.

    Raises RowFilterError where an attribute is missing or no type at all would do.
    """
    found: Requirements = {}
    _collect(condition, attributes, found)
    return found


def bind(condition: Condition, *, field_types: Mapping[str, str], attributes: Attributes) -> str:
    """`condition` as DuckDB SQL with quoted identifiers and typed literals.

    Raises RowFilterError for a missing attribute, an unknown field, or a type that does not fit.
    """
    for name, families in requirements_of(condition, attributes).items():
        if name not in field_types:
            raise RowFilterError(
                f"row filter names field `{name}`, which the dataset does not have"
            )
        if families is not None and family_of(field_types[name]) not in families:
            expected = ", ".join(sorted(families))
            raise RowFilterError(
                f"row filter uses field `{name}` as {expected}, but it is `{field_types[name]}`"
            )
    return _Writer(field_types, attributes).write(condition)


def _collect(condition: Condition, attributes: Attributes, found: Requirements) -> None:
    match condition:
        case And(items) | Or(items):
            for item in items:
                _collect(item, attributes, found)
        case Not(item):
            _collect(item, attributes, found)
        case Constant():
            pass
        case IsNull(field):
            _require(field, None, found)
        case IsTrue(field):
            _require(field, frozenset({Family.BOOLEAN}), found)
        case Like(field):
            _require(field, frozenset({Family.STRING}), found)
        case Compare(left, operator, right):
            _collect_compared(left, operator, [_single(right, attributes)], attributes, found)
        case In(left, items):
            values = [each for item in items for each in _several(item, attributes)]
            _collect_compared(left, "=", values, attributes, found)


def _collect_compared(
    left: Field | Attribute,
    operator: str,
    values: list[Value],
    attributes: Attributes,
    found: Requirements,
) -> None:
    if isinstance(left, Attribute):
        _single(left, attributes)
        return
    families = frozenset(Family)
    for value in values:
        families &= families_of(value)
    if operator not in ("=", "<>"):
        families -= {Family.BOOLEAN, Family.UUID}
    _require(left, families, found)


def _require(field: Field, families: frozenset[Family] | None, found: Requirements) -> None:
    """Add what using `field` as one of `families` asks of it; a function asks in place of its result."""
    needed = families
    if field.function == "coalesce":
        for value in field.arguments:
            needed = families_of(value) if needed is None else needed & families_of(value)
    elif field.function is not None:
        needed, result = _FUNCTION_TYPES[field.function]
        if families is not None and result not in families:
            raise RowFilterError(f"`{field.function}` of field `{field.name}` gives a {result}")
        _check_arguments(field)
    before = found.get(field.name)
    if needed is None:
        needed = before
    elif before is not None:
        needed = needed & before
    if needed is not None and not needed:
        raise RowFilterError(f"no type of field `{field.name}` fits every comparison with it")
    found[field.name] = needed


def _check_arguments(field: Field) -> None:
    if not all(value.kind == "number" and value.text.isdecimal() for value in field.arguments):
        raise RowFilterError(f"`{field.function}` of field `{field.name}` takes whole numbers")


def families_of(value: Value) -> frozenset[Family]:
    """The type families that a field may have to be compared with `value`."""
    text = value.text
    if value.kind == "unknown":
        return frozenset(Family)
    if value.kind == "number":
        return frozenset({Family.NUMBER}) if _NUMBER.match(text) else frozenset()
    if value.kind == "boolean":
        return frozenset({Family.BOOLEAN})
    dated = _dated_families(text)
    if value.kind in ("date", "timestamp"):
        return dated
    families = {Family.STRING, *dated}
    if _UUID.match(text):
        families.add(Family.UUID)
    if value.kind == "attribute":
        # an identity provider sends untyped text, so numbers and booleans are read from it too
        families |= {Family.NUMBER} if _NUMBER.match(text) else set()
        families |= {Family.BOOLEAN} if text in ("true", "false") else set()
    return frozenset(families)


def _dated_families(text: str) -> frozenset[Family]:
    # Python also reads forms that DuckDB does not (20200101, 2020-W01-1), hence the pattern
    if not _DATE_OR_TIME.match(text):
        return frozenset()
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return frozenset()
    if len(text) == len("2020-01-01"):
        return frozenset({Family.DATE, Family.TIMESTAMP})
    return frozenset({Family.TIMESTAMPTZ if parsed.tzinfo else Family.TIMESTAMP})


def _several(item: Attribute | Value, attributes: Attributes) -> list[Value]:
    if isinstance(item, Value):
        return [item]
    if attributes is ANY_ATTRIBUTES:
        return [Value("unknown", "")]
    if attributes.get(item.name) is None:
        raise RowFilterError(f"the principal has no attribute `{item.name}`")
    texts = attribute_texts(attributes[item.name])
    if any("\0" in text for text in texts):
        raise RowFilterError(f"attribute `{item.name}` holds a NUL character")
    return [Value("attribute", text) for text in texts]


def _single(item: Attribute | Value, attributes: Attributes) -> Value:
    values = _several(item, attributes)
    if attributes is ANY_ATTRIBUTES or isinstance(item, Value):
        return values[0]
    if not isinstance(attributes[item.name], str | int | float):
        raise RowFilterError(f"attribute `{item.name}` is a list: use `IN (principal.{item.name})`")
    return values[0]


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes a condition whose requirements are known to be met."""

    field_types: Mapping[str, str]
    attributes: Attributes

    def write(self, condition: Condition) -> str:  # noqa: PLR0911  # one answer a kind of condition
        match condition:
            case And(items):
                return "(" + " AND ".join(self.write(item) for item in items) + ")"
            case Or(items):
                return "(" + " OR ".join(self.write(item) for item in items) + ")"
            case Not(item):
                return f"(NOT {self.write(item)})"
            case Constant(value):
                return "TRUE" if value else "FALSE"
            case IsNull(field):
                return f"({self._field(field)} IS NULL)"
            case IsTrue(field):
                return self._field(field)
            case Like(field, pattern, ignore_case):
                return f"({self._field(field)} {'ILIKE' if ignore_case else 'LIKE'} {quote_string(pattern)})"
            case Compare(left, operator, right):
                return self._compared(left, operator, [_single(right, self.attributes)])
            case In(left, items):
                values = [each for item in items for each in _several(item, self.attributes)]
                return self._compared(left, "IN", values)

    def _compared(self, left: Field | Attribute, operator: str, values: list[Value]) -> str:
        if isinstance(left, Attribute):
            among = _single(left, self.attributes).text in {value.text for value in values}
            return "FALSE" if among is (operator == "<>") else "TRUE"
        if not values:
            return "FALSE"
        family = self._family(left)
        written = ", ".join(_literal(value, family) for value in values)
        return f"({self._field(left)} {operator} {f'({written})' if operator == 'IN' else written})"

    def _family(self, field: Field) -> Family | None:
        if field.function is not None and field.function in _FUNCTION_TYPES:
            return _FUNCTION_TYPES[field.function][1]
        return family_of(self.field_types[field.name])

    def _field(self, field: Field) -> str:
        name = quote_identifier(field.name)
        if field.function is None:
            return name
        own = self._family(field) if field.function == "coalesce" else Family.NUMBER
        written = "".join(f", {_literal(value, own)}" for value in field.arguments)
        return f"{field.function}({name}{written})"


def _literal(value: Value, family: Family | None) -> str:
    if family in (Family.NUMBER, Family.BOOLEAN):
        # INVARIANT: `families_of` let only plain decimal numbers and `true` or `false` come here
        return value.text
    quoted = quote_string(value.text)
    return f"CAST({quoted} AS {_LITERAL_TYPES[family]})" if family in _LITERAL_TYPES else quoted
