"""File rows follow the current snapshot."""

from datetime import date

import pyarrow as pa
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform, MonthTransform
from pyiceberg.types import DateType, LongType, NestedField, StringType

from storage.models import DataFile, IcebergTable
from storage.services.files import NoTierError, record_reads, sync_table_files
from tests.factories.storage import make_tiers

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "city", StringType(), required=False),
    NestedField(3, "day", DateType(), required=False),
    NestedField(4, "seen", DateType(), required=False),
)
SPEC = PartitionSpec(
    PartitionField(2, 1000, IdentityTransform(), "city"),
    PartitionField(3, 1001, MonthTransform(), "month"),
    PartitionField(4, 1002, IdentityTransform(), "seen"),
)
ROWS = pa.table(
    {
        "id": [1, 2, 3],
        "city": ["Rom", "Rom", None],
        "day": [date(2013, 6, 1), date(2013, 6, 2), date(2014, 1, 31)],
        "seen": [date(2013, 7, 1), date(2013, 7, 1), date(2014, 2, 28)],
    }
)


@pytest.fixture
def table(catalog, namespace):
    table = catalog.create_table((*namespace.levels, "cities"), SCHEMA, partition_spec=SPEC)
    table.append(ROWS)
    return table


def row_of(table) -> IcebergTable:
    return IcebergTable.objects.get(table_uuid=table.metadata.table_uuid)


def test_rows_say_partition_size_and_tier(table):
    hot, _ = make_tiers()
    assert sync_table_files(row_of(table)) == 2
    rows = DataFile.objects.filter(table=row_of(table)).order_by("records")
    assert [(row.records, row.tier, row.partition) for row in rows] == [
        (1, hot, {"city": None, "month": "2014-01", "seen": "2014-02-28"}),
        (2, hot, {"city": "Rom", "month": "2013-06", "seen": "2013-07-01"}),
    ]
    listed = table.inspect.files().to_pylist()
    assert {row.path: row.size for row in rows} == {
        each["file_path"]: each["file_size_in_bytes"] for each in listed
    }
    assert row_of(table).files_snapshot_id == table.metadata.current_snapshot_id


def test_wrong_totals_of_an_engine_are_counted_right(table):
    make_tiers()
    row = row_of(table)
    version = row.dataset.current_version
    version.statistics = {"rows": 0, "files": 0, "columns": 4}
    version.save()
    sync_table_files(row)
    version.refresh_from_db()
    size = sum(each["file_size_in_bytes"] for each in table.inspect.files().to_pylist())
    assert version.statistics == {"rows": 3, "files": 2, "bytes": size, "columns": 4}


def test_again_changes_nothing_and_keeps_reads(table):
    make_tiers()
    sync_table_files(row_of(table))
    paths = list(DataFile.objects.filter(table=row_of(table)).values_list("path", flat=True))
    record_reads(table=row_of(table), paths=paths[:1])
    before = list(DataFile.objects.order_by("pk").values())
    sync_table_files(row_of(table))
    assert list(DataFile.objects.order_by("pk").values()) == before
    assert [row["reads"] for row in before] == [1, 0]


def test_deleted_and_added_files(table):
    make_tiers()
    sync_table_files(row_of(table))
    table.delete("city = 'Rom'")
    table.append(ROWS.slice(0, 1))
    assert sync_table_files(row_of(table)) == 2
    rows = DataFile.objects.filter(table=row_of(table))
    assert sorted(row.records for row in rows) == [1, 1]


def test_a_path_without_tier_is_named(table):
    with pytest.raises(NoTierError, match="no tier is at the location"):
        sync_table_files(row_of(table))
