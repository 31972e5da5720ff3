"""Real ONNX artifacts, built node by node."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = [helper.make_opsetid("", 21)]


def make_graph(nodes, inputs, outputs, initializers=(), *, opset=OPSET) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializer=list(initializers))
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


def linear_model(weights=(2.0, -1.0), bias=0.5) -> bytes:
    """`y = x @ weights + bias`: input `x` FP32 [-1, n], output `y` FP32 [-1, 1]."""
    matrix = np.array(weights, np.float32).reshape(-1, 1)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["xw", "b"], ["y"]),
    ]
    return make_graph(
        nodes,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, len(matrix)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [
            numpy_helper.from_array(matrix, "w"),
            numpy_helper.from_array(np.array([bias], np.float32), "b"),
        ],
    ).SerializeToString()


def identity_model(onnx_type: int = TensorProto.STRING) -> bytes:
    """`y` is `x`, of any type, one dimension."""
    return make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", onnx_type, [None])],
        [helper.make_tensor_value_info("y", onnx_type, [None])],
    ).SerializeToString()
