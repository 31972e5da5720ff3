"""A dataset line whose references are found and whose values are checked."""

from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET, UnsetType

from catalog.models import Dataset
from catalog.services.bulk.context import References
from catalog.services.bulk.lines import DatasetLine, FieldLine
from catalog.services.fields import FieldSpec
from catalog.services.properties import PropertyChecks
from core.errors import InvalidInputError

Numbered = tuple[int, DatasetLine]
# The attribute of the link (of a user or of a group), and the key of who it is.
Owner = tuple[str, int]


@dataclass(slots=True)
class CheckedField:
    """A field of a line; what the line does not say is None."""

    spec: FieldSpec
    tags: frozenset[int] | None
    terms: frozenset[int] | None
    properties: dict[str, Any] | None


@dataclass(slots=True)
class CheckedLine:
    """`row` is the entry that the line is about, None if it is new; what the line does not say is None."""

    number: int
    line: DatasetLine
    row: Dataset | None
    columns: dict[str, Any] = field(default_factory=dict)
    tags: frozenset[int] | None = None
    terms: frozenset[int] | None = None
    owners: frozenset[Owner] | None = None
    fields: list[CheckedField] | None = None


def check_line(
    number: int,
    line: DatasetLine,
    *,
    row: Dataset | None,
    references: References,
    of_dataset: PropertyChecks,
    of_field: PropertyChecks,
) -> CheckedLine:
    """The line with ids for names. UnprocessableError names what is not there; InvalidInputError a field named twice."""
    checked = CheckedLine(number, line, row, columns=_columns(line, references))
    properties = line.properties
    if not isinstance(properties, UnsetType):
        of_dataset.check(properties, former=row.properties if row else None)
    checked.tags = _tags(line.tags, references)
    checked.terms = _terms(line.terms, references)
    if not isinstance(line.owners, UnsetType):
        checked.owners = frozenset(map(references.owner, line.owners))
    if not isinstance(line.fields, UnsetType):
        _check_names(line.fields)
        checked.fields = [_field(each, references, checks=of_field) for each in line.fields]
    return checked


def _columns(line: DatasetLine, references: References) -> dict[str, Any]:
    """The columns of the entry that the line sets."""
    told: dict[str, Any] = {
        "kind": line.dataset_kind,
        "structure": line.structure,
        "media_type": line.media_type,
        "description": line.description,
        "properties": line.properties,
    }
    columns = {
        name: str(value) if isinstance(value, str) else value
        for name, value in told.items()
        if value is not UNSET
    }
    if not isinstance(line.domain, UnsetType):
        domain = references.domains[line.domain] if line.domain is not None else None
        columns["domain_id"] = domain.pk if domain else None
    return columns


def _field(each: FieldLine, references: References, *, checks: PropertyChecks) -> CheckedField:
    properties = None if isinstance(each.properties, UnsetType) else each.properties
    if properties:
        checks.check(properties)
    return CheckedField(
        spec=FieldSpec(
            name=each.name,
            type=each.type,
            description=each.description,
            field_id=each.field_id,
            nullable=each.nullable,
        ),
        tags=_tags(each.tags, references),
        terms=_terms(each.terms, references),
        properties=properties,
    )


def _tags(names: tuple[str, ...] | UnsetType, references: References) -> frozenset[int] | None:
    if isinstance(names, UnsetType):
        return None
    return frozenset(references.tags[name] for name in names) if names else frozenset()


def _terms(refs: Any, references: References) -> frozenset[int] | None:
    return None if isinstance(refs, UnsetType) else frozenset(map(references.term, refs))


def _check_names(fields: tuple[FieldLine, ...]) -> None:
    seen: set[str] = set()
    for index, each in enumerate(fields):
        if each.name in seen:
            raise InvalidInputError(
                f"field `{each.name}` is named twice", pointer=f"/fields/{index}/name"
            )
        seen.add(each.name)
