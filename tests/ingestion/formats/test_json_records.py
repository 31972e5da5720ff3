"""The vector parser beside an obvious, slow reference: nothing wrong slips through, nothing good is lost."""

import datetime as dt
import json
import re
import sys

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.formats.base import Reason, UnsupportedTypeError
from ingestion.formats.json_records import CHUNK_RECORDS, RecordParser

SCHEMA = pa.schema(
    [
        ("a", pa.int64()),
        ("n", pa.int32()),
        ("f", pa.float64()),
        ("g", pa.float32()),
        ("t", pa.bool_()),
        ("s", pa.string()),
        ("d", pa.date32()),
        ("m", pa.timestamp("us", tz="UTC")),
        ("l", pa.timestamp("us")),
    ]
)
PARSER = RecordParser(SCHEMA)
GOOD = b'{"a":1,"n":2,"f":1.5,"t":true,"s":"x","d":"2013-01-01","m":"2013-01-01T05:00:00Z"}'


class WrongError(Exception):
    pass


def first_wins(pairs):
    found = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def refuse_constant(text):
    raise WrongError(text)


def reference_value(kind, value):  # noqa: C901, PLR0911, PLR0912 - the reference is one flat page
    if value is None:
        return None
    if kind in "an":
        low = -(2**63) if kind == "a" else -(2**31)
        if type(value) is not int or not low <= value <= -low - 1:
            raise WrongError
        return value
    if kind in "fg":
        if type(value) not in (int, float) or abs(value) > (
            sys.float_info.max if kind == "f" else 3.4e38
        ):
            raise WrongError
        return float(value)
    if kind == "t":
        if type(value) is not bool:
            raise WrongError
        return value
    if type(value) is not str:
        raise WrongError
    if kind == "s":
        value.encode()
        return value
    try:
        if kind == "d":
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                raise WrongError
            return dt.date.fromisoformat(value)
        zone = r"(Z|z|[+-][0-2][0-9]:[0-5][0-9])" if kind == "m" else ""
        shape = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T t][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
        if not re.fullmatch(shape + zone, value):
            raise WrongError
        moment = dt.datetime.fromisoformat(value.upper())
        return moment.astimezone(dt.UTC) if kind == "m" else moment
    except (ValueError, OverflowError) as error:
        raise WrongError from error


def reference_row(data):
    """One record, by the book: a row, or `WrongError`."""
    try:
        text = data.decode()
        record = json.loads(text, object_pairs_hook=first_wins, parse_constant=refuse_constant)
        text.encode().decode()
        json.dumps(record, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise WrongError from error
    if not isinstance(record, dict):
        raise WrongError
    return {name: reference_value(name, record.get(name)) for name in SCHEMA.names}


def reference(batch):
    rows, refused = [], []
    for index, data in enumerate(batch):
        try:
            rows.append(reference_row(data or b""))
        except WrongError:
            refused.append(index)
    return rows, refused


def narrow(row):
    """Float32 columns hold the nearest float of 32 bits."""
    row = dict(row)
    if row["g"] is not None:
        row["g"] = pa.scalar(row["g"], pa.float32()).as_py()
    return row


def check(batch):
    parsed = PARSER.parse(batch)
    rows, refused = reference(batch)
    assert [reject.position for reject in parsed.rejects] == refused
    assert [reject.original for reject in parsed.rejects] == [batch[i] or b"" for i in refused]
    assert parsed.rows.schema == SCHEMA
    assert parsed.rows.to_pylist() == [narrow(row) for row in rows]
    kept = [i for i in range(len(batch)) if i not in refused]
    assert (parsed.kept.tolist() if parsed.kept is not None else list(range(len(batch)))) == kept


numbers = st.one_of(
    st.integers(-(2**66), 2**66),
    st.sampled_from(
        [2**31, 2**31 - 1, -(2**31) - 1, 2**63, 2**63 - 1, -(2**63), -(2**63) - 1, 2**64]
    ),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e39, -1e39, 1.0, 0.0, 1e300]),
)
texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["12", "true", "null", "Static(", "NaN", "{}", "\x00", "a\nb", "\\", '"', "é", "😀"]
    ),
)
naive = st.datetimes(
    dt.datetime.fromisoformat("0001-01-02"), dt.datetime.fromisoformat("9999-12-30")
)
moments = st.one_of(
    naive.map(lambda m: m.isoformat()),
    naive.map(lambda m: m.isoformat() + "Z"),
    st.dates().map(lambda d: d.isoformat()),
    st.sampled_from(
        [
            "2013-1-1",
            "+2013-01-01",
            "2013-02-30",
            "2013-01-01T05:00:60Z",
            "2013-01-01T24:00:00Z",
            "2013-01-01t05:00:00z",
            "2013-01-01T05:00:00+02:00",
            "2013-01-01T05:00Z",
            "2013-01-01T05:00:00.1234567Z",
            "0000-01-01",
            "0001-01-01T00:00:00+05:00",
            "٢013-01-01",
        ]
    ),
)
values = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    texts,
    moments,
    st.lists(st.integers(), max_size=2),
    st.just({}),
)
likely = {
    "a": st.integers(-5, 5),
    "n": st.integers(-5, 5),
    "f": numbers,
    "g": st.floats(-10, 10, width=32),
    "t": st.booleans(),
    "s": texts,
    "d": st.dates().map(lambda d: d.isoformat()),
    "m": moments,
    "l": moments,
}
good_objects = st.fixed_dictionaries({}, optional=likely)
wild_objects = st.dictionaries(st.sampled_from([*SCHEMA.names, "z"]), values, max_size=4)
encoded = st.one_of(
    good_objects.map(lambda o: json.dumps(o).encode()),
    good_objects.map(lambda o: json.dumps(o, ensure_ascii=False).encode()),
    wild_objects.map(lambda o: json.dumps(o).encode()),
    wild_objects.map(lambda o: json.dumps(o, indent=1).encode()),
    values.map(lambda v: json.dumps(v).encode()),
    st.binary(max_size=12),
    st.sampled_from(
        [
            b"", b"  ", b"{", b'{"a":1', b'{"a":1}{"a":2}', b'{"a":1}\n{"a":2}', b'{"a":1,"a":2}', b'{"a":1,"a":"x"}',
            b'{"a":"x","a":1}', b'{"s":"\\ud800"}', b'{"z":"\\udc00"}', b'{"s":"\\ud83d\\ude00"}', b'{"s":"\xff"}',
            b'{"z":"\xff"}', b'{"a":NaN}', b'{"f":1e999}', b'{"f":NaN}', b'{"a":01}', b'{"a":1}\r', b'\xef\xbb\xbf{"a":1}',
            b'{"\\u0061":7}', b'{"s":99999999999999999999}', b'{"s":-18446744073709551616}', b'{"s":1.5}', b'{"s":[1]}',
            b'{"s":{"b":1}}', b'{"a":1e2}', b'{"a":1.0}', b'{"z":[{"a":"x"}]}', b"null", b"[]", b'{"a":-0}',
        ]
    ),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(encoded, max_size=6))
@example([GOOD, b'{"s":5}', GOOD])
@example([b'{"s":"Static(1"}', b'{"s":99999999999999999999}'])
@example([b'{"a":1}', b"", b'{"a":1}\n{"a":2}', b'{"a":3}'])
def test_batches_equal_the_reference(batch):
    check(batch)


def test_one_broken_record_costs_its_neighbours_nothing():
    batch = [b'{"a":%d,"s":"row"}' % i for i in range(1000)]
    batch[500] = b'{"a":"five hundred"}'
    parsed = PARSER.parse(batch)
    assert parsed.rows["a"].to_pylist() == [i for i in range(1000) if i != 500]
    assert [(r.position, r.reason, r.original) for r in parsed.rejects] == [
        (500, Reason.WRONG_TYPE, b'{"a":"five hundred"}')
    ]


@pytest.mark.parametrize(
    ("record", "reason", "words"),
    [
        (None, Reason.EMPTY, "no value"),
        (b"", Reason.EMPTY, "no value"),
        (b'{"s":"\xff"}', Reason.BAD_UTF8, "byte 6"),
        (b"{'a':1}", Reason.BAD_JSON, "line 1 column 2"),
        (b'{"a":1', Reason.TRUNCATED, "line 1"),
        (b'{"s":"abc', Reason.TRUNCATED, "line 1"),
        (b"[1]", Reason.NOT_AN_OBJECT, "object"),
        (b'{"a":"1"}', Reason.WRONG_TYPE, "`a`: '1' is not an integer"),
        (b'{"a":1.0}', Reason.WRONG_TYPE, "`a`: 1.0 is not an integer"),
        (b'{"a":9223372036854775808}', Reason.OUT_OF_RANGE, "`a`"),
        (b'{"n":2147483648}', Reason.OUT_OF_RANGE, "`n`"),
        (b'{"g":1e39}', Reason.OUT_OF_RANGE, "`g`"),
        (b'{"s":5}', Reason.WRONG_TYPE, "`s`: 5 is not a string"),
        (b'{"s":true}', Reason.WRONG_TYPE, "`s`: True is not a string"),
        (b'{"s":99999999999999999999}', Reason.WRONG_TYPE, "`s`"),
        (b'{"d":"2013-02-30"}', Reason.WRONG_TYPE, "`d`"),
        (b'{"m":"2013-01-01T05:00:00"}', Reason.WRONG_TYPE, "`m`"),
        (b'{"z":' + b"[" * 300 + b"]" * 300 + b"}", Reason.TOO_DEEP, "250"),
        (b'{"z":' + b"[" * 200_000 + b"]" * 200_000 + b"}", Reason.TOO_DEEP, "250"),
    ],
)
def test_reasons(record, reason, words):
    parsed = PARSER.parse([GOOD, record, GOOD])
    assert parsed.rows.num_rows == 2
    (reject,) = parsed.rejects
    assert (reject.position, reject.reason, reject.original) == (1, reason, record or b"")
    assert words in reject.message


def test_required_fields():
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False), pa.field("s", pa.string())])
    parsed = RecordParser(schema).parse([b'{"a":1}', b'{"s":"x"}', b'{"a":null}'])
    assert parsed.rows.to_pylist() == [{"a": 1, "s": None}]
    assert [r.reason for r in parsed.rejects] == [Reason.MISSING_REQUIRED] * 2


def test_many_chunks_keep_order_and_positions():
    total = CHUNK_RECORDS * 2 + 10
    batch = [b'{"a":%d}' % i for i in range(total)]
    broken = [3, CHUNK_RECORDS - 1, CHUNK_RECORDS, total - 1]
    for index in broken:
        batch[index] = b"broken"
    parsed = PARSER.parse(batch)
    assert [r.position for r in parsed.rejects] == broken
    expected = [i for i in range(total) if i not in broken]
    assert parsed.rows["a"].to_pylist() == expected
    assert parsed.kept.tolist() == expected


def test_pretty_printed_and_deep_but_legal_records():
    nested = {"z": [{"y": [i]} for i in range(400)], "a": 4}
    batch = [json.dumps({"a": 1}, indent=2).encode() + b"\n", json.dumps(nested).encode(), GOOD]
    parsed = PARSER.parse(batch)
    assert parsed.rejects == []
    assert parsed.rows["a"].to_pylist() == [1, 4, 1]


def test_nested_and_decimal_schemas_are_read_by_hand():
    schema = pa.schema(
        [
            ("p", pa.decimal128(10, 2)),
            ("o", pa.struct([("x", pa.int64())])),
            ("i", pa.list_(pa.string())),
            ("b", pa.binary()),
        ]
    )
    batch = [
        b'{"p":12.30,"o":{"x":1},"i":["a",null],"b":"AAE="}',
        b'{"p":12.345}',
        b'{"o":{"x":"1"}}',
        b'{"i":["a",5]}',
        b'{"p":"99999999.99"}',
    ]
    parsed = RecordParser(schema).parse(batch)
    rows = parsed.rows.to_pylist()
    assert [str(row["p"]) for row in rows] == ["12.30", "99999999.99"]
    assert rows[0]["o"] == {"x": 1}
    assert rows[0]["i"] == ["a", None]
    assert rows[0]["b"] == b"\x00\x01"
    assert [(r.position, r.reason) for r in parsed.rejects] == [
        (1, Reason.OUT_OF_RANGE),
        (2, Reason.WRONG_TYPE),
        (3, Reason.WRONG_TYPE),
    ]


def test_an_unsupported_type_is_named():
    with pytest.raises(UnsupportedTypeError, match="month_day_nano_interval"):
        RecordParser(pa.schema([("x", pa.month_day_nano_interval())]))


def test_the_vector_parser_still_refuses_what_it_is_trusted_to_refuse():
    """INVARIANT of polars that the fast path stands on; a new version that relaxes it fails here."""
    pool = pl.Categories.random()
    refused = [
        ("x", pl.Int64),
        (1.5, pl.Int64),
        (True, pl.Int64),
        (2**63, pl.Int64),
        ("1", pl.Float64),
    ]
    refused += [
        (True, pl.Float64),
        (1, pl.Boolean),
        (5, pl.Categorical(pool)),
        (True, pl.Categorical(pool)),
    ]
    refused += [
        ([1], pl.Categorical(pool)),
        ({}, pl.Categorical(pool)),
        (1.5, pl.Categorical(pool)),
    ]
    for value, dtype in refused:
        with pytest.raises(pl.exceptions.PolarsError):
            pl.read_ndjson(json.dumps({"a": value}).encode(), schema={"a": dtype})


def test_memory_of_distinct_texts_is_given_back():
    import gc
    import resource

    def parse_distinct(start):
        PARSER.parse([b'{"s":"text-%d-%d"}' % (start, i) for i in range(CHUNK_RECORDS)])

    for start in range(5):
        parse_distinct(start)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for start in range(5, 45):
        parse_distinct(start)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 40 * 1024
