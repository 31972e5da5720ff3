"""What may be registered: one standard ONNX file, and the sentence for what may not."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.errors import LimitExceededError
from serving.artifacts import check_artifact
from serving.errors import InvalidModelError
from tests.factories.serving import OPSET, identity_model, linear_model, make_graph

X = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])


def test_signature_is_that_of_the_graph():
    signature = check_artifact(linear_model())
    assert signature.inputs == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert signature.outputs == [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}]


@pytest.mark.parametrize(
    ("onnx_type", "datatype"),
    [
        (TensorProto.STRING, "BYTES"),
        (TensorProto.BOOL, "BOOL"),
        (TensorProto.UINT8, "UINT8"),
        (TensorProto.INT64, "INT64"),
        (TensorProto.FLOAT16, "FP16"),
        (TensorProto.DOUBLE, "FP64"),
    ],
)
def test_every_datatype_has_its_name(onnx_type, datatype):
    assert check_artifact(identity_model(onnx_type)).inputs[0]["datatype"] == datatype


def external_data() -> bytes:
    model = onnx.load_from_string(linear_model())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return model.SerializeToString()


def external_data_in_a_node() -> bytes:
    value = numpy_helper.from_array(np.zeros(1, np.float32), "c")
    value.ClearField("raw_data")
    value.data_location = TensorProto.EXTERNAL
    value.external_data.add(key="location", value="../secret")
    constant = helper.make_node("Constant", [], ["c"], value=value)
    return make_graph(
        [constant, helper.make_node("Add", ["x", "c"], ["y"])], [X], [Y]
    ).SerializeToString()


def custom_operator() -> bytes:
    node = helper.make_node("Run", ["x"], ["y"], domain="com.example")
    opset = [*OPSET, helper.make_opsetid("com.example", 1)]
    return make_graph([node], [X], [Y], opset=opset).SerializeToString()


def custom_operator_in_a_branch() -> bytes:
    inner = helper.make_graph(
        [helper.make_node("Run", ["x"], ["z"], domain="com.microsoft")],
        "inner",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [None])],
    )
    condition = numpy_helper.from_array(np.array(True), "condition")
    node = helper.make_node("If", ["condition"], ["y"], then_branch=inner, else_branch=inner)
    return make_graph([node], [X], [Y], [condition]).SerializeToString()


@pytest.mark.parametrize(
    ("artifact", "message"),
    [
        (b"not a model", "not a valid ONNX model"),
        (linear_model()[:40], "not a valid ONNX model"),
        (external_data(), "keeps data in other files"),
        (external_data_in_a_node(), "keeps data in other files"),
        (custom_operator(), "operators that are not standard: `com.example`"),
        (custom_operator_in_a_branch(), "operators that are not standard: `com.microsoft`"),
        (identity_model(TensorProto.BFLOAT16), "cannot be served"),
    ],
)
def test_what_may_not_be_served_is_refused(artifact, message):
    with pytest.raises(InvalidModelError, match=message):
        check_artifact(artifact)


def test_empty_artifact_is_refused():
    with pytest.raises(LimitExceededError):
        check_artifact(b"")
