import pyarrow as pa
import pytest

from ingestion.formats.base import FormatOptions, Reason, UndecidableSchemaError
from ingestion.formats.json_document import JsonFormat

JSON = JsonFormat()
SCHEMA = pa.schema([("a", pa.int64())])


def read(data, path=""):
    parsed = JSON.read_document(data, schema=SCHEMA, options=FormatOptions(row_path=path))
    return parsed.rows["a"].to_pylist(), [
        (r.position, r.reason, r.original) for r in parsed.rejects
    ]


def test_lines_arrays_and_objects():
    assert read(b'{"a":1}\n\n{"a":2}\n') == ([1, 2], [])
    assert read(b'\xef\xbb\xbf[{"a":1},\n {"a":2}]') == ([1, 2], [])
    assert read(b'{\n "a": 3\n}') == ([3], [])
    assert read(b'{"head": {"x": [1]}, "3166-1": [{"a":1},{"a":2}]}', "3166-1") == ([1, 2], [])
    assert read(b'{"o": {"rows": [{"a":1}]}}', "o/rows") == ([1], [])
    assert read(b"[]") == ([], [])


def test_positions_are_lines():
    assert read(b'{"a":1}\n{"a":"x"}\n{"a":3}') == ([1, 3], [(2, Reason.WRONG_TYPE, b'{"a":"x"}')])
    assert read(b'[{"a":1},\n{"a":"x"},\n{"a":3}]') == (
        [1, 3],
        [(2, Reason.WRONG_TYPE, b'{"a":"x"}')],
    )


def test_a_truncated_array_keeps_its_beginning():
    assert read(b'[{"a":1},\n{"a":2},\n{"a":') == ([1, 2], [(3, Reason.TRUNCATED, b'{"a":')])
    rows, rejects = read(b'[{"a":1}')
    assert rows == [1]
    assert len(rejects) == 1


def test_a_missing_path_refuses_the_document():
    rows, rejects = read(b'{"b": 1}', "rows")
    assert rows == []
    assert len(rejects) == 1


def test_inference_goes_with_the_majority():
    data = b'{"a":1,"b":"x","c":{"d":1},"e":[1.5,2],"f":1}\n{"a":"one","b":null,"f":1.5}\n{"a":3,"c":{"g":"x"}}\nbroken'
    assert [(field.name, str(field.type)) for field in JSON.infer_schema(data)] == [
        ("a", "int64"),
        ("b", "string"),
        ("c", "struct<d: int64, g: string>"),
        ("e", "list<item: double>"),
        ("f", "double"),
    ]
    with pytest.raises(UndecidableSchemaError):
        JSON.infer_schema(b"broken")
