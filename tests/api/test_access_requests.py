"""Ask, decide, be enforced, expire: through the API, with an owner, a team-mate and an outsider."""

from datetime import timedelta

import pytest

from core.clock import utc_now
from governance.models import AccessRequest, AuditRecord, DatasetUserGrant
from governance.services.grants import expire_grants
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.identity import api_client, make_actors, make_user

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def steward():
    return make_user("steward")


@pytest.fixture
def dataset(actors, steward):
    domain = make_domain("Passengers", stewards=[steward])
    return make_dataset(
        "curated.passengers",
        domain=domain,
        owners=[actors.owner],
        fields=[("booking_id", "long"), ("email", "string"), ("region", "string")],
    )


@pytest.fixture
def analyst(actors, dataset):
    """Somebody who may discover the dataset, and no more."""
    user = make_user("analyst", attributes={"region": "EWR"})
    grant = {"user": "analyst", "dataset": str(dataset.uuid), "action": "discover"}
    answer = api_client(actors.owner).post("/api/v1/grants", grant, **JSON)
    assert answer.status_code == 201
    return user


def ask(user, dataset, **change):
    body = {
        "dataset": str(dataset.uuid),
        "purpose": "delays of spring",
        "duration_seconds": 3600,
        **change,
    }
    return api_client(user).post("/api/v1/access-requests", body, **JSON)


def decisions(user, dataset):
    return api_client(user).get(f"/api/v1/catalog/datasets/{dataset.uuid}/decisions")


def test_who_may_not_discover_cannot_ask_and_learns_nothing(actors, dataset):
    answer = ask(actors.outsider, dataset)
    unknown = api_client(actors.outsider).post(
        "/api/v1/access-requests",
        {"dataset": "00000000-0000-7000-8000-000000000000", "purpose": "x", "duration_seconds": 1},
        **JSON,
    )
    assert (answer.status_code, answer.json()) == (unknown.status_code, unknown.json())
    assert answer.status_code == 404


def test_a_request_from_asking_to_expiry(actors, steward, dataset, analyst):
    asked = ask(analyst, dataset, columns=["booking_id", "region"], row_filter="region = 'EWR'")
    assert (asked.status_code, asked.json()["state"]) == (201, "pending")
    url = f"/api/v1/access-requests/{asked.json()['uuid']}"
    before = decisions(analyst, dataset).json()["decisions"]["read"]
    assert before["effect"] == "deny"

    inbox = api_client(steward).get("/api/v1/access-requests?inbox=1").json()["items"]
    assert [row["uuid"] for row in inbox] == [asked.json()["uuid"]]
    approved = api_client(steward).post(f"{url}/approve", {"comment": "fine"}, **JSON)
    assert (approved.status_code, approved.json()["state"]) == (200, "approved")

    after = decisions(analyst, dataset).json()["decisions"]["read"]
    assert after["effect"] == "allow"
    assert [column["name"] for column in after["columns"]] == ["booking_id", "region"]
    mine = api_client(analyst).get("/api/v1/grants").json()
    assert sorted(grant["action"] for grant in mine) == ["discover", "read"]

    DatasetUserGrant.objects.filter(request__isnull=False).update(
        expires_at=utc_now() - timedelta(seconds=1)
    )
    assert decisions(analyst, dataset).json()["decisions"]["read"]["effect"] == "deny"
    assert expire_grants() == 1
    assert api_client(analyst).get(url).json()["state"] == "expired"
    actions = AuditRecord.objects.order_by("pk").values_list("action", flat=True)
    assert [each for each in actions if each.startswith(("request", "grant"))] == [
        "grant.create",
        "request.create",
        "request.approve",
        "grant.create",
        "grant.expire",
    ]


def test_requests_are_seen_by_requester_and_approvers_only(actors, steward, dataset, analyst):
    url = f"/api/v1/access-requests/{ask(analyst, dataset).json()['uuid']}"
    statuses = {
        name: (api_client(user).get(url).status_code, count_listed(user))
        for name, user in {
            "analyst": analyst,
            "steward": steward,
            "owner": actors.owner,
            "team_mate": actors.team_mate,
            "outsider": actors.outsider,
        }.items()
    }
    assert statuses == {
        "analyst": (200, 1),
        "steward": (200, 1),
        "owner": (200, 1),
        "team_mate": (404, 0),
        "outsider": (404, 0),
    }


def count_listed(user):
    return len(api_client(user).get("/api/v1/access-requests").json()["items"])


def test_nobody_decides_their_own_and_outsiders_decide_nothing(actors, dataset, analyst):
    own = ask(actors.owner, dataset).json()["uuid"]
    refused = api_client(actors.owner).post(f"/api/v1/access-requests/{own}/approve", {}, **JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission-denied")
    url = f"/api/v1/access-requests/{ask(analyst, dataset).json()['uuid']}/approve"
    for user, status in (
        (analyst, 403),
        (actors.team_mate, 404),
        (actors.outsider, 404),
    ):
        assert api_client(user).post(url, {}, **JSON).status_code == status
    assert AccessRequest.objects.filter(state="pending").count() == 2


def test_a_decided_request_is_decided(steward, dataset, analyst):
    url = f"/api/v1/access-requests/{ask(analyst, dataset).json()['uuid']}"
    client = api_client(steward)
    assert client.post(f"{url}/deny", {}, **JSON).status_code == 400
    assert client.post(f"{url}/deny", {"comment": "no"}, **JSON).status_code == 200
    again = client.post(f"{url}/approve", {}, **JSON)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert decisions(analyst, dataset).json()["decisions"]["read"]["effect"] == "deny"


def test_an_approval_may_shorten_and_never_lengthen(steward, dataset, analyst):
    url = f"/api/v1/access-requests/{ask(analyst, dataset).json()['uuid']}/approve"
    client = api_client(steward)
    assert client.post(url, {"duration_seconds": 7200}, **JSON).status_code == 400
    answer = client.post(url, {"duration_seconds": 60}, **JSON)
    assert answer.status_code == 200
    row = AccessRequest.objects.get()
    assert row.expires_at - row.decided_at <= timedelta(seconds=60)


@pytest.mark.parametrize(
    "wrong",
    [
        {"purpose": ""},
        {"duration_seconds": 0},
        {"duration_seconds": 10**9},
        {"columns": []},
        {"row_filter": "region = 'EWR'; DROP TABLE x"},
        {"row_filter": "(SELECT 1)"},
    ],
)
def test_what_cannot_be_asked(dataset, analyst, wrong):
    answer = ask(analyst, dataset, **wrong)
    assert answer.status_code in {400, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert AccessRequest.objects.count() == 0


def test_grants_are_given_by_approvers_and_never_to_oneself(actors, steward, dataset):
    body = {"dataset": str(dataset.uuid), "action": "read", "user": actors.team_mate.username}
    statuses = {
        user.username: api_client(user).post("/api/v1/grants", body, **JSON).status_code
        for user in (actors.team_mate, actors.outsider, steward, actors.owner)
    }
    assert statuses == {
        actors.team_mate.username: 404,
        actors.outsider.username: 404,
        "steward": 201,
        actors.owner.username: 201,
    }
    own = {**body, "user": "steward"}
    assert api_client(steward).post("/api/v1/grants", own, **JSON).status_code == 403


def test_a_revoked_grant_ends_at_once(actors, steward, dataset):
    body = {"dataset": str(dataset.uuid), "action": "read", "user": actors.outsider.username}
    grant = api_client(steward).post("/api/v1/grants", body, **JSON).json()
    assert decisions(actors.outsider, dataset).status_code == 200
    url = f"/api/v1/grants/{grant['grant']}"
    assert api_client(actors.team_mate).delete(url).status_code == 404
    assert api_client(steward).delete(url).status_code == 204
    assert decisions(actors.outsider, dataset).status_code == 404
