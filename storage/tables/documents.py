"""Kept metadata documents as they are sent: bytes beside the pointer, read in one query, never parsed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, TextField
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast
from pyiceberg.schema import Schema

from catalog.models import Dataset
from storage.models import IcebergTable
from storage.tables.errors import NoSuchTableError
from storage.tables.metadata import parse_schema
from storage.tables.names import dotted


@dataclass(frozen=True, slots=True)
class TableDocument:
    """A table with its metadata document as JSON text, both of one instant. `table.metadata` is not loaded."""

    table: IcebergTable
    text: str
    schema: Schema


def read_document(
    identifier: Sequence[str], *, among: QuerySet[Dataset] | None = None
) -> TableDocument:
    """The document of the table of this name, or NoSuchTableError; with `among`, only where its dataset is one of them."""
    *levels, name = identifier
    tables = IcebergTable.objects.filter(namespace__levels=levels, name=name)
    if among is not None:
        # Row by row: of a name there is one row at most.
        tables = tables.filter(Exists(among.order_by().filter(pk=OuterRef("dataset_id"))))
    row: Any = (
        tables.select_related("dataset", "namespace")
        .defer("metadata")
        .annotate(
            document=Cast("metadata", TextField()),
            schemas=KeyTransform("schemas", "metadata"),
            schema_id=KeyTransform("current-schema-id", "metadata"),
        )
        .first()
    )
    if row is None:
        raise NoSuchTableError(f"table `{dotted(identifier)}` does not exist")
    current = next(each for each in row.schemas if each.get("schema-id", 0) == row.schema_id)
    return TableDocument(table=row, text=row.document, schema=parse_schema(current))
