"""From grants and policies to obligations: the exact union of rectangles, narrowed by filters, covered by masks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from governance.policy.binding import bind
from governance.policy.errors import RowFilterError
from governance.policy.masks import Mask, fitted, stronger
from governance.policy.predicates import tag_matches
from governance.policy.rows import parse_row_filter
from governance.policy.types import (
    ColumnRule,
    FieldInfo,
    FilterRows,
    MaskColumns,
    Obligations,
    Policy,
    Principal,
    Reason,
    Resource,
    Scope,
)


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Cells that one fact opens: the rows of `row_filter` (None: all) in `columns` (None: all)."""

    reason: Reason
    row_filter: str | None = None
    columns: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """No obligation can be stated, so the read is denied."""

    reasons: tuple[Reason, ...]


def oblige(
    principal: Principal,
    resource: Resource,
    *,
    rectangles: Sequence[Rectangle],
    policies: Sequence[Policy],
) -> tuple[Obligations, tuple[Reason, ...]] | Refusal:
    """The obligations of a read that `rectangles` open and `policies` narrow, with the reasons of each part."""
    opened, void = _bound_rectangles(principal, resource, rectangles)
    if not opened:
        return Refusal(tuple(void))
    filters, refused = _bound_policy_filters(principal, resource, policies)
    if refused:
        return Refusal(tuple(refused))
    # in an order of their own, so that the same facts give the same text however they were arranged
    conditions = [_union(opened), *sorted(sql for sql, _ in filters if sql is not None)]
    masks, mask_reasons = _masks(resource, policies)
    columns = _columns(resource, opened, masks)
    reasons = (
        *(rectangle.reason for rectangle in opened),
        *void,
        *(reason for _, reason in filters),
        *mask_reasons,
    )
    row_filter = " AND ".join(sql for sql in conditions if sql is not None) or None
    return Obligations(row_filter=row_filter, columns=columns), reasons


def _bound_rectangles(
    principal: Principal, resource: Resource, rectangles: Sequence[Rectangle]
) -> tuple[list[Rectangle], list[Reason]]:
    """Those that fit the dataset as it is, with their filters as SQL; and why the others open nothing."""
    opened: list[Rectangle] = []
    void: list[Reason] = []
    for rectangle in rectangles:
        if rectangle.columns is not None and rectangle.columns.isdisjoint(resource.field_types):
            void.append(_void(rectangle.reason, "none of its columns exists"))
            continue
        try:
            sql = _bound(principal, resource, rectangle.row_filter)
        except RowFilterError as error:
            void.append(_void(rectangle.reason, error.message))
        else:
            opened.append(replace(rectangle, row_filter=sql))
    return opened, void


def _void(reason: Reason, why: str) -> Reason:
    return replace(reason, text=f"{reason.text}: opens nothing, since {why}")


def _bound(principal: Principal, resource: Resource, sql: str | None) -> str | None:
    if sql is None:
        return None
    condition = parse_row_filter(sql)
    return bind(condition, field_types=resource.field_types, attributes=principal.attributes)


def _bound_policy_filters(
    principal: Principal, resource: Resource, policies: Sequence[Policy]
) -> tuple[list[tuple[str | None, Reason]], list[Reason]]:
    filters: list[tuple[str | None, Reason]] = []
    refused: list[Reason] = []
    for policy in policies:
        if not isinstance(policy.effect, FilterRows):
            continue
        try:
            sql = _bound(principal, resource, policy.effect.sql)
        except RowFilterError as error:
            text = f"policy `{policy.name}` cannot filter rows here and denies: {error.message}"
            refused.append(Reason("policy", text, policy.id, policy.version))
        else:
            text = f"policy `{policy.name}` filters rows"
            filters.append((sql, Reason("policy", text, policy.id, policy.version)))
    return filters, refused


def _union(rectangles: Sequence[Rectangle]) -> str | None:
    """The rows that any of the rectangles opens, as SQL; None is every row."""
    filters: set[str] = set()
    for rectangle in rectangles:
        if rectangle.row_filter is None:
            return None
        filters.add(rectangle.row_filter)
    return filters.pop() if len(filters) == 1 else "(" + " OR ".join(sorted(filters)) + ")"


def _columns(
    resource: Resource, rectangles: Sequence[Rectangle], masks: dict[str, Mask | None]
) -> tuple[ColumnRule, ...]:
    """The columns that some rectangle opens, each with the rows in which it does.

    INVARIANT: a cell is visible exactly where some rectangle holds both its row and its column.
    """
    whole = _union(rectangles)
    unions: dict[tuple[bool, ...], str | None] = {}
    rules: list[ColumnRule] = []
    for field in resource.fields:
        membership = tuple(r.columns is None or field.name in r.columns for r in rectangles)
        mask = masks.get(field.name)
        if not any(membership) or (field.name in masks and mask is None):
            continue
        if membership not in unions:
            inside = [r for r, is_in in zip(rectangles, membership, strict=True) if is_in]
            part = _union(inside)
            # the same rows as the row filter: then there is nothing to hide within a visible row
            unions[membership] = None if part == whole else part
        rules.append(ColumnRule(field.name, field.id, field.type, unions[membership], mask))
    return tuple(rules)


def _masks(
    resource: Resource, policies: Sequence[Policy]
) -> tuple[dict[str, Mask | None], list[Reason]]:
    """The mask of each covered field, None where only leaving the field out would do, and why, a reason a policy."""
    wanted: dict[str, list[Mask]] = {}
    covering: list[tuple[Policy, list[FieldInfo]]] = []
    for policy in policies:
        if isinstance(policy.effect, MaskColumns):
            fields = covered_fields(policy.scope, resource)
            covering.append((policy, fields))
            for field in fields:
                wanted.setdefault(field.name, []).append(policy.effect.mask)
    masks = {
        field.name: fitted(stronger(wanted[field.name]), field.type, required=field.required)
        for field in resource.fields
        if field.name in wanted
    }
    reasons = [_mask_reason(policy, fields, masks) for policy, fields in covering if fields]
    return masks, reasons


def covered_fields(scope: Scope, resource: Resource) -> list[FieldInfo]:
    """The fields that a mask policy with this scope covers: each of tag and name that it states must fit."""
    tags = {
        tag
        for pattern in scope.field_tags
        for tag in resource.field_tags
        if tag_matches(pattern, tag)
    }
    return [
        field
        for field in resource.fields
        if (not scope.field_tags or not tags.isdisjoint(field.tags))
        and (not scope.fields or field.name in scope.fields)
    ]


def _mask_reason(
    policy: Policy, fields: Sequence[FieldInfo], masks: dict[str, Mask | None]
) -> Reason:
    parts = [_mask_text(policy.scope, field, masks[field.name]) for field in fields]
    text = f"policy `{policy.name}` {', '.join(parts)}"
    return Reason("policy", text, policy.id, policy.version)


def _mask_text(scope: Scope, field: FieldInfo, mask: Mask | None) -> str:
    how = f"masks `{field.name}` by {mask.value}" if mask else f"withholds `{field.name}`"
    origins = [
        f"tag `{tag}` inherited along {len(path) - 1} edges of lineage"
        for tag, path in sorted(field.label_paths.items())
        if any(tag_matches(pattern, tag) for pattern in scope.field_tags)
    ]
    return f"{how} ({'; '.join(origins)})" if origins else how
