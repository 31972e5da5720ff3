"""The nine column masks: what they do, which types they fit, which of two is the stronger.

Names and semantics are the closed set of actions of `read-restrictions` in the Iceberg REST catalog
specification (apache/iceberg#13879): NULL stays NULL, except under `mask-to-fixed-value`, whose output is the same
for every input. `apply` is the reference that every rendering is tested against.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from governance.policy.fieldtypes import base_type


class Mask(StrEnum):
    """From the weakest to the strongest: of two masks on one field the later one is applied.

    The order goes by what is left: characters of the value, then equality between values (guessable from a
    dictionary, then within one query only), then its shape, then a coarse date, then nothing.
    """

    SHOW_LAST_4 = "show-last-4"
    SHOW_FIRST_4 = "show-first-4"
    SHA_256_GLOBAL = "sha-256-global"
    SHA_256_QUERY_LOCAL = "sha-256-query-local"
    MASK_ALPHANUM = "mask-alphanum"
    TRUNCATE_TO_MONTH = "truncate-to-month"
    TRUNCATE_TO_YEAR = "truncate-to-year"
    MASK_TO_FIXED_VALUE = "mask-to-fixed-value"
    REPLACE_WITH_NULL = "replace-with-null"


MIN_SALT_BYTES = 16
_STRENGTH = {mask: place for place, mask in enumerate(Mask)}
_TEXT_TYPES = frozenset({"string"})
_HASHED_TYPES = frozenset({"string", "int", "long", "binary"})
_DATED_TYPES = frozenset(
    {"date", "timestamp", "timestamptz", "timestamp_ns", "timestamptz_ns"},
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # a timestamp without zone has none

FIXED_VALUES: dict[str, Any] = {
    "boolean": False,
    "int": 0,
    "long": 0,
    "float": 0.0,
    "double": 0.0,
    "decimal": Decimal(0),
    "string": "XXXXXXXX",
    "date": date(1970, 1, 1),
    "time": time(0),
    "timestamp": _EPOCH,
    "timestamp_ns": _EPOCH,
    "timestamptz": _EPOCH.replace(tzinfo=UTC),
    "timestamptz_ns": _EPOCH.replace(tzinfo=UTC),
    "uuid": UUID(int=0),
    "binary": b"",
}

_FITTING: dict[Mask, frozenset[str]] = {
    Mask.SHOW_LAST_4: _TEXT_TYPES,
    Mask.SHOW_FIRST_4: _TEXT_TYPES,
    Mask.MASK_ALPHANUM: _TEXT_TYPES,
    Mask.SHA_256_GLOBAL: _HASHED_TYPES,
    Mask.SHA_256_QUERY_LOCAL: _HASHED_TYPES,
    Mask.TRUNCATE_TO_MONTH: _DATED_TYPES,
    Mask.TRUNCATE_TO_YEAR: _DATED_TYPES,
    Mask.MASK_TO_FIXED_VALUE: frozenset(FIXED_VALUES),
}


def mask_fits(mask: Mask, type_name: str, *, required: bool = False) -> bool:
    """Whether `mask` can be applied to a field of this type. `replace-with-null` fits all optional fields."""
    if mask is Mask.REPLACE_WITH_NULL:
        return not required
    return base_type(type_name) in _FITTING[mask]


def stronger(masks: Iterable[Mask]) -> Mask:
    """The strongest of one or more masks, in the stated order."""
    return max(masks, key=_STRENGTH.__getitem__)


def fitted(mask: Mask, type_name: str, *, required: bool = False) -> Mask | None:
    """`mask`, or where it does not fit the type the one that hides all; None where not even that can be applied.

    A label may travel along lineage to a field of another type (a count of e-mail addresses); hiding it all
    is then the closed answer, and refusing the whole table would punish the wrong people.
    """
    for candidate in (mask, Mask.REPLACE_WITH_NULL, Mask.MASK_TO_FIXED_VALUE):
        if mask_fits(candidate, type_name, required=required):
            return candidate
    return None


def apply(mask: Mask, value: Any, type_name: str, *, salt: bytes = b"") -> Any:
    """The masked value. `salt` (16 bytes or more, one a query) is used by `sha-256-query-local` only."""
    if mask is Mask.MASK_TO_FIXED_VALUE:
        return FIXED_VALUES[base_type(type_name)]
    if value is None or mask is Mask.REPLACE_WITH_NULL:
        return None
    if mask in (Mask.TRUNCATE_TO_YEAR, Mask.TRUNCATE_TO_MONTH):
        return _truncated(value, to_year=mask is Mask.TRUNCATE_TO_YEAR)
    if mask in (Mask.SHA_256_GLOBAL, Mask.SHA_256_QUERY_LOCAL):
        local = mask is Mask.SHA_256_QUERY_LOCAL
        return _hashed(value, base_type(type_name), checked_salt(salt) if local else b"")
    return _redacted(mask, value)


def checked_salt(salt: bytes) -> bytes:
    """`salt`, refused where it is too short to keep equal values of two queries apart."""
    if len(salt) < MIN_SALT_BYTES:
        raise ValueError(f"salt has {len(salt)} bytes, expected {MIN_SALT_BYTES} or more")
    return salt


def _redacted(mask: Mask, value: str) -> str:
    if mask is Mask.MASK_ALPHANUM:
        return _alphanum(value)
    if len(value) <= 4:  # noqa: PLR2004  # the four of the mask's name
        return value
    if mask is Mask.SHOW_FIRST_4:
        return value[:4] + _alphanum(value[4:])
    return _alphanum(value[:-4]) + value[-4:]


def _alphanum(value: str) -> str:
    return "".join("n" if c in "0123456789" else c if c in "(),.-@" else "x" for c in value)


def _truncated(value: Any, *, to_year: bool) -> Any:
    month = 1 if to_year else value.month
    if not isinstance(value, datetime):
        return value.replace(month=month, day=1)
    utc = value.astimezone(UTC) if value.tzinfo else value
    month = 1 if to_year else utc.month
    return utc.replace(month=month, day=1, hour=0, minute=0, second=0, microsecond=0)


def _hashed(value: Any, base: str, salt: bytes) -> Any:
    if base == "string":
        return hashlib.sha256(salt + value.encode()).hexdigest()
    if base == "binary":
        return hashlib.sha256(salt + value).digest()
    width = 4 if base == "int" else 8
    digest = hashlib.sha256(salt + value.to_bytes(width, "little", signed=True)).digest()
    return int.from_bytes(digest[:width], "little", signed=True)
