"""Spark's own parser is asked before Spark runs a statement: queries pass, whatever acts or reaches out does not."""

import pytest

from processing.spark.guard import ForbiddenStatementError, check_plan

pytestmark = [
    pytest.mark.spark,
    # py4j leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

QUERIES = [
    "WITH a AS (SELECT * FROM x) SELECT /*+ BROADCAST(a) */ a.*, row_number() OVER (ORDER BY c) FROM a JOIN y USING (k)",
    "SELECT a FROM x UNION ALL SELECT b FROM y INTERSECT SELECT c FROM z EXCEPT SELECT d FROM w",
    "SELECT * FROM x LATERAL VIEW explode(a) t AS e",
    "SELECT a, sum(b) FROM x GROUP BY GROUPING SETS ((a), ()) HAVING sum(b) > 1 ORDER BY 1 LIMIT 5 OFFSET 2",
    "SELECT * FROM x PIVOT (sum(a) FOR b IN (1, 2))",
    "SELECT * FROM x WHERE a IN (SELECT b FROM y) AND EXISTS (SELECT 1 FROM z)",
    "SELECT * FROM VALUES (1), (2) AS t(a)",
    "SELECT transform(array(1), q -> q + 1) FROM range(3)",
    "SELECT * FROM x VERSION AS OF 3",
    "SELECT * FROM x TABLESAMPLE (10 PERCENT)",
]
COLUMNS = ", ".join(f"c{number}" for number in range(60))
FORBIDDEN = [
    "DROP TABLE x",
    "INSERT INTO a SELECT 1",
    "FROM a INSERT INTO b SELECT 1 INSERT INTO c SELECT 2",
    "CREATE TABLE a AS SELECT 1",
    "SET x=1",
    "CACHE TABLE x",
    "SHOW TABLES",
    "DESCRIBE x",
    "ADD JAR '/x'",
    "DELETE FROM a",
    "TRUNCATE TABLE x",
    "REFRESH TABLE x",
    "EXECUTE IMMEDIATE 'select 1'",
    "BEGIN SELECT 1; END",
    "SELECT TRANSFORM(a) USING 'cat' FROM t",
    "WITH q AS (SELECT TRANSFORM(a) USING 'cat' FROM t) SELECT * FROM q",
    "SELECT reflect('a', 'b')",
    f"SELECT {COLUMNS}, `reflect`('a', 'b') FROM x",
    "SELECT system.builtin.java_method('a', 'b')",
    "SELECT * FROM t WHERE (SELECT try_reflect('a', 'b')) = 1",
    "SELECT * FROM x LATERAL VIEW explode(array(reflect('a', 'b'))) z AS y",
]


@pytest.fixture(scope="module")
def spark():
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.debug.maxToStringFields", "1000000")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .getOrCreate()
    )
    yield session
    session.stop()


def test_queries_pass(spark):
    for sql in QUERIES:
        check_plan(spark, sql)


def test_all_else_is_refused(spark):
    for sql in FORBIDDEN:
        with pytest.raises(ForbiddenStatementError):
            check_plan(spark, sql)
