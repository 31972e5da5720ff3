"""Checks count what breaks them; texts and names cannot leave their quotes."""

import duckdb
import pytest

from processing.checks import read_check


def check(**data):
    return read_check(data, pointer="/checks/0")


@pytest.mark.parametrize(
    ("data", "expression"),
    [
        ({"kind": "not_null", "columns": ["a"]}, "count_if(`a` is null)"),
        ({"kind": "range", "columns": ["a"], "min": 0, "max": 9}, "count_if(`a` < 0 or `a` > 9)"),
        ({"kind": "row_count", "min": 1}, "count(*)"),
        (
            {"kind": "accepted_values", "columns": ["a`b"], "values": ["x'y\\", 1]},
            r"count_if(`a``b` not in ('x\'y\\', 1))",
        ),
    ],
)
def test_expression(data, expression):
    assert check(**data).expression() == expression


@pytest.mark.parametrize(
    ("data", "counted"),
    [
        ({"kind": "not_null", "columns": ["a"]}, 1),
        ({"kind": "unique", "columns": ["a"]}, 1),
        ({"kind": "unique", "columns": ["a", "b"]}, 0),
        ({"kind": "range", "columns": ["b"], "min": 2}, 1),
        ({"kind": "range", "columns": ["b"], "max": 2}, 2),
        ({"kind": "accepted_values", "columns": ["a"], "values": ["x"]}, 1),
        ({"kind": "row_count", "max": 4}, 4),
    ],
)
def test_what_is_counted(data, counted):
    """DuckDB knows the same functions, so the counts can be held to rows without Spark."""
    sql = check(**data).expression().replace("`", '"').replace("struct(", "row(")
    rows = "(VALUES ('x', 1), ('x', 2), ('y', 3), (NULL, 4)) AS t(a, b)"
    found = duckdb.sql(f"SELECT {sql} FROM {rows}").fetchone()
    assert found == (counted,)


@pytest.mark.parametrize(
    ("data", "counted", "passed"),
    [
        ({"kind": "unique", "columns": ["a"]}, 0, True),
        ({"kind": "unique", "columns": ["a"]}, 1, False),
        ({"kind": "row_count", "min": 2, "max": 3}, 1, False),
        ({"kind": "row_count", "min": 2, "max": 3}, 3, True),
        ({"kind": "row_count", "min": 2, "max": 3}, 4, False),
        ({"kind": "row_count", "min": 2}, 10**9, True),
    ],
)
def test_judgement(data, counted, passed):
    assert check(**data).judge(counted).passed is passed
