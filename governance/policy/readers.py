"""Reading parts of documents strictly: each reader returns what it found, or raises PolicyDocumentError with its place."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from governance.policy.errors import PolicyDocumentError

MAX_VALUES = 1000
_NAME = re.compile(r"\A[a-zA-Z0-9_-]{1,120}\Z")


def read_mapping(given: Any, pointer: str) -> dict[str, Any]:
    """A mapping with text keys."""
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        raise PolicyDocumentError("expected a mapping with text keys", pointer=pointer)
    return given


def check_keys(mapping: Mapping[str, Any], known: Iterable[str], pointer: str) -> None:
    """Raise PolicyDocumentError for a key that is not one of `known`."""
    allowed = sorted(known)
    for key in mapping:
        if key not in allowed:
            raise PolicyDocumentError(
                f"`{key}` is not known, expected one of {', '.join(allowed)}", pointer=pointer
            )


def read_text(given: Any, pointer: str, *, empty: bool = False) -> str:
    """A text without control characters."""
    if not isinstance(given, str) or (not given and not empty):
        raise PolicyDocumentError("expected a text", pointer=pointer)
    if any(ord(char) < ord(" ") and char not in "\n\t" for char in given):
        raise PolicyDocumentError("expected no control characters", pointer=pointer)
    return given


def read_name(given: Any) -> str:
    """A name of 1 to 120 letters, digits, hyphens and underscores."""
    if not isinstance(given, str) or not _NAME.match(given):
        raise PolicyDocumentError(
            "expected 1 to 120 letters, digits, hyphens and underscores", pointer="/name"
        )
    return given


def read_texts(given: Any, pointer: str, *, empty: bool = False) -> list[str]:
    """One text or a list of texts."""
    if isinstance(given, str):
        return [read_text(given, pointer)]
    if not isinstance(given, list) or (not given and not empty) or len(given) > MAX_VALUES:
        raise PolicyDocumentError(
            f"expected a text or a list of 1 to {MAX_VALUES}", pointer=pointer
        )
    return [read_text(each, f"{pointer}/{place}") for place, each in enumerate(given)]


def read_scalars(given: Any, pointer: str) -> list[str]:
    """Attribute values: text, numbers and booleans, as the text that attributes are compared by."""
    values = given if isinstance(given, list) else [given]
    if not values or not all(isinstance(each, str | int | float) for each in values):
        raise PolicyDocumentError("expected a value or a list of values", pointer=pointer)
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def read_one_of(given: Any, allowed: list[str], pointer: str) -> str:
    """One of the allowed texts."""
    if given not in allowed:
        raise PolicyDocumentError(
            f"`{given}` is not known, expected one of {', '.join(allowed)}", pointer=pointer
        )
    return str(given)


def read_instant(given: Any, pointer: str) -> datetime | None:
    """An instant with its offset; None for nothing."""
    if given is None:
        return None
    try:
        instant = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        instant = None
    if instant is None or instant.tzinfo is None:
        raise PolicyDocumentError(
            "expected an ISO 8601 instant with its offset, like 2026-01-31T00:00:00Z",
            pointer=pointer,
        )
    return instant
