"""Names of namespaces and tables, and the catalog names that belong to them."""

import re
from collections.abc import Sequence
from typing import TypeAlias

from storage.tables.errors import InvalidTableError

Levels: TypeAlias = tuple[str, ...]
Identifier: TypeAlias = tuple[str, ...]

DATASET_NAMESPACE = "lakewarden"
MAX_LEVELS = 8
MAX_NAME = 200
# No dot, slash or control character: the dotted name and the path in the store stay unambiguous.
_NAME = re.compile(r"\A\w[\w-]*\Z")


def check_name(name: str) -> str:
    """`name` if a namespace level or a table may have it, else InvalidTableError."""
    if len(name) > MAX_NAME or not _NAME.match(name):
        raise InvalidTableError(
            f"name `{name[:80]}` must be letters, digits, `_` and `-`, at most {MAX_NAME}, not `-` first"
        )
    return name


def check_levels(levels: Sequence[str]) -> Levels:
    """`levels` as a namespace name, else InvalidTableError."""
    if not 1 <= len(levels) <= MAX_LEVELS:
        raise InvalidTableError(f"a namespace has 1 to {MAX_LEVELS} levels, not {len(levels)}")
    return tuple(check_name(level) for level in levels)


def split_identifier(identifier: Sequence[str]) -> tuple[Levels, str]:
    """(namespace levels, table name) of an identifier such as `("raw", "flights")`."""
    if not identifier:
        raise InvalidTableError("an identifier has a namespace and a name")
    return check_levels(tuple(identifier[:-1])), check_name(identifier[-1])


def dotted(identifier: Sequence[str]) -> str:
    """The written name: `raw.flights`."""
    return ".".join(identifier)
