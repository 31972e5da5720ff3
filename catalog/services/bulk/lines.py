"""The lines of an import or export: one JSON object each, told apart by `kind`.

A key that a line leaves out leaves what is stored as it is; a key that is there replaces it.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from catalog.models.dataset import DatasetKind, DatasetStructure
from catalog.models.lineage import Direction, EdgeOrigin
from catalog.models.product import PortDirection, ProductStatus
from catalog.models.properties import PropertyTarget
from core.errors import InvalidInputError, LimitExceededError

MAX_DEPTH = 64
MIN_INTEGER, MAX_INTEGER = -(1 << 63), (1 << 63) - 1
# How JSON (RFC 8259 §7) can write U+0000, which PostgreSQL refuses.
ESCAPED_NUL = b"\\u0000"

Namespace = Annotated[str, Meta(min_length=1, max_length=500)]
Name = Annotated[str, Meta(min_length=1, max_length=1000)]
FieldName = Annotated[str, Meta(min_length=1, max_length=500)]
FieldType = Annotated[str, Meta(max_length=500)]
Description = Annotated[str, Meta(max_length=100_000)]
TagName = Annotated[
    str, Meta(max_length=100, pattern=r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*\Z")
]
Slug = Annotated[str, Meta(min_length=1, max_length=120)]
Title = Annotated[str, Meta(min_length=1, max_length=200)]
FieldId = Annotated[int, Meta(ge=-(1 << 31), lt=1 << 31)]


class Part(Struct, forbid_unknown_fields=True, gc=False, frozen=True):
    """A part of a line. Parts hold no reference to what holds them, so they need no garbage collector."""


class Ref(Part, frozen=True):
    """A dataset or a job by its name."""

    namespace: Namespace
    name: Name


class FieldRef(Part, frozen=True):
    namespace: Namespace
    name: Name
    field: FieldName


class OwnerLine(Part, frozen=True):
    kind: Literal["user", "group"]
    name: Annotated[str, Meta(min_length=1, max_length=150)]


class TermRef(Part, frozen=True):
    domain: Slug
    name: Title


class SymlinkLine(Part, frozen=True):
    namespace: Namespace
    name: Name
    type: Annotated[str, Meta(max_length=60)] = ""


class FieldLine(Part, frozen=True):
    name: FieldName
    type: FieldType = ""
    description: Description = ""
    nullable: bool = True
    field_id: FieldId | None = None
    tags: tuple[TagName, ...] | UnsetType = UNSET
    terms: tuple[TermRef, ...] | UnsetType = UNSET
    properties: dict[str, Any] | UnsetType = UNSET


class DatasetLine(Part, frozen=True, tag_field="kind", tag="dataset"):
    namespace: Namespace
    name: Name
    dataset_kind: DatasetKind | UnsetType = UNSET
    structure: DatasetStructure | UnsetType = UNSET
    media_type: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    domain: Slug | UnsetType | None = UNSET
    owners: tuple[OwnerLine, ...] | UnsetType = UNSET
    tags: tuple[TagName, ...] | UnsetType = UNSET
    terms: tuple[TermRef, ...] | UnsetType = UNSET
    properties: dict[str, Any] | UnsetType = UNSET
    symlinks: tuple[SymlinkLine, ...] | UnsetType = UNSET
    fields: Annotated[tuple[FieldLine, ...], Meta(max_length=20_000)] | UnsetType = UNSET


class JobLine(Part, frozen=True, tag_field="kind", tag="job"):
    namespace: Namespace
    name: Name
    type: Annotated[str, Meta(max_length=60)] | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    properties: dict[str, Any] | UnsetType = UNSET


class EdgeLine(Part, frozen=True, tag_field="kind", tag="edge"):
    job: Ref
    dataset: Ref
    direction: Direction
    origin: EdgeOrigin = EdgeOrigin.DECLARED


class FieldEdgeLine(Part, frozen=True, tag_field="kind", tag="field_edge"):
    source: FieldRef
    target: FieldRef
    job: Ref | None = None
    type: Annotated[str, Meta(max_length=20)] = ""
    subtype: Annotated[str, Meta(max_length=40)] = ""
    description: Description = ""
    masking: bool = False
    origin: EdgeOrigin = EdgeOrigin.DECLARED


class PropertyLine(Part, frozen=True, tag_field="kind", tag="property"):
    name: Annotated[str, Meta(max_length=100)]
    applies_to: PropertyTarget
    schema: dict[str, Any] | bool
    description: Description = ""


class DomainLine(Part, frozen=True, tag_field="kind", tag="domain"):
    slug: Slug
    name: Annotated[str, Meta(min_length=1, max_length=120)]
    description: Description = ""
    parent: Slug | None = None
    properties: dict[str, Any] | UnsetType = UNSET


class TermLine(Part, frozen=True, tag_field="kind", tag="term"):
    domain: Slug
    name: Title
    definition: Description = ""
    synonyms: tuple[Title, ...] = ()
    parent: Title | None = None


class PortLine(Part, frozen=True):
    dataset: Ref
    direction: PortDirection = PortDirection.OUTPUT


class ProductLine(Part, frozen=True, tag_field="kind", tag="product"):
    domain: Slug
    name: Title
    description: Description = ""
    status: ProductStatus = ProductStatus.DRAFT
    owners: tuple[OwnerLine, ...] = ()
    ports: tuple[PortLine, ...] = ()


class CursorLine(Struct, tag_field="kind", tag="cursor"):
    """Where an export can go on; an import passes it by."""

    cursor: str


Line = (
    DatasetLine
    | JobLine
    | EdgeLine
    | FieldEdgeLine
    | PropertyLine
    | DomainLine
    | TermLine
    | ProductLine
    | CursorLine
)
_DECODER = msgspec.json.Decoder(Line)
# Like the decoder's own message: `… - at `$.fields[0].name``.
_AT = " - at `$"


def parse_line(raw: bytes) -> Line:
    """The line as a value.

    InvalidInputError with the JSON pointer of the fault if it is no JSON or none of the kinds; LimitExceededError
    if it nests too deep.
    """
    try:
        line: Line = _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"the line is not JSON: {error}") from None
    except RecursionError:
        raise _too_deep() from None
    if ESCAPED_NUL in raw and _holds_nul(msgspec.json.decode(raw)):
        raise InvalidInputError("a text must not hold the character U+0000")
    for value in _free_values(line):
        _check(value)
    return line


def _invalid(message: str) -> InvalidInputError:
    text, found, path = message.rpartition(_AT)
    if not found:
        return InvalidInputError(message[:1].lower() + message[1:], pointer="")
    # `[...]` stands for a key of an object of free form, which the message does not tell.
    known = path.rstrip("`").partition("[...]")[0]
    pointer = known.replace("[", ".").replace("]", "").replace(".", "/")
    return InvalidInputError(text[:1].lower() + text[1:], pointer=pointer)


def _free_values(line: Line) -> list[Any]:
    """The values of any form: properties and schemas."""
    own = getattr(line, "properties", UNSET)
    values = [] if own is UNSET else [own]
    if isinstance(line, PropertyLine):
        values.append(line.schema)
    if isinstance(line, DatasetLine) and not isinstance(line.fields, UnsetType):
        values += [each.properties for each in line.fields if each.properties is not UNSET]
    return values


def _check(value: Any) -> None:
    """Walk level by level, so that the depth of the input is never the depth of our stack."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        if any(isinstance(each, int) and not MIN_INTEGER <= each <= MAX_INTEGER for each in level):
            raise InvalidInputError("a whole number must fit into 64 bits")
        level = [child for parent in level for child in _members(parent)]
        if not level:
            return
    raise _too_deep()


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.values()]
    return value if isinstance(value, list) else []


def _holds_nul(value: Any) -> bool:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str) and "\0" in each:
            return True
        if isinstance(each, dict):
            waiting += each
        waiting += _members(each)
    return False


def _too_deep() -> LimitExceededError:
    return LimitExceededError("the line nests too deep", limit="depth", max_depth=MAX_DEPTH)
