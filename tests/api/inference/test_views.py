"""The Open Inference Protocol over HTTP: who may ask what, and what the answers hold."""

import json

import numpy as np
import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from governance.auditing.reading import read_record
from governance.models import AuditRecord, DatasetUserGrant
from serving.services.registry import Provenance, register_model, set_alias
from tests.factories.audit import payload_of
from tests.factories.catalog import make_domain
from tests.factories.identity import api_client, make_actors, page_client
from tests.factories.serving import linear_model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("object_buckets")]

X = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
Y = [[0.5], [2.5]]
JSON_BODY = {
    "id": "42",
    "inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": X.tolist()}],
}


def grant(user, dataset, action: str) -> None:
    permission = Permission.objects.get(codename=f"{action}_dataset")
    DatasetUserGrant.objects.create(user=user, content_object=dataset, permission=permission)


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def version(actors, unique):
    """A model of the owner; the team-mate may discover it, the outsider may not."""
    domain = make_domain(stewards=[actors.owner])
    made = register_model(
        actor=actors.owner,
        name=unique,
        domain=domain,
        artifact=linear_model(),
        provenance=Provenance(),
    )
    grant(actors.team_mate, made.dataset, "discover")
    return made


def infer(client, version, body=None, **headers):
    return client.post(
        f"/v2/models/{version.dataset.name}/infer",
        data=json.dumps(JSON_BODY if body is None else body),
        content_type="application/json",
        headers=headers,
    )


def test_health_needs_no_token_and_reveals_nothing():
    assert Client().get("/v2/health/live").json() == {"live": True}
    assert Client().get("/v2/health/ready").json() == {"live": True, "ready": True}


@pytest.mark.parametrize("path", ["", "/models/any", "/models/any/ready", "/models/any/versions/1"])
def test_all_else_needs_a_token(path):
    response = Client().get(f"/v2{path}")
    assert response.status_code == 401
    assert response.json() == {"error": "give a bearer token in the header `Authorization`"}
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_session_is_no_token(actors, version):
    assert infer(page_client(actors.owner), version).status_code == 401


def test_server_metadata(actors):
    document = api_client(actors.outsider).get("/v2").json()
    assert (document["name"], document["extensions"]) == ("lakewarden", ["binary_tensor_data"])


def test_model_metadata_is_the_signature(actors, version):
    document = api_client(actors.owner).get(f"/v2/models/{version.dataset.name}").json()
    assert document == {
        "name": version.dataset.name,
        "versions": ["1"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
    }


def test_model_is_ready(actors, version):
    name = version.dataset.name
    expected = {"name": name, "ready": True}
    assert api_client(actors.owner).get(f"/v2/models/{name}/ready").json() == expected
    assert api_client(actors.owner).get(f"/v2/models/{name}/versions/1/ready").json() == expected


def test_owner_infers(actors, version):
    response = infer(api_client(actors.owner, scopes=["read"]), version)
    assert response.status_code == 200
    assert response.json() == {
        "model_name": version.dataset.name,
        "model_version": "1",
        "id": "42",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 1], "data": [0.5, 2.5]}],
    }


def test_who_may_discover_but_not_read_is_refused(actors, version):
    response = infer(api_client(actors.team_mate), version)
    assert response.status_code == 403
    assert response.json() == {
        "error": f"running the model `{version.dataset.name}` needs `read` on it"
    }


def test_who_may_not_discover_learns_nothing(actors, version):
    client = api_client(actors.outsider)
    hidden = infer(client, version)
    missing = client.post("/v2/models/none/infer", data="{}", content_type="application/json")
    assert (hidden.status_code, missing.status_code) == (404, 404)
    name = version.dataset.name
    assert hidden.json()["error"].replace(name, "none") == missing.json()["error"]
    assert client.get(f"/v2/models/{name}").status_code == 404


def test_a_grant_opens_the_model_and_its_end_closes_it(actors, version):
    client = api_client(actors.outsider)
    grant(actors.outsider, version.dataset, "read")
    assert infer(client, version).status_code == 200
    DatasetUserGrant.objects.filter(user=actors.outsider).delete()
    assert infer(client, version).status_code == 404


def test_a_token_without_the_scope_is_refused(actors, version):
    response = infer(api_client(actors.owner, scopes=["lineage"]), version)
    assert response.status_code == 403
    assert list(response.json()) == ["error"]


def test_each_inference_is_audited(actors, version):
    infer(api_client(actors.owner), version)
    record = AuditRecord.objects.get(action="data.read")
    payload = payload_of(record)
    assert (read_record(record).actor, record.resource) == (
        actors.owner.username,
        version.dataset.node_id,
    )
    assert (payload["via"], payload["outcome"], payload["columns"]) == ("infer", "allow", ["y"])
    assert payload["asked"] == {
        "version": 1,
        "sha256": version.sha256,
        "outputs": ["y"],
        "rows": 2,
    }


def test_a_refused_inference_is_audited(actors, version):
    grant(actors.outsider, version.dataset, "discover")
    assert infer(api_client(actors.outsider), version).status_code == 403
    record = AuditRecord.objects.get(action="data.read-denied")
    assert (read_record(record).actor, payload_of(record)["via"]) == (
        actors.outsider.username,
        "infer",
    )


def test_a_restricted_output_is_withheld(actors, version):
    """A grant of some columns does not open the others, and a row filter cannot be applied to an answer."""
    permission = Permission.objects.get(codename="read_dataset")
    made = DatasetUserGrant.objects.create(
        user=actors.outsider, content_object=version.dataset, permission=permission, columns=["z"]
    )
    assert infer(api_client(actors.outsider), version).status_code == 403
    made.columns, made.row_filter = None, "y > 0"
    made.save()
    response = infer(api_client(actors.outsider), version)
    assert (response.status_code, response.json()) == (
        403,
        {"error": "output `y` is restricted for you"},
    )


def test_binary_tensors_both_ways(actors, version):
    raw = X.tobytes()
    header = json.dumps(
        {
            "inputs": [
                {
                    "name": "x",
                    "shape": [2, 2],
                    "datatype": "FP32",
                    "parameters": {"binary_data_size": len(raw)},
                }
            ],
            "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
        }
    ).encode()
    response = api_client(actors.owner).post(
        f"/v2/models/{version.dataset.name}/infer",
        data=header + raw,
        content_type="application/octet-stream",
        headers={"Inference-Header-Content-Length": str(len(header))},
    )
    size = int(response["Inference-Header-Content-Length"])
    output = json.loads(response.content[:size])["outputs"][0]
    assert output["parameters"] == {"binary_data_size": 8}
    answer = np.frombuffer(response.content[size:], np.float32).reshape(output["shape"])
    assert answer.tolist() == Y


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"inputs": []}, "a request needs inputs, and at most 512 tensors"),
        ({"inputs": [{"name": "z", "shape": [1], "datatype": "FP32", "data": [1]}]}, "the model has no input `z`"),
        ({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}, "input `x` must have the shape [-1, 2], not [1, 3]"),
        ({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}, "input `x` must have the datatype FP32"),
        ({**JSON_BODY, "outputs": [{"name": "q"}]}, "the model has no output `q`"),
    ],
)  # fmt: skip
def test_malformed_input_is_a_400_in_the_form_of_the_protocol(actors, version, body, error):
    response = infer(api_client(actors.owner), version, body)
    assert (response.status_code, response.json()) == (400, {"error": error})


def test_another_method_is_refused(actors, version):
    response = api_client(actors.owner).get(f"/v2/models/{version.dataset.name}/infer")
    assert (response.status_code, response["Allow"]) == (405, "POST")


def test_versions_by_number_alias_and_default(actors, version):
    name = version.dataset.name
    newer = register_model(
        actor=actors.owner,
        name=name,
        domain=version.dataset.domain,
        artifact=linear_model(bias=1.5),
        provenance=Provenance(),
    )
    client = api_client(actors.owner)

    def answer(path: str):
        response = client.post(
            f"/v2/models/{name}{path}/infer", data=JSON_BODY, content_type="application/json"
        )
        return response.status_code, response.json().get("model_version")

    assert answer("") == (200, "2")
    set_alias(version, alias="champion", actor=actors.owner)
    set_alias(newer, alias="next", actor=actors.owner)
    assert [answer(path) for path in ("", "/versions/2", "/versions/next", "/versions/9")] == [
        (200, "1"),
        (200, "2"),
        (200, "2"),
        (404, None),
    ]


def test_a_damaged_artifact_is_not_run(actors, version):
    type(version).objects.filter(pk=version.pk).update(sha256="0" * 64)
    response = infer(api_client(actors.owner), version)
    assert response.status_code == 503
    assert response.json() == {
        "error": "the model's artifact is damaged: its checksum does not match"
    }
