"""The storage endpoints as an owner, a team-mate and an outsider meet them."""

# ruff: noqa: F401, F811 - fixtures of another folder are imported

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.services.datasets import add_owner
from core.jobs import current_app
from governance.policy.types import Action
from storage.models import Movement, TierPolicy
from storage.services.movements import run_movements
from tests.factories.governance import make_grant
from tests.factories.identity import api_client, make_actors, make_user
from tests.storage.services.conftest import (
    collection,
    make_collection,
    table,
    tiers,
)

API = "/api/v1"


@pytest.fixture
def actors(collection, table, monkeypatch):
    """`owner` owns both datasets, `team_mate` may read the wide photographs, `outsider` has nothing."""
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)
    actors = make_actors()
    for dataset in (collection, table.dataset):
        add_owner(dataset, owner=actors.owner)
    make_grant(actors.team_mate, collection, Action.READ, row_filter="width >= 300")
    make_grant(actors.team_mate, table.dataset, Action.READ)
    return actors


def get(user, path: str, **params):
    return api_client(user).get(f"{API}/{path}", params)


def send(user, method: str, path: str, body: dict):
    call = getattr(api_client(user), method)
    return call(f"{API}/{path}", body, content_type="application/json")


def objects_path(dataset, key: str = "") -> str:
    base = f"catalog/datasets/{dataset.uuid}/objects"
    return f"{base}/{key}/content" if key else base


def test_objects_as_each_may_see_them(actors, collection):
    by_owner = get(actors.owner, objects_path(collection), page_size=4).json()
    assert [item["key"] for item in by_owner["items"]] == [f"p/{n}.png" for n in range(4)]
    rest = get(actors.owner, objects_path(collection), cursor=by_owner["next_cursor"]).json()
    assert [item["key"] for item in rest["items"]] == ["p/4.png", "p/5.png"]
    assert rest["next_cursor"] is None
    by_mate = get(actors.team_mate, objects_path(collection)).json()
    assert [item["width"] for item in by_mate["items"]] == [300, 400, 500]
    assert "content" not in by_mate["items"][0]
    assert get(actors.outsider, objects_path(collection)).status_code == 404


def test_the_bytes_are_an_attachment_of_their_type(actors, collection):
    answer = get(actors.team_mate, objects_path(collection, "p/3.png"))
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) == b"image 3"
    assert {
        name: answer[name]
        for name in (
            "Content-Type",
            "Content-Length",
            "X-Content-Type-Options",
            "Content-Disposition",
        )
    } == {
        "Content-Type": "image/png",
        "Content-Length": "7",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": 'attachment; filename="3.png"',
    }


def test_hidden_and_missing_bytes_are_one_answer(actors, collection):
    hidden = get(actors.team_mate, objects_path(collection, "p/1.png"))
    missing = get(actors.team_mate, objects_path(collection, "p/9.png"))
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json() == missing.json()
    assert get(actors.outsider, objects_path(collection, "p/3.png")).status_code == 404


def test_nobody_without_a_name(client, collection):
    for path in ("storage/tiers", objects_path(collection), objects_path(collection, "p/3.png")):
        assert client.get(f"{API}/{path}").status_code == 401


def test_a_foreign_cursor_is_refused(actors, collection):
    answer = get(actors.owner, objects_path(collection), cursor="ImEi")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")


def test_files_are_for_those_who_may_see_all(actors, table):
    path = f"catalog/datasets/{table.dataset.uuid}/files"
    for user in (actors.owner, actors.team_mate):
        items = get(user, path).json()["items"]
        months = sorted((item["partition"]["month"], item["tier"]) for item in items)
        assert months == [(month, "hot") for month in range(1, 7)]
    assert get(actors.outsider, path).status_code == 404
    narrow = make_user()
    make_grant(narrow, table.dataset, Action.READ, row_filter="month = 1")
    assert get(narrow, path).status_code == 403


def test_tiers_and_locations(actors, object_buckets):
    items = get(actors.outsider, "storage/tiers").json()["items"]
    assert [(item["name"], item["keep_price"], item["minimum_days"]) for item in items] == [
        ("hot", "0.02300000", 0),
        ("cold", "0.01250000", 30),
    ]
    assert get(actors.owner, "storage/locations").status_code == 403
    staff = make_user(is_staff=True)
    assert [each["name"] for each in get(staff, "storage/locations").json()["items"]] == [
        "hot",
        "cold",
    ]


def test_a_policy_from_beginning_to_end(actors, collection):
    body = {"dataset": str(collection.uuid), "condition": {"keys": ["*"]}, "target": "cold"}
    made = send(actors.owner, "post", "storage/tier-policies", body)
    assert made.status_code == 201
    path = f"storage/tier-policies/{made.json()['uuid']}"
    assert (
        get(actors.owner, path).json()
        == made.json()
        == {
            "uuid": str(TierPolicy.objects.get().uuid),
            "dataset": str(collection.uuid),
            "condition": {"keys": ["*"]},
            "target": "cold",
            "enabled": True,
        }
    )
    assert get(actors.owner, "storage/tier-policies").json()["items"] == [made.json()]
    changed = send(actors.owner, "patch", path, {"enabled": False})
    assert changed.json() == {**made.json(), "enabled": False}
    assert api_client(actors.owner).delete(f"{API}/{path}").status_code == 204
    assert get(actors.owner, path).status_code == 404


@pytest.mark.parametrize(("who", "status"), [("team_mate", 403), ("outsider", 404)])
def test_others_make_no_policies_and_no_runs(actors, collection, who, status):
    user = getattr(actors, who)
    policy = {"dataset": str(collection.uuid), "condition": {}, "target": "cold"}
    run = {"dataset": str(collection.uuid), "dry_run": True}
    assert send(user, "post", "storage/tier-policies", policy).status_code == status
    assert send(user, "post", "storage/tiering-runs", run).status_code == status


@pytest.mark.parametrize("who", ["team_mate", "outsider"])
def test_others_see_no_policies_runs_and_movements(actors, collection, who):
    send_policy(actors.owner, collection)
    body = {"dataset": str(collection.uuid)}
    run = send(actors.owner, "post", "storage/tiering-runs", body).json()
    policy = TierPolicy.objects.get()
    user = getattr(actors, who)
    for path in ("storage/tier-policies", "storage/tiering-runs", "storage/movements"):
        assert get(user, path).json()["items"] == []
    for path in (f"storage/tiering-runs/{run['uuid']}", f"storage/tier-policies/{policy.uuid}"):
        assert get(user, path).status_code == 404
    assert get(user, f"storage/tiering-runs/{uuid.uuid4()}").status_code == 404


def send_policy(user, dataset) -> None:
    body = {"dataset": str(dataset.uuid), "condition": {"keys": ["p/[01].png"]}, "target": "cold"}
    assert send(user, "post", "storage/tier-policies", body).status_code == 201


def test_a_run_from_plan_to_done(actors, collection):
    send_policy(actors.owner, collection)
    body = {"dataset": str(collection.uuid), "grace_seconds": 0}
    dry = send(actors.owner, "post", "storage/tiering-runs", {**body, "dry_run": True})
    assert (dry.status_code, dry.json()["states"]) == (200, {})
    made = send(actors.owner, "post", "storage/tiering-runs", body)
    assert made.status_code == 202
    assert made.json()["states"] == {"planned": {"movements": 2, "bytes": 14}}
    assert made.json()["report"]["tiers"] == {
        "before": {"hot": {"files": 6, "bytes": 42}},
        "after": {"cold": {"files": 2, "bytes": 14}, "hot": {"files": 4, "bytes": 28}},
    }
    ids = list(Movement.objects.values_list("pk", flat=True))
    run_movements(ids)
    run_movements(ids)
    path = f"storage/tiering-runs/{made.json()['uuid']}"
    assert get(actors.owner, path).json()["states"] == {"done": {"movements": 2, "bytes": 14}}
    moved = get(actors.owner, "storage/movements", state="done", dataset=collection.uuid).json()
    assert [(each["key"], each["target_tier"]) for each in moved["items"]] == [
        ("p/1.png", "cold"),
        ("p/0.png", "cold"),
    ]
    assert get(actors.owner, "storage/movements", state="lost").status_code == 400


def test_a_wrong_condition_says_where(actors, collection):
    body = {"dataset": str(collection.uuid), "condition": {"idle_days": "x"}, "target": "cold"}
    answer = send(actors.owner, "post", "storage/tier-policies", body)
    assert (answer.status_code, answer.json()["code"], answer.json()["pointer"]) == (
        400,
        "tier-condition",
        "/idle_days",
    )


@pytest.mark.parametrize("noun", ["movements", "tier-policies"])
def test_a_list_costs_the_same_for_one_and_three(actors, noun, unique, django_assert_num_queries):
    client = api_client(actors.owner)

    def add_movement(number: int) -> None:
        made = make_collection(f"{unique}-{number}", count=1)
        add_owner(made, owner=actors.owner)
        body = {"dataset": str(made.uuid), "condition": {}, "target": "cold"}
        send(actors.owner, "post", "storage/tier-policies", body)
        send(actors.owner, "post", "storage/tiering-runs", {"dataset": str(made.uuid)})

    path = f"{API}/storage/{noun}"
    add_movement(1)
    client.get(path)
    with CaptureQueriesContext(connection) as of_one:
        assert len(client.get(path).json()["items"]) == 1
        queries = len(of_one)
    add_movement(2)
    add_movement(3)
    with django_assert_num_queries(queries):
        assert len(client.get(path).json()["items"]) == 3
