"""A read decision as `read-restrictions` of loadTable (apache/iceberg#13879).

An engine applies the row filter to original values, then the action of each column. It can neither drop a column nor
hide single cells: a column that the caller may not see is replaced by NULL, or by a fixed value where NULL may not
stand. What fits neither is refused, never left out.
"""

from typing import Any

from pyiceberg.schema import Schema
from pyiceberg.types import NestedField

from governance.policy.masks import Mask, mask_fits
from governance.policy.types import Decision
from storage.tables.expressions import InexpressibleError, to_expression
from storage.tables.schema import type_name


def is_unrestricted(decision: Decision, schema: Schema) -> bool:
    """Whether the caller may read every row and every column as it is."""
    obligations = decision.obligations
    if not decision.allowed or obligations is None or obligations.row_filter is not None:
        return False
    plain = {
        each.name for each in obligations.columns if each.mask is None and each.visible_when is None
    }
    return plain >= {field.name for field in schema.fields}


def read_restrictions(decision: Decision, schema: Schema) -> dict[str, Any]:
    """The restrictions of an allowed read; InexpressibleError where the specification cannot say them."""
    if decision.obligations is None:
        raise InexpressibleError("reading this table is not allowed")
    narrowed, _ = decision.obligations.narrowed()
    restrictions: dict[str, Any] = {}
    masks = {each.name: each.mask for each in narrowed.columns}
    projections = [
        {"field-id": field.field_id, "action": str(mask)}
        for field in schema.fields
        if (mask := _action(field, masks)) is not None
    ]
    if projections:
        restrictions["required-column-projections"] = projections
    if narrowed.row_filter is not None:
        restrictions["required-row-filter"] = to_expression(narrowed.row_filter)
    return restrictions


def lost_columns(decision: Decision) -> tuple[str, ...]:
    """The columns that the caller may read in some rows, and that an engine hides in all: one filter is all it takes."""
    return () if decision.obligations is None else decision.obligations.narrowed()[1]


def _action(field: NestedField, masks: dict[str, Mask | None]) -> Mask | None:
    if field.name in masks:
        return masks[field.name]
    kind = type_name(field.field_type)
    for candidate in (Mask.REPLACE_WITH_NULL, Mask.MASK_TO_FIXED_VALUE):
        if mask_fits(candidate, kind, required=field.required):
            return candidate
    raise InexpressibleError(
        f"column `{field.name}` can be hidden from you by the governed read only"
    )
