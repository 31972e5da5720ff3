"""Running a model for somebody: bounded, governed, audited."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from core.errors import PermissionDeniedError
from governance.policy.types import Action
from governance.queries import decide_read, principal_of
from governance.services.audit import ALLOWED, record_decision
from identity.models import User
from serving.artifacts import load_artifact
from serving.errors import InvalidTensorError
from serving.models import ModelVersion
from serving.queries import ReadableVersion, get_model, pick_version
from serving.runtime import SESSIONS, check_inputs, run_session

VIA = "infer"
Array = np.ndarray[Any, Any]


def load_session(version: ModelVersion) -> onnxruntime.InferenceSession:
    """The session of a version, from this process's cache or from the object store."""
    return SESSIONS.get(version.sha256, lambda: load_artifact(version.uri, sha256=version.sha256))


def open_version(*, user: User, name: str, version: str | None = None) -> ReadableVersion:
    """A version that `user` may run; a refusal is recorded.

    NotFoundError where the model may not even be discovered, PermissionDeniedError where it may not be read.
    """
    model = get_model(user, name=name, action=Action.DISCOVER)
    principal = principal_of(user)
    decision = decide_read(principal, model)
    if not decision.allowed:
        record_decision(principal=principal, dataset=model, decision=decision, via=VIA)
        raise PermissionDeniedError(f"running the model `{name}` needs `read` on it")
    found = pick_version(model, version)
    return ReadableVersion(version=found, principal=principal, decision=decision)


def infer_outputs(
    *,
    readable: ReadableVersion,
    inputs: Mapping[str, Array],
    names: Sequence[str] = (),
) -> dict[str, Array]:
    """The outputs `names` (all by default) of the model on `inputs`, recorded in the audit log.

    InvalidTensorError for inputs that do not fit, PermissionDeniedError for an output that is withheld,
    InferenceError where the model itself fails.
    """
    version = readable.version
    wanted = _choose_outputs(version, names)
    withheld = sorted(set(wanted) & set(readable.withheld_outputs()))
    if withheld:
        _record(readable, wanted, outcome="withheld")
        raise PermissionDeniedError(f"output `{withheld[0]}` is restricted for you")
    check_inputs(version.inputs, inputs)
    outputs = run_session(load_session(version), wanted, inputs)
    rows = max((each.shape[0] for each in inputs.values() if each.ndim), default=1)
    _record(readable, wanted, rows=rows, outcome=ALLOWED)
    return dict(zip(wanted, outputs, strict=True))


def _record(readable: ReadableVersion, outputs: list[str], *, outcome: str, rows: int = 0) -> None:
    version = readable.version
    asked = {"version": version.number, "sha256": version.sha256, "outputs": outputs, "rows": rows}
    record_decision(
        principal=readable.principal,
        dataset=version.dataset,
        decision=readable.decision,
        via=VIA,
        asked=asked,
        columns=outputs,
        outcome=outcome,
    )


def _choose_outputs(version: ModelVersion, names: Sequence[str]) -> list[str]:
    known = [spec["name"] for spec in version.outputs]
    for name in names:
        if name not in known:
            raise InvalidTensorError(f"the model has no output `{name}`")
    return list(dict.fromkeys(names)) or known
