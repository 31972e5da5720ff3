"""The registry over HTTP: uploads, lists, aliases, trainings; as owner, team-mate and outsider."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.factories.catalog import make_dataset, make_domain
from tests.factories.identity import api_client, make_actors
from tests.factories.serving import linear_model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("object_buckets")]


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def domain(actors):
    return make_domain(stewards=[actors.owner])


def upload(user, name, domain, *, artifact=None, **metadata):
    document = {"name": name, "domain": domain.slug, **metadata}
    return api_client(user).post(
        "/api/v1/models",
        {
            "metadata": json.dumps(document),
            "artifact": SimpleUploadedFile("model.onnx", artifact or linear_model()),
        },
    )


def test_an_upload_is_a_version(actors, domain, unique):
    features = make_dataset(owners=[actors.owner])
    training = [{"namespace": features.namespace, "name": features.name}]
    answer = upload(actors.owner, unique, domain, metrics={"r2": 0.5}, training_datasets=training)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["name"], made["version"], made["metrics"]) == (unique, 1, {"r2": 0.5})
    assert made["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    listed = api_client(actors.owner).get("/api/v1/models", {"name": unique}).json()["items"]
    assert listed == [made]


def test_others_neither_see_nor_upload(actors, domain, unique):
    upload(actors.owner, unique, domain)
    for actor in (actors.team_mate, actors.outsider):
        assert api_client(actor).get("/api/v1/models").json()["items"] == []
        refused = upload(actor, unique, domain, artifact=linear_model(bias=9.0))
        free = upload(actor, f"{unique}-free", domain)
        assert (refused.status_code, free.status_code) == (403, 403)
        assert refused.json() == free.json()


def test_training_data_out_of_sight_does_not_exist(actors, domain, unique):
    hidden = make_dataset(owners=[actors.outsider])
    training = [{"namespace": hidden.namespace, "name": hidden.name}]
    answer = upload(actors.owner, unique, domain, training_datasets=training)
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_what_is_no_model_is_refused(actors, domain, unique):
    answer = upload(actors.owner, unique, domain, artifact=b"not a model")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-model")


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ({"metadata": "not json"}, "/metadata"),
        ({"metadata": json.dumps({"name": "a", "domain": "{domain}"})}, "/artifact"),
    ],
)
def test_a_missing_part_is_named(actors, domain, parts, pointer):
    parts = {key: value.replace("{domain}", domain.slug) for key, value in parts.items()}
    answer = api_client(actors.owner).post("/api/v1/models", parts)
    assert (answer.status_code, answer.json()["pointer"]) == (400, pointer)


def test_the_owner_moves_the_alias_and_nobody_else(actors, domain, unique):
    upload(actors.owner, unique, domain)
    path = f"/api/v1/models/{unique}/versions/1/alias"

    def put(user):
        body = {"alias": "champion"}
        return api_client(user).put(path, body, content_type="application/json")

    assert put(actors.outsider).status_code == 404
    assert put(actors.team_mate).status_code == 404
    assert (put(actors.owner).status_code, put(actors.owner).json()["alias"]) == (200, "champion")


def test_a_training_is_asked_for_and_seen_by_who_asked(actors, domain, unique):
    table = make_dataset(
        fields=[("distance", "double"), ("late", "boolean")], owners=[actors.owner]
    )
    body = {
        "model_name": unique,
        "domain": domain.slug,
        "dataset": table.name,
        "features": ["distance"],
        "label": "late",
        "algorithm": "logistic_regression",
    }

    def post(user):
        path = "/api/v1/models/training-runs"
        return api_client(user).post(path, body, content_type="application/json")

    made = post(actors.owner)
    assert (made.status_code, made.json()["state"]) == (202, "queued"), made.content
    path = f"/api/v1/models/training-runs/{made.json()['uuid']}"
    assert api_client(actors.owner).get(path).json() == made.json()
    for actor in (actors.team_mate, actors.outsider):
        # As for a domain that is not there.
        assert post(actor).status_code == 403
        assert api_client(actor).get(path).status_code == 404
        assert api_client(actor).get("/api/v1/models/training-runs").json()["items"] == []
