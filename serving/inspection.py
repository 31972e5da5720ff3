"""Looks at an ONNX artifact from outside before anything of ours loads it.

Run as `python -m serving.inspection FILE`: a process of its own with hard limits on memory and CPU time, since
parsing and optimising an untrusted graph can exhaust both or crash. It prints one JSON object, either
`{"inputs": …, "outputs": …}` or `{"error": …}`.
"""

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MEMORY_LIMIT = 4 << 30  # bytes of address space
CPU_LIMIT = 60  # seconds
# Standard operators only: a custom one means native code that we do not have and would not load.
STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
MAX_TENSORS = 512


class _RefusedError(Exception):
    """The sentence that the person who registers the model reads."""


def inspect_model(path: Path) -> dict[str, Any]:
    """The signature of the model at `path`, or why it is refused."""
    import onnx

    try:
        model = onnx.load_model(path, load_external_data=False)
        _refuse_foreign_parts(model)
        onnx.checker.check_model(model, full_check=False)
        return _signature(path)
    except _RefusedError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever a broken file makes the parsers raise
        return {"error": f"not a valid ONNX model: {str(error).strip().splitlines()[0][:300]}"}


def _refuse_foreign_parts(model: Any) -> None:
    domains = {entry.domain for entry in model.opset_import}
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        for node in _nodes(graph):
            domains.add(node.domain)
        for tensor in _tensors(graph):
            if tensor.external_data or tensor.data_location == tensor.EXTERNAL:
                raise _RefusedError("the model keeps data in other files: save it as one file")
    foreign = sorted(domains - STANDARD_DOMAINS - {each.domain for each in model.functions})
    if foreign:
        raise _RefusedError(f"the model uses operators that are not standard: `{foreign[0]}`")


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from getattr(graph, "initializer", ())
    for sparse in getattr(graph, "sparse_initializer", ()):
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _signature(path: Path) -> dict[str, Any]:
    import onnxruntime

    from serving.runtime import session_options

    session = onnxruntime.InferenceSession(
        path.read_bytes(), session_options(), providers=["CPUExecutionProvider"]
    )
    inputs = [_tensor_spec(each) for each in session.get_inputs()]
    outputs = [_tensor_spec(each) for each in session.get_outputs()]
    if not inputs or not outputs or len(inputs) + len(outputs) > MAX_TENSORS:
        raise _RefusedError(f"the model needs inputs and outputs, {MAX_TENSORS} at most")
    return {"inputs": inputs, "outputs": outputs}


def _tensor_spec(argument: Any) -> dict[str, Any]:
    from serving.datatypes import ONNX_TYPES

    if argument.type not in ONNX_TYPES:
        raise _RefusedError(
            f"tensor `{argument.name}` is a {argument.type}, which cannot be served"
        )
    shape = [size if isinstance(size, int) else -1 for size in argument.shape]
    return {"name": argument.name, "datatype": ONNX_TYPES[argument.type], "shape": shape}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(json.dumps(inspect_model(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
