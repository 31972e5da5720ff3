"""Real Spark through the catalog: create, append, CTAS, MERGE, metadata tables, and what it is refused."""

import os

import pytest
from django.conf import settings as django_settings

from catalog.models import Dataset
from query.services import read_dataset
from storage.models import IcebergTable

pytestmark = [
    pytest.mark.spark,
    pytest.mark.django_db(transaction=True),
    # py4j leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

CATALOG = "spark.sql.catalog.lake"


@pytest.fixture
def spark(web_server, engine):
    """A local Spark whose catalog `lake` is ours."""
    jars = django_settings.LAKEWARDEN.spark.jars_dir
    if jars is None or not any(jars.glob("iceberg-spark-runtime-*.jar")):
        pytest.skip("SPARK_JARS_DIR holds no Iceberg runtime")
    from pyspark.sql import SparkSession

    needed = sorted(str(path) for path in jars.glob("iceberg-*.jar"))
    builder = (
        SparkSession.builder.master("local[2]")
        .appName("catalog test")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.jars", ",".join(needed))
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .config(
            "spark.sql.extensions",
            "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        )
        .config(CATALOG, "org.apache.iceberg.spark.SparkCatalog")
        .config(f"{CATALOG}.type", "rest")
        .config(f"{CATALOG}.uri", f"{web_server}/iceberg")
        .config(f"{CATALOG}.token", engine.token)
        .config(f"{CATALOG}.io-impl", "org.apache.iceberg.aws.s3.S3FileIO")
        .config(f"{CATALOG}.header.X-Iceberg-Access-Delegation", "vended-credentials")
        .config(f"{CATALOG}.rest-metrics-reporting-enabled", "true")
    )
    environ = {"SPARK_LOCAL_IP": "127.0.0.1"}
    os.environ.update(environ)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def test_spark_tour(spark, place, engine):
    (level,) = place.levels
    flights, delays = f"lake.{level}.flights", f"lake.{level}.delays"
    spark.sql(
        f"CREATE TABLE {flights} (id BIGINT, origin STRING, day DATE, delay DOUBLE) "
        "USING iceberg PARTITIONED BY (months(day))"
    )
    spark.sql(
        f"INSERT INTO {flights} VALUES (1, 'EWR', DATE'2013-01-01', 2.0), "
        "(2, 'JFK', DATE'2013-01-02', 4.0), (3, 'EWR', DATE'2013-02-01', 8.0)"
    )
    spark.sql(
        f"CREATE TABLE {delays} USING iceberg AS "
        f"SELECT origin, sum(delay) AS total FROM {flights} GROUP BY origin"
    )
    spark.sql(
        f"MERGE INTO {delays} t USING (SELECT 'JFK' AS origin, 40.0D AS total UNION ALL "
        "SELECT 'LGA', 1.0D) s ON t.origin = s.origin "
        "WHEN MATCHED THEN UPDATE SET total = s.total WHEN NOT MATCHED THEN INSERT *"
    )
    rows = spark.sql(f"SELECT origin, total FROM {delays} ORDER BY origin").collect()
    assert [tuple(row) for row in rows] == [("EWR", 10.0), ("JFK", 40.0), ("LGA", 1.0)]

    spark.sql(f"ALTER TABLE {flights} ADD COLUMN carrier STRING AFTER origin")
    spark.sql(f"ALTER TABLE {flights} SET TBLPROPERTIES ('note' = 'checked')")
    spark.sql(f"ALTER TABLE {flights} UNSET TBLPROPERTIES ('note', 'never-was')")
    spark.sql(f"ALTER TABLE {flights} RENAME COLUMN delay TO arrival_delay")
    spark.sql(f"UPDATE {flights} SET carrier = 'UA' WHERE id = 1")
    assert [
        tuple(row) for row in spark.sql(f"SELECT id, carrier FROM {flights} ORDER BY id").collect()
    ] == [
        (1, "UA"),
        (2, None),
        (3, None),
    ]
    assert spark.sql(f"SELECT count(*) FROM {flights}.snapshots").collect()[0][0] == 2
    assert spark.sql(f"SELECT count(*) FROM {flights}.files").collect()[0][0] == 2
    spark.sql(f"CREATE OR REPLACE TABLE {delays} USING iceberg AS SELECT 1 AS one")
    assert spark.table(delays).columns == ["one"]
    names = [row.tableName for row in spark.sql(f"SHOW TABLES IN lake.{level}").collect()]
    assert sorted(names) == ["delays", "flights"]

    dataset = Dataset.objects.get(namespace="lakewarden", name=f"{level}.flights")
    assert list(
        dataset.fields.filter(removed_at=None).order_by("ordinal").values_list("name", "type")
    ) == [
        ("id", "long"),
        ("origin", "string"),
        ("carrier", "string"),
        ("day", "date"),
        ("arrival_delay", "double"),
    ]
    assert list(dataset.owners.values_list("user__username", flat=True)) == ["engine"]
    spark.sql(f"DROP TABLE {delays}")
    assert not IcebergTable.objects.filter(namespace=place, name="delays").exists()


def test_spark_nested_namespace_and_time_travel(spark, place):
    (level,) = place.levels
    spark.sql(f"CREATE NAMESPACE lake.{level}.inner")
    table = f"lake.{level}.inner.t"
    spark.sql(f"CREATE TABLE {table} (id BIGINT) USING iceberg")
    spark.sql(f"INSERT INTO {table} VALUES (1)")
    first = spark.sql(f"SELECT snapshot_id FROM {table}.snapshots").collect()[0][0]
    spark.sql(f"INSERT INTO {table} VALUES (2)")
    assert spark.sql(f"SELECT * FROM {table} VERSION AS OF {first}").count() == 1
    spark.sql(
        f"CALL lake.system.expire_snapshots(table => '{level}.inner.t', retain_last => 1, "
        "older_than => TIMESTAMP '2100-01-01 00:00:00')"
    )
    assert spark.sql(f"SELECT count(*) FROM {table}.snapshots").collect()[0][0] == 1
    assert sorted(row.id for row in spark.table(table).collect()) == [1, 2]


def test_governed_read_applies_merge_on_read_deletes(spark, place, engine):
    (level,) = place.levels
    table = f"lake.{level}.mor"
    spark.sql(
        f"CREATE TABLE {table} (id BIGINT, city STRING) USING iceberg TBLPROPERTIES "
        "('format-version' = '2', 'write.delete.mode' = 'merge-on-read')"
    )
    spark.sql(f"INSERT INTO {table} SELECT /*+ COALESCE(1) */ id, 'c' || id FROM range(5)")
    spark.sql(f"DELETE FROM {table} WHERE id IN (1, 3)")
    assert spark.sql(f"SELECT count(*) FROM {table}.delete_files").collect()[0][0] == 1
    dataset = Dataset.objects.get(name=f"{level}.mor")
    rows = read_dataset(user=engine.user, dataset=dataset).read_all().to_pylist()
    assert sorted(row["id"] for row in rows) == [0, 2, 4]
