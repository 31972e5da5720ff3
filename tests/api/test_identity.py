"""Tokens for oneself; users and groups for administrators only."""

import pytest
from django.contrib.auth.models import Group

from governance.models import AuditRecord
from identity.models import ApiToken, User
from tests.factories.audit import audited_about, audited_by, payload_text
from tests.factories.identity import (
    PASSWORD,
    api_client,
    make_actors,
    make_group,
    make_service,
    make_user,
    page_client,
)

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


@pytest.fixture
def admin():
    return make_user("root", is_superuser=True, is_staff=True)


def test_me_is_what_the_kernel_sees():
    user = make_user("ana", groups=["analysts"], attributes={"region": "EWR"})
    assert api_client(user).get("/api/v1/me").json() == {
        "username": "ana",
        "email": "",
        "is_service": False,
        "is_superuser": False,
        "groups": ["analysts"],
        "attributes": {"region": "EWR"},
    }


def test_without_a_credential_every_endpoint_refuses(client):
    for path in ("/api/v1/me", "/api/v1/tokens", "/api/v1/users", "/api/v1/groups"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "unauthenticated"


def test_an_unknown_token_is_refused_even_beside_a_session():
    client = page_client(make_user())
    answer = client.get("/api/v1/me", headers={"Authorization": "Bearer lkw_" + "x" * 43})
    assert answer.status_code == 401


def test_a_token_is_shown_once_and_works():
    user = make_user()
    client = page_client(user)
    body = {"name": "laptop", "scopes": ["read"], "days": 7}
    made = client.post("/api/v1/tokens", body, **JSON)
    assert made.status_code == 201
    text = made.json()["token"]
    me = client.get("/api/v1/me", headers={"Authorization": f"Bearer {text}"})
    assert me.json()["username"] == user.username
    assert text not in client.get("/api/v1/tokens").content.decode()
    assert audited_by(user.username).filter(action="token.create").count() == 1
    assert text.encode() not in payload_text(AuditRecord.objects.get(action="token.create"))


def test_a_token_with_read_only_cannot_write_and_cannot_make_a_wider_one():
    client = api_client(make_user(), scopes=["read"])
    refused = client.post("/api/v1/tokens", {"name": "x", "scopes": ["read"]}, **JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission-denied")
    writer = api_client(make_user(), scopes=["read", "write"])
    wider = writer.post("/api/v1/tokens", {"name": "x", "scopes": ["admin"]}, **JSON)
    assert wider.status_code == 403
    assert ApiToken.objects.filter(name="x").count() == 0


def test_tokens_are_seen_and_revoked_by_their_owner_only():
    actors = make_actors()
    page = page_client(actors.owner)
    made = page.post("/api/v1/tokens", {"name": "mine", "scopes": ["read"]}, **JSON).json()
    for other in (actors.team_mate, actors.outsider):
        theirs = page_client(other)
        assert theirs.get("/api/v1/tokens").json()["items"] == []
        assert theirs.delete(f"/api/v1/tokens/{made['id']}").status_code == 404
    assert page.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    used = page.get("/api/v1/me", headers={"Authorization": f"Bearer {made['token']}"})
    assert used.status_code == 401


def test_only_the_responsible_and_administrators_make_tokens_of_a_service_account(admin):
    actors = make_actors()
    make_service("robot", responsible=actors.owner)
    body = {"name": "t", "scopes": ["read"], "username": "robot"}
    statuses = {
        who.username: page_client(who).post("/api/v1/tokens", body, **JSON).status_code
        for who in (actors.owner, actors.team_mate, actors.outsider, admin)
    }
    assert statuses == {
        actors.owner.username: 201,
        actors.team_mate.username: 403,
        actors.outsider.username: 403,
        "root": 201,
    }
    body["username"] = actors.team_mate.username
    assert page_client(admin).post("/api/v1/tokens", body, **JSON).status_code == 403


def test_users_and_groups_are_made_by_administrators_only(admin):
    make_group("analysts")
    body = {
        "username": "ana",
        "password": PASSWORD,
        "groups": ["analysts"],
        "attributes": {"region": "EWR"},
    }
    for who in (make_user(), make_user(is_staff=True)):
        client = api_client(who)
        assert client.post("/api/v1/users", body, **JSON).status_code == 403
        assert client.get("/api/v1/users").status_code == 403
        assert client.post("/api/v1/groups", {"name": "g"}, **JSON).status_code == 403
    client = api_client(admin)
    assert client.post("/api/v1/groups", {"name": "stewards"}, **JSON).status_code == 201
    assert Group.objects.filter(name="stewards").count() == 1
    made = client.post("/api/v1/users", body, **JSON)
    assert (made.status_code, made.json()["groups"]) == (201, ["analysts"])
    assert User.objects.get(username="ana").check_password(PASSWORD)
    again = client.post("/api/v1/users", body, **JSON)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_an_administrators_token_without_the_scope_admin_does_not_administer(admin):
    assert api_client(admin, scopes=["read", "write"]).get("/api/v1/users").status_code == 403


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"password": "password"}, 422, "unprocessable"),
        ({"password": None}, 400, "invalid-input"),
        ({"groups": ["nowhere"]}, 404, "not-found"),
        ({"attributes": {"region": {"deep": 1}}}, 422, "unprocessable"),
        ({"attributes": {"a b": "x"}}, 422, "unprocessable"),
        ({"is_service": True}, 400, "invalid-input"),
        ({"username": "a b"}, 422, "unprocessable"),
    ],
)
def test_what_a_user_may_not_be(admin, change, status, code):
    body = {"username": "ana", "password": PASSWORD, **change}
    if body["password"] is None:
        del body["password"]
    answer = api_client(admin).post("/api/v1/users", body, **JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert User.objects.filter(username=body["username"]).count() == 0


def test_groups_and_attributes_change_with_a_record(admin):
    make_group("a")
    make_group("b")
    user = make_user("ana", groups=["a"])
    change = {"groups": ["b"], "attributes": {"region": "JFK"}}
    answer = api_client(admin).patch("/api/v1/users/ana", change, **JSON)
    assert (answer.json()["groups"], answer.json()["attributes"]) == (["b"], {"region": "JFK"})
    actions = audited_about("user:ana").values_list("action", flat=True)
    assert sorted(actions) == ["user.set-attributes", "user.set-groups"]
    user.refresh_from_db()
    assert user.attributes == {"region": "JFK"}


@pytest.mark.parametrize("scope", ["engine", "scim"])
def test_scopes_beyond_ones_own_rights_are_given_by_superusers_only(admin, scope):
    actors = make_actors()
    make_service("robot", responsible=actors.owner)
    statuses = {}
    for who in (actors.owner, admin):
        for name in (who.username, "robot"):
            body = {"name": "t", "scopes": [scope], "username": name}
            answer = page_client(who).post("/api/v1/tokens", body, **JSON)
            statuses[who.username, name] = answer.status_code
    assert statuses == {
        (actors.owner.username, actors.owner.username): 403,
        (actors.owner.username, "robot"): 403,
        ("root", "root"): 201,
        ("root", "robot"): 201,
    }
