"""What a principal's record says of them, as policies and row filters compare it: as text."""

from collections.abc import Sequence
from typing import Any, TypeAlias

AttributeValue: TypeAlias = str | int | float | bool | Sequence[str | int | float | bool]


def attribute_texts(value: AttributeValue | None) -> tuple[str, ...]:
    """The values of an attribute as text; booleans as `true` and `false`; () where it is missing."""
    if value is None:
        return ()
    if isinstance(value, str | int | float):
        return (_text(value),)
    return tuple(_text(each) for each in value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
