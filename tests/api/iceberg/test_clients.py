"""Real engines against a real web server: pyiceberg and DuckDB. Spark is in `test_spark.py`."""

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField, StringType

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "city", StringType(), required=False),
)
ROWS = pa.table({"id": [1, 2, 3], "city": ["Rom", "Oslo", None]})


def rest_catalog(web_server: str, account) -> RestCatalog:
    return RestCatalog("lakewarden", uri=f"{web_server}/iceberg", token=account.token)


def test_pyiceberg_round_trip(web_server, place, engine):
    catalog = rest_catalog(web_server, engine)
    table = catalog.create_table((*place.levels, "cities"), SCHEMA)
    table.append(ROWS)
    with table.update_schema() as update:
        update.add_column("population", LongType())
    table.append(pa.table({"id": [4], "city": ["Kyiv"], "population": [2952301]}))
    table.delete("id = 1")
    again = rest_catalog(web_server, engine).load_table((*place.levels, "cities"))
    assert sorted(again.scan().to_arrow().to_pylist(), key=lambda row: row["id"]) == [
        {"id": 2, "city": "Oslo", "population": None},
        {"id": 3, "city": None, "population": None},
        {"id": 4, "city": "Kyiv", "population": 2952301},
    ]
    assert catalog.list_tables(tuple(place.levels)) == [(*place.levels, "cities")]


def test_pyiceberg_names_and_namespaces(web_server, place, engine):
    catalog = rest_catalog(web_server, engine)
    nested = (*place.levels, "inner")
    catalog.create_namespace(nested, {"purpose": "tests"})
    assert catalog.load_namespace_properties(nested) == {"purpose": "tests"}
    assert catalog.list_namespaces(tuple(place.levels)) == [nested]
    catalog.create_table((*nested, "a"), SCHEMA)
    catalog.rename_table((*nested, "a"), (*nested, "b"))
    assert catalog.list_tables(nested) == [(*nested, "b")]
    catalog.drop_table((*nested, "b"))
    with pytest.raises(NoSuchTableError):
        catalog.load_table((*nested, "b"))
    catalog.drop_namespace(nested)


def test_concurrent_commit_without_retry_fails(web_server, place, engine):
    catalog = rest_catalog(web_server, engine)
    name = (*place.levels, "race")
    catalog.create_table(name, SCHEMA, properties={"commit.retry.num-retries": "0"})
    first, second = catalog.load_table(name), catalog.load_table(name)
    first.append(ROWS)
    with pytest.raises(CommitFailedException):
        second.append(ROWS)
    assert catalog.load_table(name).scan().to_arrow().num_rows == 3


def test_outsider_sees_nothing(web_server, place, engine, outsider):
    rest_catalog(web_server, engine).create_table((*place.levels, "cities"), SCHEMA)
    catalog = rest_catalog(web_server, outsider)
    assert catalog.list_namespaces() == []
    with pytest.raises(NoSuchTableError):
        catalog.load_table((*place.levels, "cities"))


def test_duckdb_reads_and_writes(web_server, place, engine):
    (level,) = place.levels
    rest_catalog(web_server, engine).create_table((level, "cities"), SCHEMA).append(ROWS)
    connection = duckdb_with_iceberg()
    connection.execute(
        f"CREATE SECRET (TYPE iceberg, TOKEN '{engine.token}');"
        f"ATTACH 'lakewarden' AS lake (TYPE iceberg, ENDPOINT '{web_server}/iceberg')"
    )
    query = f"SELECT id, city FROM lake.{level}.cities ORDER BY id"
    assert connection.sql(query).fetchall() == [(1, "Rom"), (2, "Oslo"), (3, None)]
    connection.execute(f"INSERT INTO lake.{level}.cities VALUES (4, 'Kyiv')")
    assert connection.sql(query).fetchall()[-1] == (4, "Kyiv")


def duckdb_with_iceberg() -> duckdb.DuckDBPyConnection:
    """A connection with the extensions from their wheels, or a skip where those are not installed."""
    extensions = pytest.importorskip("duckdb_extensions")
    for name in ("httpfs", "avro", "iceberg"):
        pytest.importorskip(f"duckdb_extension_{name}")
        extensions.import_extension(name)
    connection = duckdb.connect()
    for name in ("httpfs", "avro", "iceberg"):
        connection.load_extension(name)
    return connection
