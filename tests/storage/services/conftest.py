"""A partitioned table and a collection in the real store, and the two tiers of the settings."""

import pyarrow as pa
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType, NestedField, StringType

from catalog.services.datasets import ensure_dataset
from storage.models import IcebergTable, TierPolicy
from storage.services.collections import NewObject, add_objects
from storage.services.files import sync_table_files
from storage.services.locations import ensure_default_locations_and_tiers
from storage.services.namespaces import create_namespace
from storage.tables.catalog import LakewardenCatalog

SCHEMA = Schema(
    NestedField(1, "month", LongType(), required=False),
    NestedField(2, "city", StringType(), required=False),
)
SPEC = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "month"))
MONTHS = 6
ROWS_A_MONTH = 50


def month_rows(month: int) -> pa.Table:
    return pa.table(
        {"month": [month] * ROWS_A_MONTH, "city": [f"city {n}" for n in range(ROWS_A_MONTH)]}
    )


def make_table(unique: str) -> IcebergTable:
    """Six appends of one month each: six snapshots, six files."""
    create_namespace(levels=(unique,))
    table = LakewardenCatalog().create_table((unique, "flights"), SCHEMA, partition_spec=SPEC)
    for month in range(1, MONTHS + 1):
        table.append(month_rows(month))
    row = IcebergTable.objects.get(namespace__levels=[unique], name="flights")
    sync_table_files(row)
    row.refresh_from_db()
    return row


def make_collection(unique: str, count: int = 6):
    dataset = ensure_dataset(
        namespace="file", name=f"photos-{unique}", kind="collection", structure="unstructured"
    )
    add_objects(
        dataset=dataset,
        items=[
            NewObject(
                key=f"p/{number}.png",
                content=f"image {number}".encode(),
                media_type="image/png",
                metadata={"width": number * 100, "camera": "x" if number % 2 else None},
            )
            for number in range(count)
        ],
    )
    return dataset


def add_policy(dataset, condition: dict, target) -> TierPolicy:
    return TierPolicy.objects.create(dataset=dataset, condition=condition, target=target)


@pytest.fixture
def tiers(db):
    return ensure_default_locations_and_tiers()


@pytest.fixture
def table(tiers, unique) -> IcebergTable:
    return make_table(unique)


@pytest.fixture
def collection(tiers, unique):
    return make_collection(unique)
