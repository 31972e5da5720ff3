"""Tensors on the wire: what comes in is what numpy says, and what is broken is named."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from api.inference.tensors import InferenceRequest, RequestOutput, decode_request, encode_response
from serving.datatypes import NUMPY_TYPES
from serving.errors import InvalidTensorError


def request_of(*tensors: dict, tail: bytes = b"", **members) -> tuple[bytes, str | None]:
    header = json.dumps({"inputs": list(tensors), **members}).encode()
    return header + tail, str(len(header)) if tail else None


def tensor(data=None, *, shape=(2,), datatype="FP32", name="x", **members) -> dict:
    made = {"name": name, "shape": list(shape), "datatype": datatype, **members}
    return made if data is None else {**made, "data": data}


def decode(*tensors: dict, tail: bytes = b"", **members) -> dict:
    return decode_request(*request_of(*tensors, tail=tail, **members))[1]


def test_flat_and_nested_data_are_the_same_tensor():
    flat = decode(tensor([1, 2, 3, 4, 5, 6], shape=(3, 2)))["x"]
    nested = decode(tensor([[1, 2], [3, 4], [5, 6]], shape=(3, 2)))["x"]
    assert flat.dtype == np.float32
    assert flat.tolist() == nested.tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def test_null_is_a_missing_number():
    assert np.isnan(decode(tensor([1, None]))["x"]).tolist() == [False, True]


def test_empty_batch_is_a_tensor():
    assert decode(tensor([], shape=(0, 3)))["x"].shape == (0, 3)


def test_texts():
    assert decode(tensor(["ä", ""], datatype="BYTES"))["x"].tolist() == ["ä", ""]


@pytest.mark.parametrize(
    ("given_tensor", "message"),
    [
        (tensor(["1", "2"]), "holds values that are no FP32"),
        (tensor([1.5, 2], datatype="INT32"), "holds values that are no INT32"),
        (tensor([300, 1], datatype="UINT8"), "out of range"),
        (tensor([-1, 1], datatype="UINT64"), "out of range"),
        (tensor([None, 1], datatype="INT64"), "holds values that are no INT64"),
        (tensor([1, 0], datatype="BOOL"), "holds values that are no BOOL"),
        (tensor([1, 2], datatype="BYTES"), "must hold texts"),
        (tensor([1, 2, 3]), "has 3 elements, its shape 2"),
        (tensor([[1], [2, 3]], shape=(2, 1)), "not nested as its shape says"),
        (tensor([[1, 2]], shape=(2, 1)), "not nested as its shape says"),
        (tensor([1, [2]]), "not nested as its shape says"),
        (tensor({"a": 1}), "needs `data`, an array"),
        (tensor(), "needs `data`, an array"),
        (tensor([1, 2], datatype="FP128"), "unknown datatype"),
        (tensor([1, 2], shape=(-1,)), "impossible shape"),
        (tensor([1], shape=(1,) * 9), "impossible shape"),
        (tensor([], shape=(10**9, 10**9)), "at most 4000000 elements"),
        (tensor(parameters={"binary_data_size": 8}), "does not fit the body"),
        (tensor(parameters={"binary_data_size": -1}), "does not fit the body"),
        (tensor(parameters={"binary_data_size": "8"}), "does not fit the body"),
    ],
)
def test_broken_tensor_is_named(given_tensor, message):
    with pytest.raises(InvalidTensorError, match=message):
        decode(given_tensor)


@pytest.mark.parametrize(
    ("body", "header", "message"),
    [
        (b"{", None, "not valid"),
        (b"[]", None, "not valid"),
        (b'{"inputs": []}', None, "needs inputs"),
        (b"{}", "3", "within the body"),
        (b"{}", "-1", "within the body"),
        (b'{"inputs": ' + b"[" * 100_000, None, "not valid"),
    ],
)
def test_broken_request_is_named(body, header, message):
    with pytest.raises(InvalidTensorError, match=message):
        decode_request(body, header)


def test_same_input_twice_is_refused():
    with pytest.raises(InvalidTensorError, match="given twice"):
        decode(tensor([1, 2]), tensor([1, 2]))


def test_bytes_behind_the_last_tensor_are_refused():
    binary = tensor(parameters={"binary_data_size": 8})
    with pytest.raises(InvalidTensorError, match="bytes follow the last tensor"):
        decode(binary, tail=b"\x00" * 9)


def test_binary_of_another_size_is_refused():
    binary = tensor(parameters={"binary_data_size": 7})
    with pytest.raises(InvalidTensorError, match="needs 8 bytes, not 7"):
        decode(binary, tail=b"\x00" * 7)


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (struct.pack("<I", 5) + b"ab", "ends within an element"),
        (b"\x01\x00", "UTF-8 texts with their lengths"),
        (struct.pack("<I", 1) + b"\xff", "UTF-8 texts with their lengths"),
        (struct.pack("<I", 1) + b"ab", "bytes after its last element"),
    ],
)
def test_broken_binary_texts_are_named(tail, message):
    binary = tensor(shape=(1,), datatype="BYTES", parameters={"binary_data_size": len(tail)})
    with pytest.raises(InvalidTensorError, match=message):
        decode(binary, tail=tail)


def test_binary_boolean_is_zero_or_one():
    binary = tensor(datatype="BOOL", parameters={"binary_data_size": 2})
    assert decode(binary, tail=b"\x01\x00")["x"].tolist() == [True, False]
    with pytest.raises(InvalidTensorError, match="neither 0 nor 1"):
        decode(binary, tail=b"\x02\x00")


NUMERIC = sorted(set(NUMPY_TYPES) - {"BYTES"})
SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)


@given(st.data())
def test_binary_round_trip_is_what_numpy_holds(data):
    datatype = data.draw(st.sampled_from(NUMERIC))
    array = data.draw(hnp.arrays(NUMPY_TYPES[datatype], SHAPES))
    raw = array.tobytes()
    described = tensor(
        shape=array.shape, datatype=datatype, parameters={"binary_data_size": len(raw)}
    )
    header = json.dumps({"inputs": [described]}).encode()
    read = decode_request(header + raw, str(len(header)))[1]["x"]
    assert (read.dtype, read.shape, read.tobytes()) == (array.dtype, array.shape, raw)
    asked = InferenceRequest(inputs=[], outputs=[RequestOutput("x", {"binary_data": True})])
    body, size = encode_response(asked, model="m", version="1", outputs={"x": read})
    assert body[size:] == raw
    assert json.loads(body[:size])["outputs"] == [
        {
            "name": "x",
            "datatype": datatype,
            "shape": list(array.shape),
            "parameters": {"binary_data_size": len(raw)},
        }
    ]


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=6))
def test_binary_texts_round_trip(texts):
    asked = InferenceRequest(inputs=[], parameters={"binary_data_output": True})
    body, size = encode_response(
        asked, model="m", version="1", outputs={"x": np.array(texts, object)}
    )
    described = json.loads(body[:size])["outputs"][0]
    header = json.dumps({"inputs": [described]}).encode()
    read = decode_request(header + body[size:], str(len(header)))[1]["x"]
    assert read.tolist() == texts


def test_response_carries_the_request_id_and_json_data():
    asked = InferenceRequest(inputs=[], id="42")
    body, size = encode_response(
        asked, model="m", version="3", outputs={"y": np.array([[1.5], [2.5]], np.float32)}
    )
    assert size is None
    assert json.loads(body) == {
        "id": "42",
        "model_name": "m",
        "model_version": "3",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 1], "data": [1.5, 2.5]}],
    }
