"""Artifacts of models: checked in a process apart, kept in the hot location under their SHA-256."""

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from core.errors import LimitExceededError, UnavailableError
from serving.datatypes import TensorSpec
from serving.errors import InvalidModelError
from storage.backends import Backend, open_location_url, open_uri

MAX_ARTIFACT_BYTES = 256 << 20
INSPECTION_SECONDS = 120
MEDIA_TYPE = "application/vnd.onnx"
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Signature:
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]


def check_artifact(artifact: bytes) -> Signature:
    """The signature of an ONNX model that may be served; InvalidModelError says why one may not.

    The artifact is parsed and loaded in a process of its own, whose memory and time are limited.
    """
    if not artifact or len(artifact) > MAX_ARTIFACT_BYTES:
        raise LimitExceededError(
            "a model has from 1 to 256 MiB", limit="artifact", max_bytes=MAX_ARTIFACT_BYTES
        )
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(artifact)
        file.flush()
        try:
            done = subprocess.run(
                [sys.executable, "-m", "serving.inspection", file.name],
                cwd=ROOT,
                capture_output=True,
                check=True,
                timeout=INSPECTION_SECONDS,
            )
            answer = json.loads(done.stdout)
        except (subprocess.SubprocessError, json.JSONDecodeError):
            raise InvalidModelError(
                "the model could not be loaded within the limits of memory and time"
            ) from None
    if "error" in answer:
        raise InvalidModelError(answer["error"])
    return Signature(inputs=answer["inputs"], outputs=answer["outputs"])


def sha256_of(artifact: bytes) -> str:
    return hashlib.sha256(artifact).hexdigest()


def store_artifact(artifact: bytes, *, name: str) -> str:
    """Keep the bytes and return their URI. The key holds their hash, so a second call changes nothing."""
    backend = _hot()
    key = f"models/{name}/{sha256_of(artifact)}.onnx"
    backend.put_bytes(key, artifact, media_type=MEDIA_TYPE)
    return backend.uri_of(key)


def load_artifact(uri: str, *, sha256: str) -> bytes:
    """The bytes at `uri`; UnavailableError if they are not those that were registered."""
    hot = _hot()
    if uri.startswith(f"{hot.root}/"):
        artifact = hot.get_bytes(hot.key_of(uri))
    else:
        backend, key = open_uri(uri)
        artifact = backend.get_bytes(key)
    if sha256_of(artifact) != sha256:
        raise UnavailableError("the model's artifact is damaged: its checksum does not match")
    return artifact


def _hot() -> Backend:
    return open_location_url(settings.LAKEWARDEN.hot_url)
