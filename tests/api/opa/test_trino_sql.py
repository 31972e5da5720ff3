# ruff: noqa: DTZ001  # timestamps without zone are what is tested
"""What Trino is told equals what DuckDB does: sqlglot reads the Trino SQL, and DuckDB runs what it means."""

import math
from datetime import UTC, date, datetime

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from api.opa.trino_sql import column_sql, columns_of, mask_sql, row_filter_sql
from governance.policy.binding import bind
from governance.policy.masks import Mask, apply
from governance.policy.rows import parse_row_filter
from governance.policy.types import ColumnRule
from tests.governance.policy.test_masks import PAIRS, SALT, TYPES

COLUMNS = {
    "s": ("string", "VARCHAR"),
    "n": ("long", "BIGINT"),
    "f": ("double", "DOUBLE"),
    "d": ("date", "DATE"),
    "t": ("timestamp", "TIMESTAMP"),
    "z": ("timestamptz", "TIMESTAMPTZ"),
    "b": ("boolean", "BOOLEAN"),
}
FIELD_TYPES = {name: kind for name, (kind, _) in COLUMNS.items()}
ROWS = [
    (
        "EWR",
        1,
        1.5,
        date(2020, 5, 6),
        datetime(2020, 5, 6, 1, 2, 3, 4),
        datetime(2020, 1, 1, tzinfo=UTC),
        True,
    ),
    (
        " ewr ",
        -7,
        math.nan,
        date(1999, 1, 1),
        datetime(2020, 1, 1),
        datetime(2019, 12, 31, 23, tzinfo=UTC),
        False,
    ),
    (
        "\tO'Hare\\",
        0,
        math.inf,
        date(2020, 1, 1),
        datetime(1970, 1, 1),
        datetime(2021, 1, 1, tzinfo=UTC),
        None,
    ),
    (None, None, None, None, None, None, None),
    (
        "",
        10,
        -0.0,
        date(2020, 12, 31),
        datetime(2020, 5, 6, 1, 2, 3, 5),
        datetime(2020, 1, 1, 0, 0, 1, tzinfo=UTC),
        True,
    ),
]
FILTERS = [
    "s = 'EWR'",
    "s = principal.region OR n IN (0, 10)",
    "s ILIKE '%EWR%'",
    "s LIKE '%\\'",
    "trim(s) = 'ewr' OR trim(s) LIKE 'O%'",
    "substring(s, 0, 3) = 'EW'",
    "substring(s, 0) = 'EWR'",
    "substring(s, 2, 2) = 'WR'",
    "length(s) > 3",
    "upper(s) = 'EWR'",
    "NOT (f > 1)",
    "f > 1",
    "f >= 1.5 AND n < 0",
    "NOT (abs(f) <= 1)",
    "coalesce(f, 2) > 1.5",
    "f BETWEEN 0 AND 100",
    "d >= DATE '2020-01-01' AND year(d) = 2020",
    "month(d) <> 5",
    "t = TIMESTAMP '2020-05-06 01:02:03.000004'",
    "t > '2020-05-06T01:02:03.000004'",
    "t >= '2020-01-01'",
    "z >= '2020-01-01T01:00:00+01:00'",
    "z < TIMESTAMP '2020-01-01 00:00:00Z'",
    "b",
    "NOT b OR s IS NULL",
    "b IS NOT TRUE",
]


@pytest.fixture(scope="module")
def duck():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/New_York'")
    columns = ", ".join(f"{name} {kind}" for name, (_, kind) in COLUMNS.items())
    connection.execute(f"CREATE TABLE t ({columns})")
    connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(COLUMNS))})", ROWS)
    for bits, kind in ((32, "INTEGER"), (64, "BIGINT")):
        connection.create_function(f"to_big_endian_{bits}", _to_bytes(bits // 8), [kind], "BLOB")
        connection.create_function(
            f"from_big_endian_{bits}", lambda b: int.from_bytes(b, signed=True), ["BLOB"], kind
        )
    connection.create_function("reverse_bytes", lambda b: b[::-1], ["BLOB"], "BLOB")
    connection.create_function(
        "bytes_of",
        lambda b, start, length: b[start - 1 : start - 1 + length],
        ["BLOB", "INTEGER", "INTEGER"],
        "BLOB",
    )
    yield connection
    connection.close()


def _to_bytes(size: int):
    return lambda number: number.to_bytes(size, signed=True)


def run_as_trino(duck, sql: str, source: str, parameters=()):
    """The rows of a Trino expression over `source`. Of bytes DuckDB has neither `reverse` nor `substr`; and NaN, of
    which Trino says that no comparison with it holds, is taken out of comparisons."""
    tree = sqlglot.parse_one(sql, read="trino")
    # A node that is replaced is not looked into again, so bytes within bytes take a turn each.
    for _ in range(3):
        tree = tree.transform(_of_bytes)
    text = tree.transform(_without_nan).sql(dialect="duckdb")
    return duck.execute(f"SELECT {text} FROM {source}", parameters).fetchall()


def _without_nan(node):
    if isinstance(node, exp.GT | exp.GTE | exp.LT | exp.LTE) and _floats(node):
        return exp.paren(exp.and_(exp.not_(exp.func("isnan", node.this.copy())), node.copy()))
    return node


def _of_bytes(node):
    if isinstance(node, exp.Reverse):
        return exp.func("reverse_bytes", node.this)
    if isinstance(node, exp.Substring) and node.find(exp.SHA2, exp.SHA2Digest):
        return exp.func("bytes_of", node.this, node.args["start"], node.args["length"])
    return node


def _floats(node) -> bool:
    return any(column.name == "f" for column in node.this.find_all(exp.Column))


@pytest.mark.parametrize("written", FILTERS)
def test_a_row_filter_keeps_the_same_rows(duck, written):
    kernel = bind(parse_row_filter(written), field_types=FIELD_TYPES, attributes={"region": "EWR"})
    expected = duck.execute(f"SELECT {kernel} FROM t").fetchall()
    told = row_filter_sql(kernel, types=FIELD_TYPES)
    assert run_as_trino(duck, told, "t") == expected


@pytest.mark.parametrize(("mask", "type_name"), PAIRS)
def test_a_mask_equals_the_reference(duck, mask, type_name):
    duck_type, values = TYPES[type_name]
    sql = mask_sql(mask, 'odd "name', type_name, salt=SALT)

    @settings(max_examples=25)
    @given(st.one_of(st.none(), values))
    def check(value):
        source = f'(SELECT CAST(? AS {duck_type}) AS "odd ""name")'
        ((masked,),) = run_as_trino(duck, sql, source, [value])
        assert masked == apply(mask, value, type_name, salt=SALT)

    check()


def test_instants_are_written_as_trino_reads_them():
    kernel = bind(
        parse_row_filter("t >= '2020-01-01T10:00' AND z < '2020-01-01T10:00:00.5+02:00'"),
        field_types=FIELD_TYPES,
        attributes={},
    )
    assert row_filter_sql(kernel, types=FIELD_TYPES) == (
        "((\"t\" >= CAST('2020-01-01 10:00:00.000000' AS TIMESTAMP(6))) AND "
        "(\"z\" < CAST('2020-01-01 08:00:00.500000 UTC' AS TIMESTAMP(6) WITH TIME ZONE)))"
    )
    assert columns_of(kernel) == {"t", "z"}
    assert mask_sql(Mask.MASK_TO_FIXED_VALUE, "z", "timestamptz", salt=b"") == (
        "CAST('1970-01-01 00:00:00 UTC' AS TIMESTAMP(6) WITH TIME ZONE)"
    )
    assert mask_sql(Mask.TRUNCATE_TO_YEAR, "z", "timestamptz", salt=b"") == (
        "date_trunc('year', \"z\" AT TIME ZONE 'UTC')"
    )


def test_a_quote_in_a_name_or_a_value_stays_one():
    kernel = bind(
        parse_row_filter('"a""b" = \'x\'\'y\' OR "a""b" = \'"; DROP TABLE t; --\''),
        field_types={'a"b': "string"},
        attributes={},
    )
    told = row_filter_sql(kernel, types={'a"b': "string"})
    tree = sqlglot.parse_one(told, read="trino")
    assert {each.name for each in tree.find_all(exp.Column)} == {'a"b'}
    assert {each.name for each in tree.find_all(exp.Literal)} == {"x'y", '"; DROP TABLE t; --'}


def test_a_cell_is_hidden_before_its_mask_is_looked_at(duck):
    rule = ColumnRule("s", 1, "string", visible_when='("n" > 0)', mask=Mask.SHOW_FIRST_4)
    sql = column_sql(rule, types=FIELD_TYPES, salt=b"")
    assert run_as_trino(duck, sql, "t") == [("EWR",), (None,), (None,), (None,), ("",)]


def test_a_mask_that_does_not_fit_is_not_written():
    with pytest.raises(ValueError, match="does not fit"):
        mask_sql(Mask.SHOW_LAST_4, "n", "long", salt=b"")
