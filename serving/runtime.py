"""The on-premises runtime: onnxruntime sessions, kept in each process up to a limit of memory.

A session belongs to an artifact by its SHA-256, so a new version or a moved alias never meets an old session.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from serving.datatypes import NUMPY_TYPES, TensorSpec
from serving.errors import InferenceError, InvalidTensorError

Array = np.ndarray[Any, Any]

# Bytes of artifacts whose sessions one process keeps; a session takes about twice its artifact.
CACHE_BYTES = 256 << 20
# Wall seconds after which a running model is told to stop.
RUN_LIMIT = 30.0
FATAL_ONLY = 4


def session_options() -> onnxruntime.SessionOptions:
    """One thread a session: processes and requests are what runs in parallel here."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    return options


class SessionCache:
    """The sessions that were used last, at most `limit` bytes of artifacts; safe for threads."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, tuple[int, onnxruntime.InferenceSession]] = OrderedDict()
        self._loading: dict[str, threading.Lock] = {}

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._sessions

    def get(self, sha256: str, load: Callable[[], bytes]) -> onnxruntime.InferenceSession:
        """The session of this artifact; `load` is called once, whoever asks at the same time."""
        found = self._recall(sha256)
        if found is not None:
            return found
        with self._lock:
            gate = self._loading.setdefault(sha256, threading.Lock())
        with gate:
            found = self._recall(sha256)
            if found is None:
                artifact = load()
                found = onnxruntime.InferenceSession(
                    artifact, session_options(), providers=["CPUExecutionProvider"]
                )
                self._keep(sha256, len(artifact), found)
        with self._lock:
            self._loading.pop(sha256, None)
        return found

    def _recall(self, sha256: str) -> onnxruntime.InferenceSession | None:
        with self._lock:
            if sha256 not in self._sessions:
                return None
            self._sessions.move_to_end(sha256)
            return self._sessions[sha256][1]

    def _keep(self, sha256: str, size: int, session: onnxruntime.InferenceSession) -> None:
        with self._lock:
            self._sessions[sha256] = (size, session)
            while len(self._sessions) > 1 and self._held() > self.limit:
                self._sessions.popitem(last=False)

    def _held(self) -> int:
        return sum(size for size, _ in self._sessions.values())


SESSIONS = SessionCache()


def check_inputs(signature: Sequence[TensorSpec], inputs: Mapping[str, Array]) -> None:
    """Refuse inputs that are missing, unknown, or of another type or shape than the signature says."""
    known = {spec["name"]: spec for spec in signature}
    for name in inputs:
        if name not in known:
            raise InvalidTensorError(f"the model has no input `{name}`")
    for name, spec in known.items():
        if name not in inputs:
            raise InvalidTensorError(f"input `{name}` is missing")
        _check_tensor(spec, inputs[name])


def _check_tensor(spec: TensorSpec, array: Array) -> None:
    if array.dtype != NUMPY_TYPES[spec["datatype"]]:
        raise InvalidTensorError(
            f"input `{spec['name']}` must have the datatype {spec['datatype']}"
        )
    fits = len(array.shape) == len(spec["shape"]) and all(
        wanted in (-1, size) for wanted, size in zip(spec["shape"], array.shape, strict=True)
    )
    if not fits:
        raise InvalidTensorError(
            f"input `{spec['name']}` must have the shape {spec['shape']}, not {list(array.shape)}"
        )


def run_session(
    session: onnxruntime.InferenceSession, outputs: Sequence[str], inputs: Mapping[str, Array]
) -> list[Array]:
    """Run the model for at most 30 s; InferenceError if it refuses, runs too long or gives no tensor."""
    options = onnxruntime.RunOptions()
    options.log_severity_level = FATAL_ONLY
    timer = threading.Timer(RUN_LIMIT, lambda: setattr(options, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        results = session.run(list(outputs), dict(inputs), options)
    except Exception as error:  # onnxruntime raises its own tree of exceptions, none of it public
        raise InferenceError("the model failed on this input") from error
    finally:
        timer.cancel()
    return [_as_tensor(each) for each in results]


def _as_tensor(value: Any) -> Array:
    array = np.asarray(value)
    # onnxruntime may give strings as fixed-width unicode; the protocol knows BYTES only.
    return array.astype(object) if array.dtype.kind in "US" else array
