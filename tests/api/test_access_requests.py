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


def test_less_is_offered_and_granted_when_it_is_accepted(steward, dataset, analyst):
    url = f"/api/v1/access-requests/{ask(analyst, dataset).json()['uuid']}"
    client, own = api_client(steward), api_client(analyst)
    assert client.post(f"{url}/offer", {"duration_seconds": 7200}, **JSON).status_code == 400
    offered = client.post(
        f"{url}/offer",
        {"duration_seconds": 60, "columns": ["region"], "comment": "for now"},
        **JSON,
    ).json()
    assert (offered["state"], offered["offers"][0]["columns"]) == ("offered", ["region"])
    assert client.post(f"{url}/approve", {}, **JSON).json()["possible_from"] == ["pending"]
    assert client.post(f"{url}/answer", {"accept": True}, **JSON).status_code == 404
    accepted = own.post(f"{url}/answer", {"accept": True}, **JSON).json()
    assert (accepted["state"], accepted["decided_by"]) == ("approved", "steward")
    row, grant = AccessRequest.objects.get(), DatasetUserGrant.objects.get(request__isnull=False)
    assert (grant.columns, row.expires_at - row.decided_at <= timedelta(seconds=60)) == (
        ["region"],
        True,
    )
    again = own.post(f"{url}/answer", {"accept": False}, **JSON)
    assert (again.status_code, again.json()["state"]) == (409, "approved")


def test_more_time_is_asked_before_the_end_and_begins_there(steward, dataset, analyst):
    url = f"/api/v1/access-requests/{ask(analyst, dataset).json()['uuid']}"
    own, client = api_client(analyst), api_client(steward)
    assert own.post(f"{url}/extend", {"duration_seconds": 60}, **JSON).status_code == 409
    client.post(f"{url}/approve", {}, **JSON)
    assert client.post(f"{url}/extend", {"duration_seconds": 60}, **JSON).status_code == 404
    more = own.post(f"{url}/extend", {"duration_seconds": 60}, **JSON)
    assert (more.status_code, more.json()["state"], more.json()["extends"]) == (
        201,
        "pending",
        url.rpartition("/")[2],
    )
    client.post(f"/api/v1/access-requests/{more.json()['uuid']}/approve", {}, **JSON)
    first, second = AccessRequest.objects.order_by("pk")
    assert second.expires_at == first.expires_at + timedelta(seconds=60)


def test_who_was_sent_a_link_learns_a_name_and_may_ask(actors, steward, dataset):
    body = {"dataset": str(dataset.uuid), "lifetime_seconds": 3600}
    base = "/api/v1/access-requests/invitations"
    sent = {
        user.username: api_client(user).post(base, body, **JSON).status_code
        for user in (actors.team_mate, actors.outsider, steward)
    }
    assert sent == {actors.team_mate.username: 404, actors.outsider.username: 404, "steward": 201}
    made = api_client(steward).post(base, body, **JSON).json()
    guest = api_client(actors.outsider)
    shown = guest.get(f"{base}/{made['invitation']}").json()
    assert (shown["dataset_name"], sorted(shown)) == (
        "curated.passengers",
        ["dataset_name", "expires_at"],
    )
    asked = {"invitation": made["invitation"], "purpose": "a study", "duration_seconds": 60}
    answer = guest.post("/api/v1/access-requests", asked, **JSON)
    assert (answer.status_code, answer.json()["state"]) == (201, "pending")
    assert guest.get(f"/api/v1/catalog/datasets/{dataset.uuid}").status_code == 404
    forged = guest.get(f"{base}/{made['invitation'][:-2]}xx")
    assert (forged.status_code, forged.json()["code"]) == (404, "not-found")


def test_the_approver_sees_what_opens_and_how_it_was_decided_before(steward, dataset, analyst):
    first = f"/api/v1/access-requests/{ask(analyst, dataset, columns=['region']).json()['uuid']}"
    api_client(steward).post(f"{first}/approve", {"comment": "fine"}, **JSON)
    second = f"/api/v1/access-requests/{ask(analyst, dataset).json()['uuid']}"
    seen = api_client(steward).get(f"{second}/opening").json()
    assert [(each["name"], each["today"], each["opens"]) for each in seen["columns"]] == [
        ("booking_id", False, ""),
        ("email", False, ""),
        ("region", True, None),
    ]
    assert [each["alike"] for each in seen["precedents"]] == [
        ["the same dataset", "the same domain", "purpose: delays", "purpose: spring"]
    ]
    assert api_client(analyst).get(f"{second}/opening").status_code == 403


def test_cancelling_is_for_those_who_may_approve(actors, steward, dataset, analyst):
    url = f"/api/v1/access-requests/{ask(analyst, dataset).json()['uuid']}/cancel"
    statuses = [
        api_client(user).post(url, {"comment": "moved"}, **JSON).status_code
        for user in (actors.outsider, analyst, steward, actors.owner)
    ]
    assert statuses == [404, 403, 200, 409]


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
