"""Entries that are there: what a line says is compared with what is stored, and only what differs is written."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog.models import (
    Dataset,
    DatasetOwner,
    DatasetTag,
    DatasetTerm,
    Field,
    FieldProperties,
    FieldTag,
    FieldTerm,
)
from catalog.services.bulk.context import ChunkContext
from catalog.services.bulk.new import insert_symlinks
from catalog.services.bulk.shapes import CheckedField, CheckedLine, Owner
from catalog.services.fields import sync_fields
from catalog.services.versions import fingerprint_of, record_version
from core.errors import UnprocessableError


@dataclass
class Stored:
    """What is stored of the entries of a chunk, by id: links as {target: row id}."""

    tags: dict[int, dict[int, int]]
    terms: dict[int, dict[int, int]]
    owners: dict[int, dict[Owner, int]]
    fields: dict[int, dict[str, Field]]
    field_tags: dict[int, dict[int, int]] = field(default_factory=dict)
    field_terms: dict[int, dict[int, int]] = field(default_factory=dict)
    field_properties: dict[int, dict[str, Any]] = field(default_factory=dict)


def update_known(lines: Sequence[CheckedLine], *, context: ChunkContext) -> list[int]:
    """Bring entries in line with what is said of them; the ids of those that changed.

    The caller holds the locks of their rows.
    """
    if not lines:
        return []
    stored = _load(lines)
    changed: set[int] = set()
    changed |= _update_columns(lines)
    changed |= _update_schemas(lines, stored=stored, context=context)
    taken = [line for line in lines if line.number not in context.refused]
    changed |= _update_links(taken, stored=stored)
    changed |= _update_fields(taken, stored=stored)
    for line in taken:
        if insert_symlinks([(line, _row(line).pk)]):
            changed.add(_row(line).pk)
    context.counts["updated"] += sum(_row(line).pk in changed for line in taken)
    context.counts["unchanged"] += sum(_row(line).pk not in changed for line in taken)
    return sorted(changed)


def _row(line: CheckedLine) -> Dataset:
    if line.row is None:
        raise ValueError("the line is about a new entry")
    return line.row


def _load(lines: Sequence[CheckedLine]) -> Stored:
    ids = [_row(line).pk for line in lines]
    fields: dict[int, dict[str, Field]] = defaultdict(dict)
    with_fields = [_row(line).pk for line in lines if line.fields is not None]
    for each in Field.objects.present().filter(dataset__in=with_fields).order_by("ordinal", "pk"):
        fields[each.dataset_id][each.name] = each
    owners: dict[int, dict[Owner, int]] = defaultdict(dict)
    for pk, dataset_id, user_id, group_id in DatasetOwner.objects.filter(
        dataset__in=ids
    ).values_list("pk", "dataset_id", "user_id", "group_id"):
        owner = ("user_id", user_id) if user_id is not None else ("group_id", group_id)
        owners[dataset_id][owner] = pk
    return Stored(
        tags=_links(DatasetTag, "dataset_id", "tag_id", ids),
        terms=_links(DatasetTerm, "dataset_id", "term_id", ids),
        owners=owners,
        fields=fields,
    )


def _links(model: Any, holder: str, target: str, ids: Sequence[int]) -> dict[int, dict[int, int]]:
    found: dict[int, dict[int, int]] = defaultdict(dict)
    if ids:
        rows = model.objects.filter(**{f"{holder}__in": ids})
        for pk, holder_id, target_id in rows.values_list("pk", holder, target):
            found[holder_id][target_id] = pk
    return found


def _update_columns(lines: Sequence[CheckedLine]) -> set[int]:
    """Set what differs of each entry's own columns; one that was deleted is back, and now declared."""
    changed: list[Dataset] = []
    for line in lines:
        row = _row(line)
        wanted = {**line.columns, "declared": True, "deleted_at": None}
        differing = {key: value for key, value in wanted.items() if getattr(row, key) != value}
        if differing:
            for key, value in differing.items():
                setattr(row, key, value)
            changed.append(row)
    columns = ["kind", "structure", "media_type", "description", "domain", "properties"]
    _touch(changed, [*columns, "declared", "deleted_at"])
    return {row.pk for row in changed}


def _touch(rows: list[Dataset], columns: list[str]) -> None:
    from core.clock import utc_now

    now = utc_now()
    for row in rows:
        row.updated_at = now
    Dataset.objects.bulk_update(rows, [*columns, "updated_at"], batch_size=500)


def _update_schemas(
    lines: Sequence[CheckedLine], *, stored: Stored, context: ChunkContext
) -> set[int]:
    """Bring the fields in line with the schema that is told; a schema that comes from a table's metadata stands."""
    changed: set[int] = set()
    for line in lines:
        row = _row(line)
        if line.fields is None or not _differs(line.fields, stored.fields[row.pk]):
            continue
        if row.current_version is not None and row.current_version.snapshot_id is not None:
            context.refuse(
                line.number,
                UnprocessableError("the schema comes from the table itself", pointer="/fields"),
            )
            continue
        specs = [each.spec for each in line.fields]
        if sync_fields(dataset=row, specs=specs, at=context.now):
            changed.add(row.pk)
        content = row.current_version.content_hash if row.current_version else ""
        if row.current_version is None or row.current_version.fingerprint != fingerprint_of(
            specs, content=f"/{content}"
        ):
            record_version(
                dataset=row,
                schema=[spec.as_json() for spec in specs],
                content_hash=content,
                actor=context.actor,
            )
            changed.add(row.pk)
        stored.fields[row.pk] = {
            each.name: each for each in Field.objects.present().filter(dataset=row)
        }
    return changed


def _differs(told: list[CheckedField], rows: dict[str, Field]) -> bool:
    """Whether names, order, types or descriptions are other than told."""
    wanted = [
        (each.spec.name, each.spec.type, each.spec.nullable, each.spec.field_id) for each in told
    ]
    present = [(row.name, row.type, row.nullable, row.field_id) for row in rows.values()]
    return wanted != present or any(
        each.spec.description and each.spec.description != rows[each.spec.name].description
        for each in told
    )


def _update_links(lines: Sequence[CheckedLine], *, stored: Stored) -> set[int]:
    """Tags, terms and owners of entries: those that are told stay or come, the others go."""
    changed: set[int] = set()
    tags = {_row(line).pk: line.tags for line in lines if line.tags is not None}
    terms = {_row(line).pk: line.terms for line in lines if line.terms is not None}
    owners = {_row(line).pk: line.owners for line in lines if line.owners is not None}
    changed |= _replace(
        DatasetTag,
        tags,
        stored.tags,
        make=lambda holder, tag: DatasetTag(dataset_id=holder, tag_id=tag),
    )
    changed |= _replace(
        DatasetTerm,
        terms,
        stored.terms,
        make=lambda holder, term: DatasetTerm(dataset_id=holder, term_id=term),
    )
    changed |= _replace(
        DatasetOwner,
        owners,
        stored.owners,
        make=lambda holder, owner: DatasetOwner(dataset_id=holder, **{owner[0]: owner[1]}),
    )
    return changed


def _replace(model: Any, wanted: dict[int, Any], present: Any, *, make: Any) -> set[int]:
    """Make the links of each holder those wanted; the holders whose links changed."""
    gone, new, changed = [], [], set()
    for holder, targets in wanted.items():
        there = present.get(holder, {})
        gone += [pk for target, pk in there.items() if target not in targets]
        new += [make(holder, target) for target in sorted(targets - there.keys())]
        if there.keys() != targets:
            changed.add(holder)
    if gone:
        model.objects.filter(pk__in=gone).delete()
    if new:
        model.objects.bulk_create(new, ignore_conflicts=True, batch_size=2_000)
    return changed


def _update_fields(lines: Sequence[CheckedLine], *, stored: Stored) -> set[int]:
    """Tags, terms and properties of fields."""
    told: dict[int, CheckedField] = {}
    dataset_of: dict[int, int] = {}
    for line in lines:
        rows = stored.fields.get(_row(line).pk, {})
        for each in line.fields or ():
            found = rows.get(each.spec.name)
            if found is not None:
                told[found.pk] = each
                dataset_of[found.pk] = found.dataset_id
    tags = {pk: each.tags for pk, each in told.items() if each.tags is not None}
    terms = {pk: each.terms for pk, each in told.items() if each.terms is not None}
    changed = _replace(
        FieldTag,
        tags,
        _links(FieldTag, "field_id", "tag_id", list(tags)),
        make=lambda holder, tag: FieldTag(field_id=holder, tag_id=tag),
    )
    changed |= _replace(
        FieldTerm,
        terms,
        _links(FieldTerm, "field_id", "term_id", list(terms)),
        make=lambda holder, term: FieldTerm(field_id=holder, term_id=term),
    )
    changed |= _update_field_properties(told)
    return {dataset_of[pk] for pk in changed}


def _update_field_properties(told: dict[int, CheckedField]) -> set[int]:
    wanted = {pk: each.properties for pk, each in told.items() if each.properties is not None}
    if not wanted:
        return set()
    present = dict(
        FieldProperties.objects.filter(field__in=wanted).values_list("field_id", "values")
    )
    differing = {pk: values for pk, values in wanted.items() if present.get(pk, {}) != values}
    FieldProperties.objects.bulk_create(
        [FieldProperties(field_id=pk, values=values) for pk, values in sorted(differing.items())],
        update_conflicts=True,
        unique_fields=["field"],
        update_fields=["values", "updated_at"],
    )
    return set(differing)
