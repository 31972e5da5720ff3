import pyarrow as pa
import pytest
from pyiceberg.transforms import MonthTransform

from ingestion.config import (
    FilesConfig,
    KafkaConfig,
    arrow_schema,
    read_columns,
    read_config,
    read_partitioning,
)
from ingestion.errors import InvalidSourceError


def test_configurations_are_typed():
    config = read_config("kafka", {"topic": "flights", "options": {"row_path": "a/b"}})
    assert isinstance(config, KafkaConfig)
    assert (config.topic, config.start, config.options.row_path) == ("flights", "earliest", "a/b")
    files = read_config("files", {"path": "/in", "options": {"null_values": ["", "NA"]}})
    assert isinstance(files, FilesConfig)
    assert files.options.as_format_options(max_bytes=9).null_values == ("", "NA")


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("kafka", {"topic": "x", "extra": 1}),
        ("kafka", {"topic": "x", "start": "middle"}),
        ("files", {}),
    ],
)
def test_wrong_configurations_are_refused(kind, config):
    with pytest.raises(InvalidSourceError, match="`config`"):
        read_config(kind, config)


def test_columns_and_partitions():
    schema = read_columns(
        [
            {"name": "id", "type": "long", "required": True},
            {"name": "at", "type": "timestamptz"},
            {"name": "price", "type": "decimal(10, 2)"},
        ]
    )
    assert arrow_schema(schema) == pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("at", pa.timestamp("us", tz="UTC")),
            pa.field("price", pa.decimal128(10, 2)),
        ]
    )
    spec = read_partitioning([{"field": "at", "transform": "month"}], schema)
    assert [(f.source_id, f.name, f.transform) for f in spec.fields] == [
        (2, "at_month", MonthTransform())
    ]
    for wrong in ({"field": "id", "transform": "bucket[4]"}, {"field": "x"}):
        with pytest.raises(InvalidSourceError):
            read_partitioning([wrong], schema)
