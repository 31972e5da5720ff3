"""Tensors on the wire: JSON data and the binary tensor data extension, both ways.

Source: Open Inference Protocol v2, "Tensor Data"; the binary tensor data extension as Triton documents it
(docs/protocol/extension_binary_data.md): raw little-endian bytes after the JSON header, BYTES elements each
preceded by their length in 4 bytes.
"""

import math
import struct
from typing import Any

import msgspec
import numpy as np
import orjson

from serving.datatypes import NUMPY_TYPES, datatype_of
from serving.errors import InvalidTensorError

Array = np.ndarray[Any, Any]

MAX_ELEMENTS = 4_000_000
MAX_DIMENSIONS = 8
MAX_TENSORS = 512
MAX_ID_LENGTH = 200
LENGTH_BYTES = 4

# numpy kinds that JSON data may have for a datatype: no text becomes a number, no fraction an integer.
_JSON_KINDS = {"b": "b", "u": "iu", "i": "iu", "f": "fiu"}


class RequestInput(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: Any = None
    parameters: dict[str, Any] = {}


class RequestOutput(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class InferenceRequest(msgspec.Struct):
    inputs: list[RequestInput]
    outputs: list[RequestOutput] = []
    id: str = ""
    parameters: dict[str, Any] = {}


_DECODER = msgspec.json.Decoder(InferenceRequest)


def decode_request(
    body: bytes, header_length: str | None
) -> tuple[InferenceRequest, dict[str, Array]]:
    """The request and its input tensors by name.

    `header_length` is the header `Inference-Header-Content-Length`: the bytes of JSON that come first, if binary
    data follows. InvalidTensorError names what is wrong and where.
    """
    size = _header_size(body, header_length)
    try:
        request = _DECODER.decode(body[:size])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidTensorError(f"the request is not valid: {error}") from None
    if not request.inputs or len(request.inputs) + len(request.outputs) > MAX_TENSORS:
        raise InvalidTensorError(f"a request needs inputs, and at most {MAX_TENSORS} tensors")
    if len(request.id) > MAX_ID_LENGTH:
        raise InvalidTensorError(f"`id` has at most {MAX_ID_LENGTH} characters")
    return request, _read_inputs(request.inputs, memoryview(body)[size:])


def _header_size(body: bytes, header_length: str | None) -> int:
    if header_length is None:
        return len(body)
    if not header_length.isdecimal() or int(header_length) > len(body):
        raise InvalidTensorError("`Inference-Header-Content-Length` must be a size within the body")
    return int(header_length)


def _read_inputs(inputs: list[RequestInput], tail: memoryview) -> dict[str, Array]:
    tensors: dict[str, Array] = {}
    offset, elements = 0, 0
    for each in inputs:
        elements += _element_count(each)
        if elements > MAX_ELEMENTS:
            raise InvalidTensorError(f"a request has at most {MAX_ELEMENTS} elements")
        if each.name in tensors:
            raise InvalidTensorError(f"input `{each.name}` is given twice")
        size = each.parameters.get("binary_data_size")
        if size is None:
            tensors[each.name] = _from_json(each)
            continue
        if type(size) is not int or not 0 <= size <= len(tail) - offset or each.data is not None:
            raise InvalidTensorError(f"input `{each.name}`: the binary data does not fit the body")
        tensors[each.name] = _from_binary(each, tail[offset : offset + size])
        offset += size
    if offset != len(tail):
        raise InvalidTensorError("bytes follow the last tensor")
    return tensors


def _element_count(tensor: RequestInput) -> int:
    if tensor.datatype not in NUMPY_TYPES:
        raise InvalidTensorError(
            f"input `{tensor.name}` has the unknown datatype `{tensor.datatype}`"
        )
    if len(tensor.shape) > MAX_DIMENSIONS or any(size < 0 for size in tensor.shape):
        raise InvalidTensorError(f"input `{tensor.name}` has an impossible shape")
    return math.prod(tensor.shape)


def _from_json(tensor: RequestInput) -> Array:
    flat = _flatten(tensor)
    dtype = NUMPY_TYPES[tensor.datatype]
    if dtype.kind == "O":
        if not all(isinstance(each, str) for each in flat):
            raise InvalidTensorError(f"input `{tensor.name}` must hold texts")
        return np.array(flat, dtype=object).reshape(tensor.shape)
    if dtype.kind == "f":
        # JSON has no NaN: null stands for a missing number.
        flat = [math.nan if each is None else each for each in flat]
    given = np.array(flat) if flat else np.empty(0, dtype)
    if given.dtype.kind not in _JSON_KINDS[dtype.kind]:
        raise InvalidTensorError(
            f"input `{tensor.name}` holds values that are no {tensor.datatype}"
        )
    if dtype.kind in "iu" and flat and not _is_within(given, dtype):
        raise InvalidTensorError(f"input `{tensor.name}` holds values out of range")
    with np.errstate(over="ignore"):  # what is too large for the float is infinite
        return given.astype(dtype).reshape(tensor.shape)


def _is_within(given: Array, dtype: np.dtype[Any]) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= int(given.min()) and int(given.max()) <= limits.max)


def _flatten(tensor: RequestInput) -> list[Any]:
    """The elements in row-major order; `data` is flat, or nested as `shape` says."""
    data = tensor.data
    if not isinstance(data, list):
        raise InvalidTensorError(f"input `{tensor.name}` needs `data`, an array")
    if len(tensor.shape) > 1 and data and isinstance(data[0], list):
        data = _unnest(data, tensor.shape, tensor.name)
    if len(data) != math.prod(tensor.shape):
        raise InvalidTensorError(
            f"input `{tensor.name}` has {len(data)} elements, its shape {math.prod(tensor.shape)}"
        )
    if any(isinstance(each, list | dict) for each in data):
        raise InvalidTensorError(
            f"the data of input `{tensor.name}` is not nested as its shape says"
        )
    return data


def _unnest(rows: Any, shape: list[int], name: str) -> list[Any]:
    if not isinstance(rows, list) or len(rows) != shape[0]:
        raise InvalidTensorError(f"the data of input `{name}` is not nested as its shape says")
    if len(shape) == 1:
        return rows
    return [each for row in rows for each in _unnest(row, shape[1:], name)]


def _from_binary(tensor: RequestInput, data: memoryview) -> Array:
    dtype = NUMPY_TYPES[tensor.datatype]
    count = math.prod(tensor.shape)
    if dtype.kind == "O":
        return np.array(_split_texts(tensor.name, data, count), dtype=object).reshape(tensor.shape)
    if len(data) != count * dtype.itemsize:
        raise InvalidTensorError(
            f"input `{tensor.name}` needs {count * dtype.itemsize} bytes, not {len(data)}"
        )
    if dtype.kind == "b" and bytes(data).strip(b"\x00\x01"):
        raise InvalidTensorError(f"input `{tensor.name}` holds bytes that are neither 0 nor 1")
    return np.frombuffer(data, dtype).reshape(tensor.shape)


def _split_texts(name: str, data: memoryview, count: int) -> list[str]:
    texts, offset = [], 0
    try:
        for _ in range(count):
            (size,) = struct.unpack_from("<I", data, offset)
            offset += LENGTH_BYTES + size
            if offset > len(data):
                raise InvalidTensorError(f"input `{name}` ends within an element")
            texts.append(bytes(data[offset - size : offset]).decode())
    except (struct.error, UnicodeDecodeError):
        raise InvalidTensorError(
            f"input `{name}` must hold UTF-8 texts with their lengths"
        ) from None
    if offset != len(data):
        raise InvalidTensorError(f"input `{name}` has bytes after its last element")
    return texts


def encode_response(
    request: InferenceRequest, *, model: str, version: str, outputs: dict[str, Array]
) -> tuple[bytes, int | None]:
    """The body, and the bytes of its JSON header if binary data follows it."""
    asked = {each.name: each.parameters for each in request.outputs}
    default = request.parameters.get("binary_data_output") is True
    described, tail = [], []
    for name, array in outputs.items():
        entry: dict[str, Any] = {
            "name": name,
            "datatype": datatype_of(array),
            "shape": list(array.shape),
        }
        if asked.get(name, {}).get("binary_data", default) is True:
            data = _to_binary(array)
            entry["parameters"] = {"binary_data_size": len(data)}
            tail.append(data)
        else:
            entry["data"] = array.ravel().tolist()
        described.append(entry)
    document = {"model_name": model, "model_version": version, "outputs": described}
    if request.id:
        document["id"] = request.id
    header = orjson.dumps(document)
    return b"".join([header, *tail]), len(header) if tail else None


def _to_binary(array: Array) -> bytes:
    if array.dtype.kind != "O":
        return np.ascontiguousarray(array).tobytes()
    encoded = [str(each).encode() for each in array.ravel()]
    return b"".join(struct.pack("<I", len(each)) + each for each in encoded)
