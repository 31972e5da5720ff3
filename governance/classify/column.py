"""The sampled values of a field, made comparable: text, without blanks and repetitions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from governance.classify.words import Name, read_name, word_set

MAX_VALUES = 200
MAX_LENGTH = 2000
# What people and programs write where there is nothing.
_BLANKS = word_set(
    """
    #n/a (null) - -- . ? \n missing n/a na nan nil none null tbd test undefined unknown xxx
    """
)
_FAMILIES = {
    "boolean": ("bool",),
    "timestamp": ("timestamp", "datetime"),
    "date": ("date",),
    "time": ("time",),
    "integer": ("int", "long", "short", "serial", "bigint", "smallint", "tinyint", "uint"),
    "decimal": ("double", "float", "decimal", "numeric", "real", "number", "money"),
    "binary": ("binary", "bytes", "blob", "fixed", "varbinary"),
    "uuid": ("uuid",),
    "nested": ("struct", "list", "map", "array", "object", "record", "json", "variant"),
}


@dataclass(frozen=True)
class Column:
    """A field as the detectors see it. `values` are distinct texts; `raw` are as sampled, blanks left out."""

    name: Name
    family: str
    raw: tuple[Any, ...]

    @cached_property
    def values(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_text(each) for each in self.raw))

    @cached_property
    def is_prose(self) -> bool:
        """Whether the values are running text, in which something may be mentioned."""
        worded = [each for each in self.values if each.count(" ") >= 4]
        return len(worded) * 3 > len(self.values) and any(len(each) > 40 for each in worded)


def read_column(
    name: str, kind: str, samples: Iterable[Any], *, path: Iterable[str] = ()
) -> Column:
    """The field `name` of type `kind` with its sampled values; `path` are the names of what it is in, outermost first."""
    kept: list[Any] = []
    for each in samples:
        if len(kept) == MAX_VALUES:
            break
        kept += [value for value in _flat(each) if not _is_blank(value)]
    return Column(read_name(name, path=tuple(path)), _family(kind, kept), tuple(kept[:MAX_VALUES]))


def _family(kind: str, values: list[Any]) -> str:
    word = kind.strip().lower()
    for family, starts in _FAMILIES.items():
        if word.startswith(starts):
            return family
    if not word and values and all(isinstance(each, bool) for each in values):
        return "boolean"
    return "text" if word else _seen_family(values)


def _seen_family(values: list[Any]) -> str:
    if values and all(isinstance(each, int) for each in values):
        return "integer"
    if values and all(isinstance(each, float | Decimal) for each in values):
        return "decimal"
    if values and all(isinstance(each, date) for each in values):
        return "date"
    return "text"


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple | set):
        return [leaf for each in value for leaf in _flat(each)]
    if isinstance(value, Mapping):
        return []  # its parts are fields, or are found by `documents`
    return [value]


def _is_blank(value: Any) -> bool:
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        return True
    return isinstance(value, str) and (not value.strip() or value.strip().lower() in _BLANKS)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value[:MAX_LENGTH].decode("utf-8", "replace")
    if isinstance(value, float | Decimal) and value == int(value):
        value = int(value)
    text = str(value).strip().strip("\"'")[:MAX_LENGTH]
    return text.removesuffix(".0") if text.removesuffix(".0").isdigit() else text
