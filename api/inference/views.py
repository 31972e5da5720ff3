"""The endpoints of the Open Inference Protocol v2 (specification: protocol/inference_rest.md).

The two health endpoints are public and say nothing but that the server lives; all else needs a token, and a
model that the caller may not discover is answered as one that does not exist.
"""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from typing import cast

from django.db import connection
from django.db.utils import DatabaseError
from django.http import HttpRequest, HttpResponse

from api.inference.errors import json_response, protocol_view
from api.inference.tensors import decode_request, encode_response
from identity.models import User
from serving import queries
from serving.models import ModelVersion
from serving.services.inference import infer_outputs, load_session, open_version

PLATFORM = "onnx_onnxv1"
EXTENSIONS = ["binary_tensor_data"]
HEADER_LENGTH = "Inference-Header-Content-Length"


@protocol_view(method="GET", public=True)
def server_live(request: HttpRequest) -> HttpResponse:
    del request
    return json_response({"live": True})


@protocol_view(method="GET", public=True)
def server_ready(request: HttpRequest) -> HttpResponse:
    """Ready when the database, on which every decision stands, answers."""
    del request
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return json_response({"live": True, "ready": False}, status=503)
    return json_response({"live": True, "ready": True})


@protocol_view(method="GET")
def server_metadata(request: HttpRequest) -> HttpResponse:
    del request
    try:
        release = package_version("lakewarden")
    except PackageNotFoundError:  # run from a checkout
        release = "0"
    return json_response({"name": "lakewarden", "version": release, "extensions": EXTENSIONS})


@protocol_view(method="GET")
def model_metadata(request: HttpRequest, name: str, version: str | None = None) -> HttpResponse:
    found = _version(request, name, version)
    return json_response(
        {
            "name": name,
            "versions": queries.version_names(found.dataset),
            "platform": PLATFORM,
            "inputs": found.inputs,
            "outputs": found.outputs,
        }
    )


@protocol_view(method="GET")
def model_ready(request: HttpRequest, name: str, version: str | None = None) -> HttpResponse:
    """Ready once the artifact is loaded in this process; asking loads it."""
    load_session(_version(request, name, version))
    return json_response({"name": name, "ready": True})


@protocol_view(method="POST")
def infer(request: HttpRequest, name: str, version: str | None = None) -> HttpResponse:
    user = cast("User", request.user)
    readable = open_version(user=user, name=name, version=version)
    asked, inputs = decode_request(request.body, request.headers.get(HEADER_LENGTH))
    outputs = infer_outputs(
        readable=readable, inputs=inputs, names=[each.name for each in asked.outputs]
    )
    body, header_size = encode_response(
        asked, model=name, version=str(readable.version.number), outputs=outputs
    )
    if header_size is None:
        return HttpResponse(body, content_type="application/json")
    response = HttpResponse(body, content_type="application/octet-stream")
    response[HEADER_LENGTH] = str(header_size)
    return response


def _version(request: HttpRequest, name: str, version: str | None) -> ModelVersion:
    return queries.described_version(cast("User", request.user), name=name, version=version)
