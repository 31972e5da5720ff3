"""The table that a source lands in: made at its first landing, from the declared columns or a sample."""

from collections.abc import Callable
from typing import TypeVar

import pyarrow as pa
from django.db import transaction
from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids
from pyiceberg.schema import Schema, assign_fresh_schema_ids
from pyiceberg.table import Table
from pyiceberg.types import IntegerType, LongType, NestedField

from catalog.models import Dataset
from catalog.models.dataset import DatasetStructure
from catalog.services.datasets import add_owner, ensure_dataset, record_version
from core.errors import PermissionDeniedError
from governance.facts import principal_of
from governance.policy.types import Action
from governance.queries import decide_on
from ingestion.config import (
    OFFSET_COLUMN,
    PARTITION_COLUMN,
    Config,
    KafkaConfig,
    read_columns,
    read_config,
    read_partitioning,
)
from ingestion.errors import InvalidSourceError
from ingestion.formats.registry import OBJECTS
from ingestion.lineage import DatasetName
from ingestion.models import Source
from ingestion.services.commits import catalog_of, dataset_of
from ingestion.tables import ensure_table, find_table
from storage.services.namespaces import domain_of
from storage.tables.schema import catalog_fields

AnyConfig = TypeVar("AnyConfig", bound=Config)


def typed_config(source: Source, kind: type[AnyConfig]) -> AnyConfig:
    """Return the source's configuration as `kind`; raises `InvalidSourceError` for a source of another kind."""
    config = read_config(source.kind, source.config)
    if not isinstance(config, kind):
        raise InvalidSourceError(f"source `{source.name}` is of kind `{source.kind}`")
    return config


def ensure_target(source: Source, *, sample: Callable[[], pa.Schema]) -> Table:
    """Return the source's table; `sample` is called for a schema only when neither table nor columns exist.

    Raises `PermissionDeniedError` when the source's owner may no longer write the table.
    """
    catalog = catalog_of(source)
    table = find_table(catalog, source.identifier)
    if table is None:
        schema = _schema_of(source, sample)
        partitioning = read_partitioning(source.partition_by, schema)
        table = ensure_table(catalog, source.identifier, schema=schema, partition_spec=partitioning)
    _claim(source)
    return table


def _schema_of(source: Source, sample: Callable[[], pa.Schema]) -> Schema:
    if source.columns:
        schema = read_columns(source.columns)
    else:
        schema = assign_fresh_schema_ids(_pyarrow_to_schema_without_ids(sample()))
    config = read_config(source.kind, source.config)
    if isinstance(config, KafkaConfig) and config.offset_columns:
        next_id = schema.highest_field_id + 1
        schema = Schema(
            *schema.fields,
            NestedField(next_id, PARTITION_COLUMN, IntegerType(), required=False),
            NestedField(next_id + 1, OFFSET_COLUMN, LongType(), required=False),
        )
    return schema


@transaction.atomic
def _claim(source: Source) -> None:
    """Remember the dataset, and check that the owner may write it: a source never does more than its owner."""
    if source.dataset_id is None:
        dataset = dataset_of(source.identifier)
        Source.objects.filter(pk=source.pk).update(dataset=dataset)
        source.dataset = dataset
    check_may_write(source)


@transaction.atomic
def declare_input(
    source: Source, name: DatasetName, *, kind: str, table: Table | None = None
) -> None:
    """Put the topic or files that the source reads into the catalog, in its target's domain and its owner's hands.

    Known inputs stay where they are. The columns are those that are read, as the target `table` types them, so
    that column lineage has two ends.
    """
    actor = source.owner.get_username()
    known = Dataset.objects.filter(
        namespace=name.namespace, name=name.name, declared=True, deleted_at=None
    ).first()
    dataset = known or ensure_dataset(
        namespace=name.namespace,
        name=name.name,
        kind=kind,
        structure=structure_of(source.format),
        domain=domain_of(source.identifier[:-1]),
        actor=actor,
    )
    if known is None:
        add_owner(dataset, owner=source.owner, actor=actor)
    if table is not None:
        rows = [
            {"name": row["name"], "type": row["type"]}
            for row in catalog_fields(table.schema())
            if row["name"] not in {PARTITION_COLUMN, OFFSET_COLUMN}
        ]
        record_version(dataset=dataset, schema=rows, actor=actor)


def structure_of(format_name: str) -> str:
    """Return how much structure input of this format has, in the catalog's words."""
    if format_name in OBJECTS:
        return DatasetStructure.UNSTRUCTURED
    if format_name in {"json", "xml"}:
        return DatasetStructure.SEMI_STRUCTURED
    return DatasetStructure.STRUCTURED


def check_may_write(source: Source) -> None:
    """Raise `PermissionDeniedError` unless the source's owner may write its dataset."""
    if source.dataset is None:
        return
    decision = decide_on(principal_of(source.owner), Action.WRITE, source.dataset)
    if not decision.allowed:
        raise PermissionDeniedError(
            f"the owner of source `{source.name}` may not write its dataset",
            reasons=[reason.text for reason in decision.reasons],
        )
