import csv
import io

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.formats.base import FormatOptions, Reason
from ingestion.formats.delimited import CsvFormat

SCHEMA = pa.schema([("n", pa.int64()), ("f", pa.float64()), ("s", pa.string()), ("b", pa.bool_())])
CSV = CsvFormat()
WORDS = "1 -7 007 1.5 1e3 x true FALSE nan inf 1e999 0x10 1_0 9223372036854775807 9223372036854775808 +3 .5 5. -"
cells = st.one_of(
    st.sampled_from(["", " 5 ", "a,b", 'q"q', "line\nfeed", "\u0663", *WORDS.split()]),
    st.text(max_size=4),
)


def fits(kind, text):
    """The obvious reference: what a cell is as its column's type, or ValueError."""
    if text == "":
        return None
    if kind == "s":
        return text
    text = text.strip(" \t\r\n")
    digits = set("0123456789")
    if kind == "b":
        return {"true": True, "false": False}[text.lower()]
    if not text or not set(text) <= digits | set("+-.eE"):
        raise ValueError
    if kind == "n":
        number = int(text)
        if not -(2**63) <= number < 2**63:
            raise ValueError
        return number
    number = float(text)
    if abs(number) == float("inf"):
        raise ValueError
    return number


def reference(rows):
    good, bad = [], []
    for index, row in enumerate(rows):
        try:
            good.append({name: fits(name, text) for name, text in zip("nfsb", row, strict=True)})
        except (ValueError, KeyError):
            bad.append(index)
    return good, bad


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(cells, min_size=3, max_size=5), max_size=6))
def test_documents_equal_the_reference(rows):
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow("nfsb")
    writer.writerows(rows)
    parsed = CSV.read_document(sink.getvalue().encode(errors="surrogatepass"), schema=SCHEMA)
    good, bad = reference(rows)
    assert parsed.rows.to_pylist() == good
    assert len(parsed.rejects) == len(bad)


def test_lines_and_original_bytes_are_told():
    data = b'n,f,s,b\n1,1.5,"two\nlines",true\nx,1,a,true\n3,1\n4,1,\xff,true\n5,2,ok,false\n'
    parsed = CSV.read_document(data, schema=SCHEMA)
    assert parsed.rows["n"].to_pylist() == [1, 5]
    assert [(r.position, r.reason, r.original) for r in parsed.rejects] == [
        (4, Reason.WRONG_TYPE, b"x,1,a,true\n"),
        (5, Reason.BAD_CSV, b"3,1\n"),
        (6, Reason.BAD_UTF8, b"4,1,\xff,true\n"),
    ]


def test_an_unclosed_quote_is_truncation():
    parsed = CSV.read_document(b'n,f,s,b\n1,1,ok,true\n2,1,"never', schema=SCHEMA)
    assert parsed.rows["n"].to_pylist() == [1]
    assert [(r.position, r.reason) for r in parsed.rejects] == [(3, Reason.TRUNCATED)]


def test_null_words_are_declared():
    options = FormatOptions(null_values=("", "NA"))
    data = b"n,s\nNA,NA\n1,x\n"
    assert str(CSV.infer_schema(data, options=options).field("n").type) == "int64"
    schema = pa.schema([("n", pa.int64()), ("s", pa.string())])
    parsed = CSV.read_document(data, schema=schema, options=options)
    assert parsed.rows.to_pylist() == [{"n": None, "s": None}, {"n": 1, "s": "x"}]


def test_inference_keeps_codes_as_text():
    data = b"zip,day,at,flag,ratio\n007,2013-01-01,2013-01-01T05:00:00Z,true,1\n108,2013-01-02,2013-01-02T05:00:00Z,false,1.5\n"
    assert [str(field.type) for field in CSV.infer_schema(data)] == [
        "string",
        "date32[day]",
        "timestamp[us, tz=UTC]",
        "bool",
        "double",
    ]
