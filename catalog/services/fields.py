"""Bringing the field rows of a dataset in line with its schema."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from catalog.models import Dataset, Field
from catalog.services.search import refresh_search_text
from core import audit
from core.errors import InvalidInputError

MAX_FIELD_NAME = 500
MAX_FIELD_TYPE = 500
MAX_FIELDS = 20_000
MAX_DESCRIPTION = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field of a schema: `name` is the dotted path, `field_id` survives renames where there is one."""

    name: str
    type: str = ""
    description: str = ""
    field_id: int | None = None
    nullable: bool = True

    def as_json(self) -> dict[str, Any]:
        """The form kept in `DatasetVersion.schema`."""
        row: dict[str, Any] = {"name": self.name, "type": self.type}
        if self.description:
            row["description"] = self.description
        if self.field_id is not None:
            row["field_id"] = self.field_id
        if not self.nullable:
            row["nullable"] = False
        return row


def read_schema(rows: Iterable[Mapping[str, Any]]) -> list[FieldSpec]:
    """Check rows of {name, type, description?, field_id?, nullable?}; InvalidInputError names the first bad one."""
    specs: list[FieldSpec] = []
    seen: set[str] = set()
    for index, row in enumerate(rows):
        name = str(row.get("name") or "")
        if not 0 < len(name) <= MAX_FIELD_NAME:
            raise InvalidInputError(
                f"a field name has 1 to {MAX_FIELD_NAME} characters",
                pointer=f"/schema/{index}/name",
            )
        if name in seen:
            raise InvalidInputError(
                f"field `{name}` is named twice", pointer=f"/schema/{index}/name"
            )
        seen.add(name)
        specs.append(
            FieldSpec(
                name=name,
                type=str(row.get("type") or "")[:MAX_FIELD_TYPE],
                description=str(row.get("description") or ""),
                field_id=row.get("field_id"),
                nullable=bool(row.get("nullable", True)),
            )
        )
    if len(specs) > MAX_FIELDS:
        raise InvalidInputError(f"a schema has at most {MAX_FIELDS} fields", pointer="/schema")
    return specs


def sync_fields(*, dataset: Dataset, specs: list[FieldSpec], at: datetime) -> bool:
    """Make the present fields those of `specs`, renaming by `field_id`, and tell whether anything changed.

    A field that is gone keeps its row with `removed_at`; one that comes back is the same field again.
    The caller holds the lock of the dataset's row.
    """
    return bool(sync_fields_of({dataset.pk: (specs, at)}))


def sync_fields_of(wanted: Mapping[int, tuple[list[FieldSpec], datetime]]) -> set[int]:
    """`sync_fields` for many datasets, by id: the ids of those of which anything changed. Four statements at most."""
    rows: dict[int, list[Field]] = {dataset_id: [] for dataset_id in wanted}
    for row in Field.objects.filter(dataset_id__in=list(wanted)):
        rows[row.dataset_id].append(row)
    new: list[Field] = []
    changed: list[Field] = []
    parked: list[Field] = []
    for dataset_id, (specs, at) in wanted.items():
        matched = _match(rows[dataset_id], specs)
        # A name may pass from one field to another in one change; the unique names allow it only through a detour.
        parked += _park_names(rows[dataset_id], matched)
        for ordinal, spec in enumerate(specs):
            found = matched.get(spec.name)
            if found is None:
                values = _values(spec)
                new.append(Field(dataset_id=dataset_id, ordinal=ordinal, created_at=at, **values))
            elif _apply(found, spec, ordinal=ordinal):
                changed.append(found)
        kept = {row.pk for row in matched.values()}
        for row in rows[dataset_id]:
            if row.pk not in kept and row.removed_at is None:
                row.removed_at = at
                changed.append(row)
    Field.objects.bulk_update(parked, ["name"])
    Field.objects.bulk_update(changed, [*FIELD_COLUMNS, "ordinal", "removed_at"])
    _insert_fields(new)
    return {row.dataset_id for row in (*new, *changed)}


INSERT_FIELDS = """
INSERT INTO catalog_field (uuid, dataset_id, name, type, description, ordinal, nullable, field_id, statistics, created_at)
SELECT uuid, dataset_id, name, type, description, ordinal, nullable, field_id, '{}', created_at
  FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::int[], %s::boolean[], %s::int[],
              %s::timestamptz[])
       AS q (uuid, dataset_id, name, type, description, ordinal, nullable, field_id, created_at)
"""


def _insert_fields(rows: list[Field]) -> None:
    """One statement, whose parameters are arrays: Django's would have nine parameters a row."""
    if not rows:
        return
    columns = (
        "uuid",
        "dataset_id",
        "name",
        "type",
        "description",
        "ordinal",
        "nullable",
        "field_id",
        "created_at",
    )
    with connection.cursor() as cursor:
        cursor.execute(INSERT_FIELDS, [[getattr(row, name) for row in rows] for name in columns])


FIELD_COLUMNS = ("name", "type", "description", "field_id", "nullable")


def _values(spec: FieldSpec) -> dict[str, Any]:
    return {column: getattr(spec, column) for column in FIELD_COLUMNS}


def _match(rows: list[Field], specs: list[FieldSpec]) -> dict[str, Field]:
    """The row of each spec by name: the same `field_id` first, then the same name.

    A column that is dropped and added again under its name stays the same field, so that no tag, and with
    it no mask, can be shaken off that way.
    """
    by_id = {row.field_id: row for row in rows if row.field_id is not None}
    matched = {
        spec.name: by_id[spec.field_id]
        for spec in specs
        if spec.field_id is not None and spec.field_id in by_id
    }
    taken = {row.pk for row in matched.values()}
    by_name = {row.name: row for row in rows if row.pk not in taken}
    for spec in specs:
        if spec.name not in matched and spec.name in by_name:
            matched[spec.name] = by_name[spec.name]
    return matched


def _park_names(rows: list[Field], matched: dict[str, Field]) -> list[Field]:
    """Free each name that passes to another row; who loses it for good keeps a name that nobody can bear."""
    holders = {row.name: row for row in rows}
    parked = []
    for name, row in matched.items():
        holder = holders.get(name)
        if holder is not None and holder.pk != row.pk:
            suffix = f"\x7f{holder.pk}"
            holder.name = holder.name[: MAX_FIELD_NAME - len(suffix)] + suffix
            # A row of its own, since the field itself gets its next name before anything is written.
            parked.append(Field(pk=holder.pk, name=holder.name))
    return parked


def _apply(row: Field, spec: FieldSpec, *, ordinal: int) -> bool:
    """Set what differs; a description that people wrote is not overwritten by an empty one."""
    values = {**_values(spec), "ordinal": ordinal, "removed_at": None}
    if not spec.description:
        values["description"] = row.description
    if spec.field_id is None:
        values["field_id"] = row.field_id
    differing = {key: value for key, value in values.items() if getattr(row, key) != value}
    for key, value in differing.items():
        setattr(row, key, value)
    return bool(differing)


@transaction.atomic
def describe_field(field: Field, *, description: str, actor: str) -> bool:
    """Set the description of a field; tell whether it was another one."""
    if len(description) > MAX_DESCRIPTION:
        raise InvalidInputError(f"`description` has at most {MAX_DESCRIPTION} characters")
    if field.description == description:
        return False
    field.description = description
    field.save(update_fields=["description"])
    audit.record(
        actor=actor,
        action="field.describe",
        resource=field.dataset.node_id,
        payload={"field": field.name, "description": description},
    )
    refresh_search_text([field.dataset_id])
    return True
