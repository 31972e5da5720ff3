"""Rules of approval and delegations through the API: owner, steward, outsider."""

from datetime import timedelta

import pytest

from core.clock import utc_now
from tests.factories.governance import make_request, make_world
from tests.factories.identity import api_client

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
RULES = "/api/v1/request-rules"
DELEGATIONS = "/api/v1/delegations"
RULE = {
    "name": "sales",
    "applies_to": {"domain": ["sales"]},
    "order": "parallel",
    "stages": [{"by": "owner"}, {"by": "steward"}],
}


@pytest.fixture
def world():
    return make_world()


def test_a_rule_is_written_read_and_retired_by_its_stewards(world):
    statuses = {
        user.username: api_client(user).post(RULES, RULE, **JSON).status_code
        for user in (world.outsider, world.owner, world.hr_steward, world.steward)
    }
    assert statuses == {"outsider": 403, "owner": 403, "hr-steward": 403, "steward": 200}
    listed = {
        user.username: [row["name"] for row in api_client(user).get(RULES).json()["items"]]
        for user in (world.owner, world.hr_steward, world.steward, world.superuser)
    }
    assert listed == {"owner": [], "hr-steward": [], "steward": ["sales"], "root": ["sales"]}
    wrong = api_client(world.steward).post(RULES, RULE | {"stages": [{"by": "x"}]}, **JSON)
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["pointer"]) == (
        400,
        "policy-document",
        "/stages/0/by",
    )
    asked = make_request(world.analyst, world.passengers)
    shown = api_client(world.analyst).get(f"/api/v1/access-requests/{asked.uuid}").json()
    assert [(each["by"], each["after"], each["rule"]) for each in shown["stages"]] == [
        ("owner", None, "sales"),
        ("steward", None, "sales"),
    ]
    url = f"{RULES}/sales/retire"
    assert [
        api_client(user).post(url, **JSON).status_code for user in (world.owner, world.steward)
    ] == [
        404,
        200,
    ]


def test_a_delegation_is_made_seen_and_ended_by_those_it_is_about(world):
    now = utc_now()
    body = {
        "delegate": "outsider",
        "dataset": str(world.passengers.uuid),
        "starts_at": (now - timedelta(hours=1)).isoformat(),
        "ends_at": (now + timedelta(days=1)).isoformat(),
    }
    assert api_client(world.analyst).post(DELEGATIONS, body, **JSON).status_code == 403
    assert api_client(world.hr_steward).post(DELEGATIONS, body, **JSON).status_code == 404
    made = api_client(world.owner).post(DELEGATIONS, body, **JSON)
    assert (made.status_code, made.json()["person"], made.json()["delegate"]) == (
        201,
        "owner",
        "outsider",
    )
    asked = make_request(world.analyst, world.passengers)
    inbox = api_client(world.outsider).get("/api/v1/access-requests?inbox=1").json()["items"]
    assert [row["uuid"] for row in inbox] == [str(asked.uuid)]
    answer = api_client(world.outsider).post(
        f"/api/v1/access-requests/{asked.uuid}/approve", {}, **JSON
    )
    assert [(each["by"], each["in_name_of"]) for each in answer.json()["votes"]] == [
        ("outsider", "outsider")
    ]
    url = f"{DELEGATIONS}/{made.json()['uuid']}/end"
    statuses = [
        api_client(user).post(url, **JSON).status_code
        for user in (world.analyst, world.outsider, world.owner, world.owner)
    ]
    assert statuses == [404, 404, 200, 409]
    assert api_client(world.outsider).get("/api/v1/access-requests?inbox=1").json()["items"] == []
