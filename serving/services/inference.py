"""Running a model for somebody: bounded, governed, audited."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from core import audit
from core.errors import PermissionDeniedError
from identity.models import User
from serving.artifacts import load_artifact
from serving.errors import InvalidTensorError
from serving.models import ModelVersion
from serving.queries import ReadableVersion
from serving.runtime import SESSIONS, check_inputs, run_session

Array = np.ndarray[Any, Any]


def load_session(version: ModelVersion) -> onnxruntime.InferenceSession:
    """The session of a version, from this process's cache or from the object store."""
    return SESSIONS.get(version.sha256, lambda: load_artifact(version.uri, sha256=version.sha256))


def infer_outputs(
    *,
    user: User,
    readable: ReadableVersion,
    inputs: Mapping[str, Array],
    names: Sequence[str] = (),
) -> dict[str, Array]:
    """The outputs `names` (all by default) of the model on `inputs`, recorded in the audit log.

    InvalidTensorError for inputs that do not fit, PermissionDeniedError for an output that is withheld from
    `user`, InferenceError where the model itself fails.
    """
    version = readable.version
    wanted = _choose_outputs(version, names)
    withheld = sorted(set(wanted) & set(readable.withheld_outputs()))
    if withheld:
        raise PermissionDeniedError(f"output `{withheld[0]}` is restricted for you")
    check_inputs(version.inputs, inputs)
    outputs = run_session(load_session(version), wanted, inputs)
    audit.record(
        actor=user.username,
        action="model.infer",
        resource=version.dataset.node_id,
        payload={
            "version": version.number,
            "sha256": version.sha256,
            "outputs": wanted,
            "rows": max((each.shape[0] for each in inputs.values() if each.ndim), default=1),
        },
    )
    return dict(zip(wanted, outputs, strict=True))


def _choose_outputs(version: ModelVersion, names: Sequence[str]) -> list[str]:
    known = [spec["name"] for spec in version.outputs]
    for name in names:
        if name not in known:
            raise InvalidTensorError(f"the model has no output `{name}`")
    return list(dict.fromkeys(names)) or known
