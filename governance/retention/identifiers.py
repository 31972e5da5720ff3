"""What a person is found by: values of labelled fields or named columns, and what is computed from them.

A value is compared as people write it: without regard to case and to spaces around it. Where a hash stands for it, the
digest of the value as given, in lower case and without spaces is looked for, in the common functions and forms.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

from core.errors import InvalidInputError
from core.sealing import seal, unseal

MAX_IDENTIFIERS = 50
MAX_VALUE = 500
# A shorter value stands in too many texts by chance: it is compared with whole values only.
SHORTEST_MENTION = 6
_DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_LABEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Identifier:
    """`label` (a tag of fields) or `column` (`namespace:name#field`), one of them, and the value."""

    value: str
    label: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class Forms:
    """All forms in lower case. `whole`: values that are the person's; `within`: texts that tell of them where they stand."""

    whole: frozenset[str]
    within: tuple[str, ...]
    raw: frozenset[bytes]

    def are_in(self, text: str) -> bool:
        """Whether a text that is not a value of the data (a path, a document) tells of the person."""
        lowered = text.lower()
        return any(form in lowered for form in self.within)


def parse_identifiers(given: Any) -> list[Identifier]:
    """The identifiers of a request. Raises InvalidInputError, which quotes no value."""
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_IDENTIFIERS:
        raise InvalidInputError(f"`identifiers` must be a list of 1 to {MAX_IDENTIFIERS}")
    return [_parse(each, place) for place, each in enumerate(given)]


def _parse(given: Any, place: int) -> Identifier:
    pointer = f"/identifiers/{place}"
    if not isinstance(given, Mapping) or not set(given) <= {"label", "column", "value"}:
        raise InvalidInputError(
            f"`{pointer}` must have `value`, and `label` or `column`", pointer=pointer
        )
    label, column, value = (given.get(key, "") for key in ("label", "column", "value"))
    if not all(isinstance(each, str) for each in (label, column, value)):
        raise InvalidInputError(f"`{pointer}` must hold texts", pointer=pointer)
    if bool(label) == bool(column) or (label and not _LABEL.fullmatch(label)):
        raise InvalidInputError(f"`{pointer}` must have a `label` or a `column`", pointer=pointer)
    if column and not ("#" in column and ":" in column):
        raise InvalidInputError(f"`{pointer}/column` must be namespace:name#field", pointer=pointer)
    if not value.strip() or len(value) > MAX_VALUE:
        raise InvalidInputError(
            f"`{pointer}/value` must have 1 to {MAX_VALUE} characters", pointer=pointer
        )
    return Identifier(value=value, label=label, column=column)


def seal_identifiers(identifiers: Sequence[Identifier], *, use: str) -> bytes:
    """The identifiers, encrypted; `use` as in `core.sealing`."""
    return seal(orjson.dumps(identifiers).decode(), use=use)


def unseal_identifiers(sealed: bytes | memoryview | None, *, use: str) -> list[Identifier]:
    """What was sealed; nothing where it was forgotten. Raises InvalidInputError where the key is another by now."""
    if sealed is None:
        return []
    text = unseal(bytes(sealed), use=use)
    if text is None:
        raise InvalidInputError("the identifiers were sealed with another key: ask again")
    return [Identifier(**each) for each in orjson.loads(text)]


def forms_of(identifiers: Iterable[Identifier]) -> Forms:
    """Everything that tells of the person in data: their values, and the digests of these."""
    whole: set[str] = set()
    within: set[str] = set()
    raw: set[bytes] = set()
    for each in identifiers:
        plain = each.value.strip()
        whole.add(plain.lower())
        if len(plain) >= SHORTEST_MENTION:
            encoded = {quote(plain), quote_plus(plain), quote(plain, safe="")}
            within |= {plain.lower(), *(text.lower() for text in encoded)}
            raw.add(plain.encode())
        for text in {each.value, plain, plain.lower(), plain.upper()}:
            for name in _DIGESTS:
                digest = hashlib.new(name, text.encode(), usedforsecurity=False).digest()
                raw.add(digest)
                hexadecimal = digest.hex()
                encoded64 = base64.b64encode(digest).decode().lower()
                whole |= {hexadecimal, encoded64, encoded64.rstrip("=")}
                within.add(hexadecimal)
    return Forms(whole=frozenset(whole), within=tuple(sorted(within)), raw=frozenset(raw))
