# ruff: noqa: DTZ001  # timestamps without zone are what is tested
"""DuckDB's masks equal the reference, for every mask, type and value; and the stated order holds."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.policy.mask_sql import column_sql, to_duckdb_sql
from governance.policy.masks import Mask, apply, fitted, mask_fits, stronger
from governance.policy.types import ColumnRule

SALT = bytes(range(16))
TYPES = {
    "boolean": ("BOOLEAN", st.booleans()),
    "int": ("INTEGER", st.integers(-(2**31), 2**31 - 1)),
    "long": ("BIGINT", st.integers(-(2**63), 2**63 - 1)),
    "double": ("DOUBLE", st.floats(allow_nan=False, allow_infinity=False)),
    "decimal(9,2)": ("DECIMAL(9,2)", st.decimals(-9999, 9999, places=2)),
    "string": (
        "VARCHAR",
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    ),
    "date": ("DATE", st.dates(date(1500, 1, 1), date(9000, 1, 1))),
    "time": ("TIME", st.times()),
    "timestamp": ("TIMESTAMP", st.datetimes(datetime(1500, 1, 1), datetime(9000, 1, 1))),
    "timestamp_ns": ("TIMESTAMP_NS", st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))),
    "uuid": ("UUID", st.uuids()),
    "binary": ("BLOB", st.binary(max_size=12)),
}
PAIRS = [(mask, type_name) for mask in Mask for type_name in TYPES if mask_fits(mask, type_name)]


@pytest.fixture(scope="module")
def duck():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/New_York'")
    yield connection
    connection.close()


@pytest.mark.parametrize(("mask", "type_name"), PAIRS)
def test_duckdb_equals_the_reference(duck, mask, type_name):
    duck_type, values = TYPES[type_name]
    sql = to_duckdb_sql(mask, 'odd "name', type_name, salt=SALT)

    @settings(max_examples=25, deadline=None)
    @given(st.one_of(st.none(), values))
    def check(value):
        row = duck.execute(
            f'SELECT {sql}, typeof({sql}) FROM (SELECT CAST(? AS {duck_type}) AS "odd ""name")',
            [value],
        ).fetchone()
        expected_type = duck_type.replace(",", ", ") if "(" in duck_type else duck_type
        typed = row[1].replace(", ", ",") == expected_type.replace(", ", ",")
        assert (row[0], typed) == (apply(mask, value, type_name, salt=SALT), True)

    check()


@pytest.mark.parametrize("mask", [Mask.TRUNCATE_TO_YEAR, Mask.TRUNCATE_TO_MONTH])
def test_instants_are_truncated_in_utc_whatever_the_session(duck, mask):
    sql = to_duckdb_sql(mask, "at", "timestamptz")
    value = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
    (text,) = duck.execute(
        f"SELECT CAST({sql} AT TIME ZONE 'UTC' AS VARCHAR) FROM (SELECT TIMESTAMPTZ '2026-01-01 00:30:00+00' AS at)"
    ).fetchone()
    assert text == apply(mask, value, "timestamptz").strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("mask", "type_name", "value", "masked"),
    [
        (Mask.MASK_ALPHANUM, "string", "Ann (b. 1990) a@x.org", "xxxx(x.xnnnn)xx@x.xxx"),
        (Mask.SHOW_LAST_4, "string", "4111-1111-1111-1234", "nnnn-nnnn-nnnn-1234"),
        (Mask.SHOW_FIRST_4, "string", "4111111111111234", "4111nnnnnnnnnnnn"),
        (Mask.SHOW_LAST_4, "string", "abcd", "abcd"),
        (Mask.MASK_TO_FIXED_VALUE, "string", None, "XXXXXXXX"),
        (Mask.MASK_TO_FIXED_VALUE, "date", date(2020, 5, 6), date(1970, 1, 1)),
        (Mask.MASK_TO_FIXED_VALUE, "decimal(9,2)", Decimal("1.50"), Decimal(0)),
        (Mask.MASK_TO_FIXED_VALUE, "uuid", UUID(int=7), UUID(int=0)),
        (Mask.MASK_TO_FIXED_VALUE, "time", time(5), time(0)),
        (Mask.REPLACE_WITH_NULL, "string", "x", None),
        (Mask.TRUNCATE_TO_YEAR, "date", date(2020, 5, 6), date(2020, 1, 1)),
        (Mask.TRUNCATE_TO_MONTH, "timestamp", datetime(2020, 5, 6, 7), datetime(2020, 5, 1)),
        (
            Mask.SHA_256_GLOBAL,
            "string",
            "abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
    ],
)
def test_known_answers(mask, type_name, value, masked):
    assert apply(mask, value, type_name) == masked


def test_a_query_local_hash_differs_by_salt_and_needs_one():
    mask = Mask.SHA_256_QUERY_LOCAL
    first, again, other = (
        apply(mask, "abc", "string", salt=salt) for salt in (SALT, SALT, b"x" * 16)
    )
    assert (first == again, first == other) == (True, False)
    for call in (lambda: apply(mask, "abc", "string"), lambda: to_duckdb_sql(mask, "a", "string")):
        with pytest.raises(ValueError, match="expected 16 or more"):
            call()


def test_the_stated_order():
    assert [
        str(mask)
        for mask in sorted(Mask, key=lambda m: [stronger([m, n]) == m for n in Mask].count(True))
    ] == [
        "show-last-4",
        "show-first-4",
        "sha-256-global",
        "sha-256-query-local",
        "mask-alphanum",
        "truncate-to-month",
        "truncate-to-year",
        "mask-to-fixed-value",
        "replace-with-null",
    ]


@pytest.mark.parametrize(
    ("mask", "type_name", "required", "used"),
    [
        (Mask.SHOW_LAST_4, "string", True, Mask.SHOW_LAST_4),
        (Mask.SHOW_LAST_4, "long", False, Mask.REPLACE_WITH_NULL),
        (Mask.SHOW_LAST_4, "long", True, Mask.MASK_TO_FIXED_VALUE),
        (Mask.REPLACE_WITH_NULL, "date", True, Mask.MASK_TO_FIXED_VALUE),
        (Mask.SHA_256_GLOBAL, "struct<a:int>", False, Mask.REPLACE_WITH_NULL),
        (Mask.SHA_256_GLOBAL, "struct<a:int>", True, None),
    ],
)
def test_a_mask_that_does_not_fit_hides_all(mask, type_name, required, used):
    assert fitted(mask, type_name, required=required) == used


def test_a_mask_of_the_wrong_type_is_not_rendered():
    with pytest.raises(ValueError, match="does not fit type"):
        to_duckdb_sql(Mask.SHOW_LAST_4, "a", "int")


def test_a_filter_reads_original_values_beside_masked_ones(duck):
    """The alias of a masked column does not get between the filter and the column."""
    rule = ColumnRule("a", 1, "string", visible_when="(\"a\" = 'keep')", mask=Mask.MASK_ALPHANUM)
    rows = duck.execute(
        f"SELECT {column_sql(rule)} FROM (VALUES ('keep'), ('drop'), ('hide')) t(a) WHERE (\"a\" <> 'drop')"
    ).fetchall()
    assert rows == [("xxxx",), (None,)]


def test_times_are_utc_in_the_reference():
    east = datetime(2026, 1, 1, 0, 30, tzinfo=UTC) + timedelta(hours=0)
    assert apply(Mask.TRUNCATE_TO_YEAR, east, "timestamptz") == datetime(2026, 1, 1, tzinfo=UTC)
