"""POST /api/v1/lineage and /api/v1/lineage/batch."""

import gzip
import json

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from catalog.models import Dataset, RunEvent
from catalog.services.datasets import ensure_dataset
from tests.catalog.world import dataset, run_event
from tests.factories.identity import api_client, make_actors, make_service, page_client

pytestmark = pytest.mark.django_db

URL = "/api/v1/lineage"
RUN = "0198a3b1-7c1e-7d32-9a30-000000000001"
EVENT = run_event(run=RUN, at="2026-01-01T10:00:00Z", inputs=[dataset("a")], outputs=[dataset("b")])


def post(client, body, url=URL, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(url, raw, content_type="application/json", headers=headers)


@pytest.fixture
def sender():
    return make_service()


def test_recorded_once_however_often_it_comes(sender) -> None:
    client = api_client(sender)
    assert [post(client, EVENT).status_code for _ in range(3)] == [201, 201, 201]
    row = RunEvent.objects.get()
    assert row.payload == EVENT
    assert row.sender == sender


def test_who_may_send() -> None:
    actors = make_actors()
    permission = Permission.objects.get(codename="add_runevent")
    actors.owner.user_permissions.add(permission)
    assert post(api_client(actors.owner), EVENT).status_code == 201
    assert post(api_client(actors.team_mate), EVENT).status_code == 403
    assert post(api_client(actors.outsider), EVENT).status_code == 403
    assert post(api_client(actors.owner, scopes=["read", "write"]), EVENT).status_code == 403
    assert post(Client(), EVENT).status_code == 401
    session = Client(enforce_csrf_checks=True)
    session.force_login(actors.owner, backend="django.contrib.auth.backends.ModelBackend")
    assert post(session, EVENT).status_code == 403
    assert RunEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"eventTime": "yesterday"}, "/eventTime"),
        ({"eventTime": None}, "/eventTime"),
        ({"run": {"facets": {}}}, "/run/runId"),
        ({"job": {"namespace": "ns"}}, "/job/name"),
        ({"job": None}, "/job"),
        ({"inputs": [{"namespace": "db", "name": ""}]}, "/inputs/0/name"),
        ({"outputs": "b"}, "/outputs"),
    ],
)
def test_fault_is_pointed_at(sender, change, pointer) -> None:
    response = post(api_client(sender), {**EVENT, **change})
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert (response.json()["code"], response.json()["pointer"]) == ("invalid-event", pointer)
    assert RunEvent.objects.count() == 0


def test_limits(sender, settings) -> None:
    client = api_client(sender)
    deep: dict = {}
    for _ in range(250):
        deep = {"x": deep}
    assert post(client, {**EVENT, "deep": deep}).json()["limit"] == "depth"
    assert post(client, b"{").status_code == 400
    bomb = gzip.compress(b" " * (settings.LAKEWARDEN.max_body_bytes + 1))
    assert post(client, bomb, **{"Content-Encoding": "gzip"}).json()["limit"] == "body"
    packed = gzip.compress(json.dumps(EVENT).encode())
    assert post(client, packed, **{"Content-Encoding": "gzip"}).status_code == 201


def test_batch_answers_for_each_event(sender) -> None:
    client = api_client(sender)
    bad = {**EVENT, "eventTime": "?"}
    body = post(client, [EVENT, bad], url=f"{URL}/batch").json()
    assert body["status"] == "partial_success"
    assert body["summary"]["successful"] == 1
    assert [(each["index"], each["problem"]["pointer"]) for each in body["failed_events"]] == [
        (1, "/eventTime")
    ]
    lines = b"\n".join([json.dumps(EVENT).encode(), b"not json", b""])
    body = post(client, lines, url=f"{URL}/batch").json()
    assert body["summary"] == {
        "received": 2,
        "successful": 1,
        "failed": 1,
        "retriable": 0,
        "non_retriable": 1,
    }
    assert RunEvent.objects.count() == 1


def test_events_never_change_what_is_declared(sender) -> None:
    ensure_dataset(namespace="db", name="b", description="ours", actor="x")
    told = dataset(
        "b",
        fields=["evil"],
        documentation={"description": "theirs"},
        tags={"tags": [{"key": "public", "value": "true"}]},
        lifecycleStateChange={"lifecycleStateChange": "DROP"},
    )
    assert post(api_client(sender), {**EVENT, "outputs": [told]}).status_code == 201
    row = Dataset.objects.get(name="b")
    assert (row.description, row.deleted_at, row.dataset_tags.count()) == ("ours", None, 0)
    assert row.fields.count() == 0


def test_nul_and_page_session(sender) -> None:
    event = {**EVENT, "job": {**EVENT["job"], "facets": {"sql": {"query": "a\x00b"}}}}
    assert post(api_client(sender), event).status_code == 201
    assert page_client(sender).get(URL).status_code == 400
