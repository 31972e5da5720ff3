"""SCIM filters and orders (RFC 7644 §3.4.2) as conditions of the database: no filter is evaluated row by row here.

Texts compare without case, but for `id`, `externalId` and `value` of members (RFC 7643 §2.2, `caseExact`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import and_, or_
from typing import Any, Literal

from django.db.models import (
    BooleanField,
    Case,
    Exists,
    F,
    Lookup,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.expressions import Expression
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Collate, Concat, Lower, NullIf
from django.db.models.lookups import (
    Contains,
    EndsWith,
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    IsNull,
    LessThan,
    LessThanOrEqual,
    StartsWith,
)
from scim2_models import InvalidFilterException
from scim2_models.path import (
    AttrPath,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

from api.scim import schemas
from api.scim.rendering import GROUP_PREFIX, USER_PREFIX
from identity.models import ProvisionedEmail
from identity.queries import groups_in_use, people
from identity.services.provisioning import ENTERPRISE_ATTRIBUTES

# `never` is an attribute that the rows do not have.
Kind = Literal["text", "exact", "boolean", "time", "never"]
_ENTERPRISE = str(schemas.EnterpriseUser.__schema__).lower()
_NOTHING = Q(pk__in=[])
_LOOKUPS: Mapping[str, type[Lookup[Any]]] = {
    "eq": Exact,
    "co": Contains,
    "sw": StartsWith,
    "ew": EndsWith,
    "gt": GreaterThan,
    "ge": GreaterThanOrEqual,
    "lt": LessThan,
    "le": LessThanOrEqual,
}


@dataclass(frozen=True)
class Column:
    """Where an attribute is kept, and how its values compare. Texts are never NULL: an empty one is an absent one."""

    source: Expression | F
    kind: Kind = "text"


@dataclass(frozen=True)
class Many:
    """A multi-valued attribute: `rows` of their own, whose field `link` names the resource.

    `alone` are the columns of the resource itself that make up its one value where it has no rows.
    """

    rows: Callable[[], QuerySet[Any]]
    link: str
    columns: Mapping[str, Column]
    alone: Mapping[str, Column] | None = None


Attributes = Mapping[str, Column | Many]


def _text(field: str) -> Expression:
    return Coalesce(F(field), Value(""), output_field=TextField())


def _fact(name: str) -> Expression:
    return Coalesce(KeyTextTransform(name, "attributes"), Value(""), output_field=TextField())


def _id(prefix: str) -> Expression:
    return Concat(Value(prefix), Cast("pk", TextField()), output_field=TextField())


def _active() -> Expression:
    """NULL where the provider took it back."""
    untold = When(provisioned__is_active_untold=True, then=None)
    return Case(untold, default=F("is_active"), output_field=BooleanField())


USER_ATTRIBUTES: Attributes = {
    "id": Column(_id(USER_PREFIX), "exact"),
    "externalid": Column(_text("provisioned__external_id"), "exact"),
    "username": Column(_text("username")),
    "name.givenname": Column(_text("first_name")),
    "name.familyname": Column(_text("last_name")),
    "displayname": Column(_text("provisioned__display_name")),
    "title": Column(_text("provisioned__title")),
    "active": Column(_active(), "boolean"),
    "meta.created": Column(F("date_joined"), "time"),
    "meta.lastmodified": Column(Coalesce("provisioned__modified_at", "date_joined"), "time"),
    "emails": Many(
        ProvisionedEmail.objects.all,
        "user",
        {
            "value": Column(_text("value")),
            "type": Column(_text("type")),
            "primary": Column(F("primary"), "boolean"),
        },
        alone={
            "value": Column(_text("email")),
            "type": Column(Value(""), "never"),
            "primary": Column(Value(True), "boolean"),
        },
    ),
    "groups": Many(
        groups_in_use,
        "user",
        {"value": Column(_id(GROUP_PREFIX), "exact"), "display": Column(_text("name"))},
    ),
    **{f"{_ENTERPRISE}:{name.lower()}": Column(_fact(name)) for name in ENTERPRISE_ATTRIBUTES},
}
GROUP_ATTRIBUTES: Attributes = {
    "id": Column(_id(GROUP_PREFIX), "exact"),
    "externalid": Column(_text("provisioned__external_id"), "exact"),
    "displayname": Column(_text("name")),
    "meta.created": Column(F("provisioned__created_at"), "time"),
    "meta.lastmodified": Column(F("provisioned__modified_at"), "time"),
    "members": Many(
        people,
        "groups",
        {"value": Column(_id(USER_PREFIX), "exact")},
    ),
}


def condition_of(node: FilterNode, attributes: Attributes) -> Q:
    """The rows that a filter keeps; InvalidFilterException for one on what we do not keep."""
    return _Compiler(attributes).visit(node)


def key_of_order(path: AttrPath, attributes: Attributes) -> Any:
    """What rows are ordered by; None where these have no such attribute. Who lacks a value has NULL."""
    column = attributes.get(_name_of(path))
    if attributes is USER_ATTRIBUTES and _name_of(path) in ("emails", "emails.value"):
        column = Column(_text("email"))
    if not isinstance(column, Column):
        return None
    key = _comparable(column)
    if column.kind in ("text", "exact"):
        return NullIf(key, Value(""), output_field=TextField())
    return key


def _comparable(column: Column) -> Any:
    """What comparisons use: texts by code point, in lower case unless case counts."""
    if column.kind == "text":
        return Collate(Lower(column.source), "C")
    return Collate(column.source, "C") if column.kind == "exact" else column.source


def _name_of(path: AttrPath) -> str:
    name = f"{path.attr}.{path.sub_attr}" if path.sub_attr else path.attr
    if path.uri and path.uri.lower() == _ENTERPRISE:
        return f"{_ENTERPRISE}:{name}".lower()
    return name.lower()


class _Compiler(FilterVisitor[Q]):
    """One filter over one kind of resource, or within one multi-valued attribute."""

    def __init__(self, attributes: Attributes) -> None:
        self.attributes = attributes

    def visit_comparison(self, node: Comparison) -> Q:
        column, many, name = self._find(node.attr_path)
        if many is None:
            return _compare(column, node.op.value, node.value)
        if node.value is None and node.op.value in ("eq", "ne"):
            lacking = ~_some(many, lambda _: Q()) | _some(
                many, lambda found: ~_present(found[name])
            )
            return lacking if node.op.value == "eq" else ~lacking
        # Of many values, none may equal what `ne` names; any may meet the others.
        if node.op.value == "ne":
            return ~_some(many, lambda columns: _compare(columns[name], "eq", node.value))
        return _some(many, lambda columns: _compare(columns[name], node.op.value, node.value))

    def visit_present(self, node: Present) -> Q:
        column, many, name = self._find(node.attr_path)
        if many is None:
            return _present(column)
        return _some(many, lambda columns: _present(columns[name]))

    def visit_not(self, node: Not) -> Q:
        return ~self.visit(node.expr)

    def visit_logical_expr(self, node: LogicalExpr) -> Q:
        terms = [self.visit(term) for term in node.terms]
        return reduce(and_ if node.op == LogicalOperator.and_ else or_, terms)

    def visit_value_path(self, node: ValuePath) -> Q:
        many = self.attributes.get(_name_of(node.attr_path))
        if not isinstance(many, Many):
            raise _unknown(node.attr_path)
        return _some(many, lambda columns: condition_of(node.val_filter, columns))

    def _find(self, path: AttrPath) -> tuple[Column, Many | None, str]:
        """The column of a path, with the rows that hold it, and its name in them: `emails` is `emails.value`."""
        found = self.attributes.get(_name_of(path))
        if isinstance(found, Column):
            return found, None, ""
        many = self.attributes.get(path.attr.lower())
        name = (path.sub_attr or "value").lower()
        if not isinstance(many, Many) or name not in many.columns:
            raise _unknown(path)
        return many.columns[name], many, name


def _some(many: Many, condition: Callable[[Mapping[str, Column]], Q]) -> Q:
    """Whether one of the values meets `condition`, which is made for the columns that hold it."""
    mine = many.rows().filter(**{many.link: OuterRef("pk")})
    found = Q(Exists(mine.filter(condition(many.columns))))
    if many.alone is None:
        return found
    single = _present(many.alone["value"]) & condition(many.alone)
    return found | (~Q(Exists(mine)) & single)


def _compare(column: Column, operator: str, value: Any) -> Q:  # noqa: PLR0911 - a kind, an answer
    if value is None:
        absent = {"eq": ~_present(column), "ne": _present(column)}
        return absent.get(operator, _NOTHING)
    if operator == "ne":
        return ~_compare(column, "eq", value)
    if column.kind == "never":
        return _NOTHING
    if column.kind == "boolean":
        return _compare_boolean(column, operator, value)
    if column.kind == "time":
        return Q(_LOOKUPS[operator](column.source, Value(_moment(operator, value)))) & _present(
            column
        )
    if not isinstance(value, str):
        return _NOTHING
    text = value.lower() if column.kind == "text" else value
    return Q(_LOOKUPS[operator](_comparable(column), Value(text))) & _present(column)


def _compare_boolean(column: Column, operator: str, value: Any) -> Q:
    if operator != "eq" or not isinstance(value, bool):
        raise InvalidFilterException(
            detail=f"`{operator}` does not compare a boolean with {value!r}"
        )
    return Q(Exact(column.source, Value(value))) & _present(column)


def _present(column: Column) -> Q:
    if column.kind == "never":
        return _NOTHING
    if column.kind in ("text", "exact"):
        return ~Q(Exact(column.source, Value("")))
    return Q(IsNull(column.source, False))


def _moment(operator: str, value: Any) -> datetime:
    if operator in ("co", "sw", "ew"):
        raise InvalidFilterException(detail=f"`{operator}` does not compare times")
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidFilterException(detail=f"{value!r} is not a time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unknown(path: AttrPath) -> InvalidFilterException:
    return InvalidFilterException(detail=f"`{path}` is not filtered by")
