"""Where a dataset is no longer what its contract promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catalog.contracts.columns import columns_of, object_for, same_type


@dataclass(frozen=True, slots=True)
class PresentColumn:
    """A field of the present schema."""

    name: str
    type: str
    nullable: bool


def drift_of(
    document: dict[str, Any], *, name: str, present: Sequence[PresentColumn]
) -> dict[str, Any]:
    """What differs between a contract and the present schema of the dataset `name`.

    `breaking` tells whether a promise is broken: a promised column is gone, has another type, or may be null although it
    is required. A column that the contract does not know breaks nothing. Without an object that describes the dataset
    there is nothing to compare, and `described` is false.
    """
    described = object_for(document, name=name)
    if described is None:
        return {"described": False, "breaking": False, "differences": []}
    promised = {each.name: each for each in columns_of(described)}
    there = {each.name: each for each in present}
    differences: list[dict[str, Any]] = []
    for column in promised.values():
        found = there.get(column.name)
        if found is None:
            differences.append({"kind": "missing", "column": column.name, "breaking": True})
            continue
        if not same_type(found.type, column):
            differences.append(
                {
                    "kind": "type",
                    "column": column.name,
                    "breaking": True,
                    "promised": column.physical_type or column.logical_type,
                    "present": found.type,
                }
            )
        if column.required and found.nullable:
            differences.append({"kind": "nullable", "column": column.name, "breaking": True})
    differences += [
        {"kind": "unpromised", "column": each.name, "breaking": False}
        for each in present
        if each.name not in promised
    ]
    return {
        "described": True,
        "breaking": any(each["breaking"] for each in differences),
        "differences": differences,
    }
