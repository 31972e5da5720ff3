"""Entries that are not there yet: straight into their tables by COPY, ids taken beforehand."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from catalog.lineage.stamps import DECLARED, make_stamp
from catalog.models import (
    Dataset,
    DatasetOwner,
    DatasetSymlink,
    DatasetTag,
    DatasetTerm,
    DatasetVersion,
    Field,
    FieldProperties,
    FieldTag,
    FieldTerm,
)
from catalog.models.dataset import DatasetKind, DatasetStructure
from catalog.services.bulk.context import ChunkContext, find_datasets
from catalog.services.bulk.copying import copy_rows, insert_missing, take_ids, uuid7_texts
from catalog.services.bulk.shapes import CheckedField, CheckedLine
from catalog.services.versions import fingerprint_of

# What `record_version` makes of no snapshot and no content hash.
NO_CONTENT = "/"


def insert_new(lines: Sequence[CheckedLine], *, context: ChunkContext) -> list[int]:
    """Make an entry for each line; their ids. IntegrityError if another writer has made one of the names meanwhile.

    Rows of all tables commit together, so that nothing sees an entry without its fields.
    """
    if not lines:
        return []
    ids = take_ids(Dataset, len(lines))
    _copy_versions_and_datasets(lines, ids, context=context)
    _copy_fields(lines, ids, context=context)
    _copy_links(lines, ids)
    context.counts["created"] += len(lines)
    return ids


DATASET_COLUMNS = (
    "id",
    "uuid",
    "namespace",
    "name",
    "kind",
    "structure",
    "media_type",
    "description",
    "domain_id",
    "properties",
    "declared",
    "facet_stamps",
    "current_version_id",
    "created_at",
    "updated_at",
)


def _copy_versions_and_datasets(
    lines: Sequence[CheckedLine], ids: list[int], *, context: ChunkContext
) -> None:
    """INVARIANT: foreign keys are checked at commit, so a dataset may name its version before that is there."""
    with_schema = sum(line.fields is not None for line in lines)
    version_ids = iter(take_ids(DatasetVersion, with_schema))
    versions: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    for line, pk, uuid in zip(lines, ids, uuid7_texts(len(ids)), strict=True):
        stamps, version_id = "{}", None
        if line.fields is not None:
            version_id = next(version_ids)
            fingerprint = _version_row(line.fields, version_id, pk, into=versions)
            stamp = make_stamp(
                at=context.now, rank=DECLARED, digest=bytes.fromhex(fingerprint[:16])
            )
            stamps = orjson.dumps({"schema": stamp}).decode()
        rows.append(
            (
                pk,
                uuid,
                line.line.namespace,
                line.line.name,
                line.columns.get("kind", DatasetKind.TABLE.value),
                line.columns.get("structure", DatasetStructure.STRUCTURED.value),
                line.columns.get("media_type", ""),
                line.columns.get("description", ""),
                line.columns.get("domain_id"),
                orjson.dumps(line.columns.get("properties", {})).decode(),
                True,
                stamps,
                version_id,
                context.now,
                context.now,
            )
        )
    copy_rows(Dataset, DATASET_COLUMNS, rows)
    uuids = uuid7_texts(len(versions))
    copy_rows(
        DatasetVersion,
        ("id", "dataset_id", "number", "schema", "fingerprint", "uuid", "created_at"),
        ((*row, uuid, context.now) for row, uuid in zip(versions, uuids, strict=True)),
    )


def _version_row(
    fields: list[CheckedField], version_id: int, dataset_id: int, *, into: list[tuple[Any, ...]]
) -> str:
    """Add the first version of an entry; its fingerprint."""
    specs = [each.spec for each in fields]
    schema = orjson.dumps([spec.as_json() for spec in specs]).decode()
    fingerprint = fingerprint_of(specs, content=NO_CONTENT)
    into.append((version_id, dataset_id, 1, schema, fingerprint))
    return fingerprint


FIELD_COLUMNS = (
    "id",
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


def _copy_fields(lines: Sequence[CheckedLine], ids: list[int], *, context: ChunkContext) -> None:
    count = sum(len(line.fields or ()) for line in lines)
    field_ids = take_ids(Field, count)
    keyed = zip(field_ids, uuid7_texts(count), strict=True)
    tags: list[tuple[int, int]] = []
    terms: list[tuple[int, int]] = []
    properties: list[tuple[int, str]] = []

    def rows() -> Iterator[tuple[Any, ...]]:
        for line, dataset_id in zip(lines, ids, strict=True):
            for ordinal, each in enumerate(line.fields or ()):
                pk, uuid = next(keyed)
                spec = each.spec
                yield (
                    pk,
                    uuid,
                    dataset_id,
                    spec.name,
                    spec.type,
                    spec.description,
                    ordinal,
                    spec.nullable,
                    spec.field_id,
                    context.now,
                )
                tags.extend((pk, tag) for tag in each.tags or ())
                terms.extend((pk, term) for term in each.terms or ())
                if each.properties:
                    properties.append((pk, orjson.dumps(each.properties).decode()))

    copy_rows(Field, FIELD_COLUMNS, rows())
    if tags:
        copy_rows(FieldTag, ("field_id", "tag_id"), tags)
    if terms:
        copy_rows(FieldTerm, ("field_id", "term_id"), terms)
    if properties:
        copy_rows(FieldProperties, ("field_id", "values"), properties)


def _copy_links(lines: Sequence[CheckedLine], ids: list[int]) -> None:
    pairs = list(zip(lines, ids, strict=True))
    tags = [(pk, tag) for line, pk in pairs for tag in line.tags or ()]
    terms = [(pk, term) for line, pk in pairs for term in line.terms or ()]
    owners = [
        (pk, key if kind == "user_id" else None, key if kind == "group_id" else None)
        for line, pk in pairs
        for kind, key in line.owners or ()
    ]
    if tags:
        copy_rows(DatasetTag, ("dataset_id", "tag_id"), tags)
    if terms:
        copy_rows(DatasetTerm, ("dataset_id", "term_id"), terms)
    if owners:
        copy_rows(DatasetOwner, ("dataset_id", "user_id", "group_id"), owners)
    insert_symlinks(pairs)


def insert_symlinks(pairs: Sequence[tuple[CheckedLine, int]]) -> int:
    """Give the entries the other names that their lines tell; a name that another entry bears stays there."""
    told = [
        (each.namespace, each.name, pk, each.type)
        for line, pk in pairs
        for each in line.line.symlinks or ()
    ]
    taken = find_datasets((namespace, name) for namespace, name, _, _ in told)
    return insert_missing(
        DatasetSymlink,
        ("namespace", "name", "dataset_id", "type"),
        sorted(row for row in told if row[:2] not in taken),
    )
