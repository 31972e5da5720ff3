"""One behaviour suite, every tabular format."""

import io

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.formats.base import DocumentTooLargeError, FormatOptions, Reason
from ingestion.formats.registry import TABULAR, UnknownFormatError, get_tabular

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("size", pa.float64()),
    ]
)
ROWS = [
    {"id": 1, "name": "a", "size": 1.5},
    {"id": 2, "name": None, "size": None},
    {"id": 3, "name": 'é "x", y', "size": -3.0},
]
JSON = '{"id":1,"name":"a","size":1.5}\n{"id":2,"name":null,"size":null}\n{"id":3,"name":"é \\"x\\", y","size":-3.0}\n'
CSV = 'id,name,size\n1,a,1.5\n2,,\n3,"é ""x"", y",-3.0\n'
XML = (
    '<list><row id="1"><name>a</name><size>1.5</size></row><row id="2"/>'
    '<row id="3"><name>é "x", y</name><size>-3.0</size></row></list>'
)


def parquet_of(rows):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), sink)
    return sink.getvalue()


def avro_of(rows):
    sink = io.BytesIO()
    pl.DataFrame(rows, schema={"id": pl.Int64, "name": pl.String, "size": pl.Float64}).write_avro(
        sink
    )
    return sink.getvalue()


DOCUMENTS = {
    "json": JSON.encode(),
    "csv": CSV.encode(),
    "xml": XML.encode(),
    "parquet": parquet_of(ROWS),
    "avro": avro_of(ROWS),
}
MESSAGES = {
    "json": JSON.encode().splitlines(),
    "csv": CSV.encode().splitlines()[1:],
    "xml": [
        b'<row id="1"><name>a</name><size>1.5</size></row>',
        b'<row id="2"/>',
        '<row id="3"><name>é "x", y</name><size>-3.0</size></row>'.encode(),
    ],
    "parquet": [parquet_of([row]) for row in ROWS],
    "avro": [avro_of([row]) for row in ROWS],
}
WRONG_TYPE = {
    "json": b'{"id":"one"}',
    "csv": b"one,a,1.5",
    "xml": b'<row id="one"/>',
    "parquet": None,
    "avro": None,
}
every = pytest.mark.parametrize("name", sorted(TABULAR))


@every
def test_a_document_becomes_rows(name):
    parsed = get_tabular(name).read_document(DOCUMENTS[name], schema=SCHEMA)
    assert parsed.rejects == []
    assert parsed.rows.schema == SCHEMA
    assert parsed.rows.to_pylist() == ROWS


@every
def test_messages_become_rows(name):
    parsed = get_tabular(name).read_records(MESSAGES[name], schema=SCHEMA)
    assert parsed.rejects == []
    assert parsed.rows.to_pylist() == ROWS


@every
def test_a_schema_is_inferred(name):
    schema = get_tabular(name).infer_schema(DOCUMENTS[name])
    assert [(field.name, str(field.type).removeprefix("large_")) for field in schema] == [
        ("id", "int64"),
        ("name", "string"),
        ("size", "double"),
    ]


@every
def test_broken_messages_cost_their_neighbours_nothing(name):
    first, second, third = MESSAGES[name]
    batch = [first, None, second, first[: len(first) // 2], third]
    parsed = get_tabular(name).read_records(batch, schema=SCHEMA)
    assert parsed.rows.to_pylist() == ROWS
    assert [reject.position for reject in parsed.rejects] == [1, 3]
    assert [reject.original for reject in parsed.rejects] == [b"", batch[3]]
    assert parsed.rejects[0].reason is Reason.EMPTY
    assert parsed.kept.tolist() == [0, 2, 4]


@every
def test_a_wrong_type_is_a_reject(name):
    if WRONG_TYPE[name] is None:
        pytest.skip("typed files carry their own types")
    parsed = get_tabular(name).read_records([MESSAGES[name][0], WRONG_TYPE[name]], schema=SCHEMA)
    assert parsed.rows.to_pylist() == ROWS[:1]
    (reject,) = parsed.rejects
    assert (reject.position, reject.reason, reject.original) == (
        1,
        Reason.WRONG_TYPE,
        WRONG_TYPE[name],
    )
    assert "`id`" in reject.message


@every
def test_a_missing_required_value_is_a_reject(name):
    schema = SCHEMA.append(pa.field("must", pa.string(), nullable=False))
    parsed = get_tabular(name).read_document(DOCUMENTS[name], schema=schema)
    assert parsed.rows.num_rows == 0
    assert parsed.rejects


@every
def test_text_never_becomes_a_number_nor_a_number_text(name):
    schema = pa.schema([("name", pa.int64())])
    parsed = get_tabular(name).read_document(DOCUMENTS[name], schema=schema)
    assert parsed.rejects
    assert parsed.rows["name"].null_count == parsed.rows.num_rows


@every
def test_the_size_limit_holds(name):
    options = FormatOptions(max_bytes=10)
    with pytest.raises(DocumentTooLargeError, match="expected at most 10"):
        get_tabular(name).read_document(DOCUMENTS[name], schema=SCHEMA, options=options)


def test_an_unknown_format_is_named():
    with pytest.raises(UnknownFormatError, match="`yaml`"):
        get_tabular("yaml")
