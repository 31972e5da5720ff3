import pyarrow as pa
import pytest

from ingestion.formats.base import FormatOptions, Reason
from ingestion.formats.xml_rows import XmlFormat

XML = XmlFormat()
SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string())])
PATH = FormatOptions(row_path="list/row")


def read(data, options=PATH):
    return XML.read_document(data, schema=SCHEMA, options=options)


def test_attributes_children_and_namespaces():
    data = b"""<?xml version="1.0" encoding="UTF-8"?>
<l:list xmlns:l="urn:l"><head><row id="9"/></head>
  <l:row id="1"><l:name>one</l:name></l:row><!-- note --><l:row><l:id> 2 </l:id></l:row></l:list>"""
    assert read(data).rows.to_pylist() == [{"id": 1, "name": "one"}, {"id": 2, "name": None}]


def test_truncation_keeps_what_came_before():
    data = b'<list>\n<row id="1"/>\n<row id="2"><name>b</name></row>\n<row id="3"><na'
    parsed = read(data)
    assert parsed.rows["id"].to_pylist() == [1, 2]
    assert [(r.position, r.reason, r.original) for r in parsed.rejects] == [
        (4, Reason.TRUNCATED, b'<row id="3"><na')
    ]


def test_a_broken_element_costs_its_neighbours_nothing():
    data = (
        b'<list>\n<row id="1"/>\n<row id="2"><name>b</row>\n<row id="3"/>\n<row id="x"/>\n</list>'
    )
    parsed = read(data)
    assert parsed.rows["id"].to_pylist() == [1, 3]
    assert [(r.position, r.reason, r.original) for r in parsed.rejects] == [
        (3, Reason.BAD_XML, b'<row id="2"><name>b</row>'),
        (5, Reason.WRONG_TYPE, b'<row id="x"/>'),
    ]


def test_a_missing_end_of_the_document_is_told():
    parsed = read(b'<list><row id="1"/>')
    assert parsed.rows["id"].to_pylist() == [1]
    assert [r.reason for r in parsed.rejects] == [Reason.TRUNCATED]


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE l [<!ENTITY x "y">]><list><row id="1"><name>&x;</name></row></list>',
        b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><list><row id="1"><name>&x;</name></row></list>',
    ],
)
def test_entities_are_refused(data):
    parsed = read(data)
    assert parsed.rows.num_rows == 0
    assert [(r.reason, r.original) for r in parsed.rejects] == [(Reason.BAD_XML, data)]


def test_depth_is_limited():
    data = b"<list><row>" + b"<a>" * 251 + b"</a>" * 251 + b"</row></list>"
    assert [r.reason for r in read(data).rejects] == [Reason.TOO_DEEP]


def test_repeated_and_nested_children_are_kept():
    schema = pa.schema([("tag", pa.string()), ("at_lat", pa.float64())])
    data = b"<list><row><tag>a</tag><tag>b</tag><at><lat>1.5</lat></at></row></list>"
    parsed = XML.read_document(data, schema=schema, options=PATH)
    assert parsed.rows.to_pylist() == [{"tag": '["a", "b"]', "at_lat": 1.5}]


def test_bad_bytes_are_a_reject():
    parsed = read(b'<list><row id="1"/><row id="2"><name>\xff</name></row><row id="3"/></list>')
    assert parsed.rows["id"].to_pylist() == [1, 3]
    assert [r.reason for r in parsed.rejects] == [Reason.BAD_UTF8]


def test_the_roots_children_are_rows_by_default():
    assert read(b'<list><a id="1"/><b id="2"/></list>', FormatOptions()).rows["id"].to_pylist() == [
        1,
        2,
    ]
