"""The in-process catalog: real appends to the real store, in the caller's transaction."""

import pyarrow as pa
import pytest
from django.db import transaction
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType, NestedField, StringType

from catalog.models import Dataset, DatasetSymlink, Field
from core.jobs import current_app
from governance.models import AuditRecord
from storage.models import IcebergTable

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "city", StringType(), required=False),
)
ROWS = pa.table({"id": [1, 2, 3], "city": ["Rom", "Oslo", None]})


@pytest.fixture
def table(catalog, namespace):
    return catalog.create_table((*namespace.levels, "cities"), SCHEMA)


def test_append_is_read_back(catalog, table, django_capture_on_commit_callbacks, monkeypatch):
    sent = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, **kwargs: sent.append((name, kwargs))
    )
    with django_capture_on_commit_callbacks(execute=True):
        table.append(ROWS)
    row = IcebergTable.objects.get(name="cities", namespace__levels=[table.name()[0]])
    assert catalog.load_table(table.name()).scan().to_arrow().to_pylist() == ROWS.to_pylist()
    assert row.commits == 1
    assert row.current_snapshot_id == table.metadata.current_snapshot_id
    classified = {"kwargs": {"dataset_id": row.dataset_id}, "queue": "default", "countdown": 0}
    assert sent == [
        # its first content: what the fields hold is looked at
        ("query.classify_dataset", classified),
        (
            "storage.sync_table_files",
            {"kwargs": {"table_id": row.pk}, "queue": "default", "countdown": 0},
        ),
    ]


def test_commit_reaches_the_catalog(catalog, table):
    table.append(ROWS)
    dataset = Dataset.objects.get(namespace="lakewarden", name=".".join(table.name()))
    version = dataset.versions.order_by("-number").first()
    assert version.snapshot_id == table.metadata.current_snapshot_id
    assert version.statistics["rows"] == 3
    assert version.statistics["files"] == 1
    assert list(Field.objects.filter(dataset=dataset).values_list("name", "type", "field_id")) == [
        ("id", "long", 1),
        ("city", "string", 2),
    ]
    bucket, _, path = table.location().removeprefix("s3://").partition("/")
    assert DatasetSymlink.objects.get(namespace=f"s3://{bucket}", name=path).dataset == dataset
    actions = AuditRecord.objects.filter(resource=dataset.node_id).values_list("action", flat=True)
    assert [each for each in actions.order_by("pk") if each.startswith("table.")] == [
        "table.create",
        "table.commit",
    ]


def test_rollback_takes_both_tables_back(catalog, table, namespace):
    other = catalog.create_table((*namespace.levels, "rejected"), SCHEMA)

    def fail_after_both() -> None:
        with transaction.atomic():
            table.append(ROWS)
            other.append(ROWS)
            raise RuntimeError("offsets could not be stored")

    with pytest.raises(RuntimeError, match="offsets"):
        fail_after_both()
    assert [
        catalog.load_table(each.name()).scan().to_arrow().num_rows for each in (table, other)
    ] == [0, 0]


def test_stale_append_is_rebased_and_nothing_is_lost(catalog, table):
    stale = catalog.load_table(table.name())
    table.append(ROWS)
    stale.append(ROWS)
    assert catalog.load_table(table.name()).scan().to_arrow().num_rows == 6


def test_stale_commit_without_retry_fails(catalog, namespace):
    table = catalog.create_table(
        (*namespace.levels, "once"), SCHEMA, properties={"commit.retry.num-retries": "0"}
    )
    stale = catalog.load_table(table.name())
    table.append(ROWS)
    with pytest.raises(CommitFailedException):
        stale.append(ROWS)
    assert catalog.load_table(table.name()).scan().to_arrow().num_rows == 3


def test_partitioned_overwrite_and_evolution(catalog, namespace):
    spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "city"))
    table = catalog.create_table(
        (*namespace.levels, "parts"), SCHEMA, partition_spec=spec, properties={"owner": "a"}
    )
    table.append(ROWS)
    with table.update_schema() as update:
        update.add_column("population", LongType())
    table.append(pa.table({"id": [4], "city": ["Rom"], "population": [3]}))
    table.delete("city = 'Oslo'")
    loaded = catalog.load_table(table.name())
    assert sorted(loaded.scan().to_arrow().column("id").to_pylist()) == [1, 3, 4]
    assert loaded.schema().column_names == ["id", "city", "population"]


def test_create_transaction(catalog, namespace):
    with catalog.create_table_transaction((*namespace.levels, "ctas"), SCHEMA) as creation:
        creation.append(ROWS)
    assert catalog.load_table((*namespace.levels, "ctas")).scan().to_arrow().num_rows == 3


def test_names(catalog, namespace, table):
    (level,) = namespace.levels
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table((level, "cities"), SCHEMA)
    with pytest.raises(NoSuchNamespaceError):
        catalog.create_table((f"{level}x", "cities"), SCHEMA)
    with pytest.raises(NoSuchTableError):
        catalog.load_table((level, "absent"))
    assert catalog.list_tables(level) == [(level, "cities")]
    assert catalog.table_exists((level, "cities"))


def test_rename_keeps_the_dataset(catalog, namespace, table):
    (level,) = namespace.levels
    table.append(ROWS)
    before = Dataset.objects.get(name=f"{level}.cities")
    renamed = catalog.rename_table((level, "cities"), (level, "towns"))
    assert renamed.scan().to_arrow().num_rows == 3
    assert Dataset.objects.get(name=f"{level}.towns").pk == before.pk
    again = catalog.create_table((level, "cities"), SCHEMA)
    assert again.location() != renamed.location()


def test_dropped_table_comes_back_as_the_same_dataset(catalog, namespace, table):
    (level,) = namespace.levels
    before = Dataset.objects.get(name=f"{level}.cities")
    metadata_location = table.metadata_location
    catalog.drop_table((level, "cities"))
    assert Dataset.objects.get(pk=before.pk).deleted_at is not None
    back = catalog.register_table((level, "cities"), metadata_location)
    assert Dataset.objects.get(name=f"{level}.cities").pk == before.pk
    assert Dataset.objects.get(pk=before.pk).deleted_at is None
    assert back.metadata.table_uuid == table.metadata.table_uuid
