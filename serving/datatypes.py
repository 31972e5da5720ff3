"""Tensor data types: the Open Inference Protocol's names, ONNX's and numpy's.

Source: Open Inference Protocol v2, "Tensor Data Types"; ONNX `TensorProto.DataType`. BF16 and the types of
sequences and maps have no place in the protocol's JSON and are refused at registration.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np

# Protocol name -> numpy's type. BYTES are byte strings of any length, kept as objects.
NUMPY_TYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(object),
}

ONNX_TYPES: Mapping[str, str] = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


class TensorSpec(TypedDict):
    """A tensor of a model's signature; -1 in `shape` is a dimension of any size."""

    name: str
    datatype: str
    shape: list[int]


def datatype_of(array: np.ndarray[Any, Any]) -> str:
    """The protocol's name for the type of `array`; KeyError for a type that it has no name for."""
    return _NAMES[array.dtype.kind, array.dtype.itemsize]


_NAMES = {(dtype.kind, dtype.itemsize): name for name, dtype in NUMPY_TYPES.items()}

# The catalog's type (Iceberg's names) of a field that holds such values, for policies to compare with.
CATALOG_TYPES: Mapping[str, str] = {
    "BOOL": "boolean",
    **dict.fromkeys(("UINT8", "UINT16", "INT8", "INT16", "INT32"), "int"),
    **dict.fromkeys(("UINT32", "INT64"), "long"),
    "UINT64": "decimal(20, 0)",
    **dict.fromkeys(("FP16", "FP32"), "float"),
    "FP64": "double",
    "BYTES": "string",
}
