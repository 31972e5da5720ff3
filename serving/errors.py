"""What can go wrong with a model, one class a failure."""

from core.errors import InvalidInputError, UnprocessableError


class InvalidModelError(UnprocessableError):
    """The artifact is not an ONNX model that may be served here; the message says why."""

    code = "invalid-model"


class InvalidTensorError(InvalidInputError):
    """An input tensor does not fit the model's signature."""

    code = "invalid-tensor"


class InferenceError(UnprocessableError):
    """The model refused the input at run time."""

    code = "inference-failed"


class TrainingError(UnprocessableError):
    """The data or the specification cannot give a model."""

    code = "training-failed"
