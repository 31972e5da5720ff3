"""Iceberg expressions mean what the SQL means, NULL included; pruning never rules out a row that counts."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.expressions.visitors import expression_evaluator
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record
from pyiceberg.types import LongType, NestedField, StringType

from governance.policy.rows import parse_row_filter
from storage.tables.expressions import InexpressibleError, to_expression
from storage.tables.pruning import _as_pyiceberg, pruning_expression

SCHEMA = Schema(
    NestedField(1, "n", LongType(), required=False),
    NestedField(2, "s", StringType(), required=False),
)
ROWS = [(n, s) for n in (None, 0, 1, 2) for s in (None, "", "a", "ab", "b")]
LEAVES = st.sampled_from(
    [
        *(f"n {operator} 1" for operator in ("=", "<>", "<", "<=", ">", ">=")),
        "s = 'a'",
        "s <> 'a'",
        "s LIKE 'a%'",
        "n IS NULL",
        "s IS NOT NULL",
        "n IN (0, 2)",
        "n NOT IN (1)",
        "n BETWEEN 1 AND 2",
        "TRUE",
    ]
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("(NOT {})".format, inner),
    ),
    max_leaves=5,
)


def rows_by_sql(condition: str) -> list[tuple]:
    values = ", ".join(
        f"({'NULL' if n is None else n}::BIGINT, {'NULL' if s is None else repr(s)}::VARCHAR)"
        for n, s in ROWS
    )
    found = duckdb.sql(f"SELECT n, s FROM (VALUES {values}) t(n, s) WHERE {condition}").fetchall()
    return [row for row in ROWS if row in found]


def rows_by_iceberg(expression) -> list[tuple]:
    matches = expression_evaluator(SCHEMA, expression, case_sensitive=True)
    return [row for row in ROWS if matches(Record(*row))]


@settings(max_examples=60, deadline=None)
@given(condition=CONDITIONS)
def test_expressions_mean_the_same(condition):
    assert rows_by_iceberg(_as_pyiceberg(to_expression(condition))) == rows_by_sql(condition)


@settings(max_examples=60, deadline=None)
@given(condition=CONDITIONS, columns=st.sets(st.sampled_from(["n", "s"])))
def test_pruning_keeps_every_row_that_counts(condition, columns):
    kept = pruning_expression(parse_row_filter(condition), schema=SCHEMA, columns=columns)
    assert set(rows_by_sql(condition)) <= set(rows_by_iceberg(kept))


@pytest.mark.parametrize(
    "condition", ["lower(s) = 'a'", "s LIKE '%a'", "s LIKE 'a_%'", "s ILIKE 'a%'"]
)
def test_what_iceberg_cannot_say_is_refused_and_prunes_nothing(condition):
    with pytest.raises(InexpressibleError):
        to_expression(condition)
    kept = pruning_expression(parse_row_filter(condition), schema=SCHEMA, columns={"s"})
    assert kept == AlwaysTrue()
