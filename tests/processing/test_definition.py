"""A declaration is read whole or refused with the place of its fault; a statement is a query and nothing else."""

import pytest

from processing.definition import read_definition
from processing.errors import InvalidPipelineError
from processing.sql import check_query


def step(**changes) -> dict:
    return {"name": "one", "sql": "SELECT 1 AS a", "output": "curated.one", **changes}


def test_inputs_and_outputs_are_found():
    parsed = read_definition(
        {
            "steps": [
                step(name="clean", sql="SELECT * FROM raw.flights", output=None),
                step(
                    sql="WITH w AS (SELECT * FROM lakewarden.raw.weather) "
                    "SELECT /*+ BROADCAST(w) */ c.a FROM clean c JOIN w ON c.a = w.a"
                ),
                step(name="two", sql="SELECT a FROM curated.one", output="feature.two"),
            ]
        }
    )
    assert parsed.inputs == {"raw.flights", "raw.weather"}
    assert parsed.outputs == ["curated.one", "feature.two"]


def test_a_definition_is_what_its_json_says_again():
    checks = [{"kind": "range", "columns": ["a"], "min": 0, "max": 1.5}]
    parsed = read_definition({"steps": [step(partitioned_by=["days(a)"], checks=checks)]})
    assert read_definition(parsed.as_json()) == parsed


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ({}, "/steps"),
        ({"steps": []}, "/steps"),
        ({"steps": ["x"]}, "/steps/0"),
        ({"steps": [step(name="Not a name")]}, "/steps/0/name"),
        ({"steps": [step(), step()]}, "/steps/1/name"),
        ({"steps": [step(sql="")]}, "/steps/0/sql"),
        ({"steps": [step(sql="DROP TABLE raw.flights")]}, "/steps/0/sql"),
        ({"steps": [step(output="one")]}, "/steps/0/output"),
        ({"steps": [step(output="a.b; DROP")]}, "/steps/0/output"),
        ({"steps": [step(mode="merge")]}, "/steps/0/mode"),
        ({"steps": [step(partitioned_by=["a) TBLPROPERTIES ("])]}, "/steps/0/partitioned_by"),
        (
            {"steps": [step(output=None, checks=[{"kind": "row_count", "min": 1}])]},
            "/steps/0/checks",
        ),
        ({"steps": [step(checks=[{"kind": "magic"}])]}, "/steps/0/checks/0/kind"),
        ({"steps": [step(checks=[{"kind": "not_null"}])]}, "/steps/0/checks/0/columns"),
        ({"steps": [step(checks=[{"kind": "range", "columns": ["a"]}])]}, "/steps/0/checks/0"),
        ({"steps": [step(checks=[{"kind": "row_count", "min": "1"}])]}, "/steps/0/checks/0/min"),
        (
            {
                "steps": [
                    step(checks=[{"kind": "accepted_values", "columns": ["a"], "values": [[]]}])
                ]
            },
            "/steps/0/checks/0/values",
        ),
        ({"steps": [step()], "parameters": {"a": []}}, "/parameters"),
        ({"steps": [step()], "entry_point": "keep_latest"}, "/steps/0/sql"),
    ],
)
def test_a_fault_is_named_by_its_place(data, pointer):
    with pytest.raises(InvalidPipelineError) as caught:
        read_definition(data)
    assert caught.value.data["pointer"] == pointer


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE x",
        "INSERT INTO a SELECT 1",
        "CREATE TABLE x AS SELECT 1",
        "CACHE TABLE x AS SELECT 1",
        "SET x = 1",
        "CALL lakewarden.system.expire_snapshots('a.b')",
        "SELECT 1; SELECT 2",
        "WITH x AS (SELECT 1) INSERT INTO y SELECT * FROM x",
        "FROM a INSERT INTO b SELECT 1",
        "SELECT TRANSFORM(a) USING 'cat' FROM t",
        "SELECT * FROM (SELECT TRANSFORM(a) USING 'cat' FROM t)",
        "MAP a USING 'cat' FROM t",
        "SELECT reflect('java.lang.System', 'getenv', 'HOME')",
        "SELECT `reflect`('java.lang.System', 'getenv', 'HOME')",
        "SELECT system.builtin.java_method('a', 'b')",
        "SELECT * FROM t WHERE try_reflect('a', 'b') = 1",
        "SELECT * FROM parquet.`/etc/passwd`",
        "SELECT * FROM csv.`s3://bucket/key`",
        "SELECT '${env:HOME}'",
        "SELECT (",
        "",
    ],
)
def test_what_is_no_plain_query_is_refused(sql):
    with pytest.raises(InvalidPipelineError):
        check_query(sql, pointer="/sql")
