"""Users as Okta and Entra make, change and remove them."""

from datetime import timedelta

import pytest
from django.test import Client

from core.clock import utc_now
from governance.auditing.reading import read_record
from governance.models import AuditRecord, DatasetUserGrant
from identity.models import ApiToken, User
from tests.api.scim.conftest import ENTERPRISE, ROOT, SCIM_JSON, USER, Provider
from tests.factories.audit import audited_about, audited_by
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant
from tests.factories.identity import (
    api_client,
    make_actors,
    make_service,
    make_token,
    make_user,
    page_client,
)

pytestmark = pytest.mark.django_db


def test_a_user_is_made_as_the_provider_describes_them(provider):
    answer = provider.send(
        "POST",
        "/Users",
        {
            "schemas": [USER, ENTERPRISE],
            "userName": "ada@example.org",
            "externalId": "00u1",
            "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "displayName": "Ada L.",
            "emails": [
                {"value": "home@example.org", "type": "home"},
                {"value": "ada@example.org", "type": "work", "primary": True},
            ],
            "password": "never kept",
            "phoneNumbers": [{"value": "123"}],
            "active": True,
            ENTERPRISE: {"department": "Analytics", "costCenter": "42"},
        },
    )
    user = User.objects.get(username="ada@example.org")
    made = answer.json()
    assert answer.status_code == 201
    assert answer["Content-Type"] == SCIM_JSON
    assert answer["Location"] == made["meta"]["location"]
    assert answer["Location"].endswith(f"{ROOT}/Users/{made['id']}")
    assert answer["ETag"] == made["meta"]["version"]
    assert "password" not in made
    assert "phoneNumbers" not in made
    assert made[ENTERPRISE] == {"department": "Analytics", "costCenter": "42"}
    assert (user.email, user.first_name, user.is_active) == ("ada@example.org", "Ada", True)
    assert user.attributes == {"department": "Analytics", "costCenter": "42"}
    assert not user.has_usable_password()
    assert provider.get(f"/Users/{made['id']}").json() == made
    record = audited_about("user:ada@example.org").get(action="user.create")
    assert read_record(record).actor == "okta"


def test_a_taken_name_is_a_conflict_whatever_its_case(provider):
    provider.make_user("ada")
    make_service("robot")
    for name in ("ADA", "robot"):
        answer = provider.send("POST", "/Users", {"schemas": [USER], "userName": name})
        assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
        assert answer.json()["status"] == "409"


def test_what_is_wrong_is_said_in_scims_words(provider):
    cases = {
        "no name": ({"schemas": [USER]}, "invalidValue"),
        "a name that no account may have": (
            {"schemas": [USER], "userName": "a b"},
            "invalidValue",
        ),
        "no address": (
            {"schemas": [USER], "userName": "a", "emails": [{"value": "nobody"}]},
            "invalidValue",
        ),
        "a list": ([], "invalidSyntax"),
    }
    for name, (body, kind) in cases.items():
        answer = provider.send("POST", "/Users", body)
        found = (answer.status_code, answer.json().get("scimType"))
        assert found == (400, kind), (name, answer.json())
    raw = provider.client.post(f"{ROOT}/Users", b"{", content_type=SCIM_JSON)
    assert (raw.status_code, raw.json()["scimType"]) == (400, "invalidSyntax")
    missing = provider.get("/Users/u999999")
    assert missing.status_code == 404
    assert missing.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    for other in ("/Users/1", "/Users/g1", "/Users/u" + "9" * 30, "/Nothing"):
        assert provider.get(other).status_code == 404


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "value": {"active": False}},  # Okta
        {"op": "Replace", "path": "active", "value": "False"},  # Entra
        {"op": "replace", "path": "active", "value": False},
    ],
)
def test_deactivation_ends_sessions_and_tokens_for_good(provider, operation):
    made = provider.make_user("ada")
    user = User.objects.get(username="ada")
    page, program = page_client(user), api_client(user)
    assert (page.get("/tokens/").status_code, program.get("/api/v1/me").status_code) == (200, 200)
    answer = provider.patch(f"/Users/{made['id']}", operation)
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert (page.get("/tokens/").status_code, program.get("/api/v1/me").status_code) == (302, 401)
    provider.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": True})
    # Who comes back signs in anew.
    assert (page.get("/tokens/").status_code, program.get("/api/v1/me").status_code) == (302, 401)
    assert not ApiToken.objects.filter(user=user, revoked_at=None).exists()
    assert page_client(User.objects.get(pk=user.pk)).get("/tokens/").status_code == 200


def test_taking_active_back_lets_nobody_in(provider):
    for active in (True, False):
        made = provider.make_user(f"ada-{active}", active=active)
        removed = provider.patch(f"/Users/{made['id']}", {"op": "remove", "path": "active"})
        assert "active" not in removed.json()
        put = {"schemas": [USER], "userName": f"ada-{active}"}
        assert provider.send("PUT", f"/Users/{made['id']}", put).status_code == 200
        assert User.objects.get(username=f"ada-{active}").is_active is active


def test_entras_patches(provider):
    made = provider.make_user("ada", emails=[{"value": "a@example.org", "type": "home"}])
    answer = provider.patch(
        f"/Users/{made['id']}",
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "w@example.org"},
        {"op": "Replace", "path": "name.familyName", "value": "Lovelace"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Analytics"},
        {"op": "Add", "path": 'addresses[type eq "work"].country', "value": "UK"},
        {"op": "Replace", "value": {"displayName": "Ada", "name.givenName": "Ada"}},
    )
    found = answer.json()
    assert answer.status_code == 200, found
    assert found["emails"] == [
        {"value": "a@example.org", "type": "home"},
        {"value": "w@example.org", "type": "work"},
    ]
    assert found["name"] == {"familyName": "Lovelace", "givenName": "Ada"}
    assert found[ENTERPRISE] == {"department": "Analytics"}
    removed = provider.patch(
        f"/Users/{made['id']}",
        {"op": "remove", "path": 'emails[type eq "home"]'},
        {"op": "remove", "path": "displayName"},
    ).json()
    assert removed["emails"] == [{"value": "w@example.org", "type": "work"}]
    assert "displayName" not in removed


def test_a_patch_is_whole_or_nothing(provider):
    made = provider.make_user("ada")
    answer = provider.patch(
        f"/Users/{made['id']}",
        {"op": "replace", "path": "title", "value": "Countess"},
        {"op": "remove", "path": "userName"},
    )
    assert answer.status_code == 400
    assert provider.get(f"/Users/{made['id']}").json() == made


def test_put_replaces_and_keeps_what_is_not_the_providers(provider):
    made = provider.make_user("ada", title="Countess", **{ENTERPRISE: {"department": "A"}})
    user = User.objects.get(username="ada")
    user.attributes |= {"region": "EWR"}
    user.save()
    body = {"schemas": [USER], "id": "u0", "userName": "ada.l", "active": True}
    answer = provider.send("PUT", f"/Users/{made['id']}", body)
    assert answer.status_code == 200, answer.json()
    assert (answer.json()["id"], answer.json()["userName"]) == (made["id"], "ada.l")
    assert "title" not in answer.json()
    user.refresh_from_db()
    assert (user.username, user.attributes) == ("ada.l", {"region": "EWR"})
    assert audited_by("okta").filter(action="user.change").count() == 1
    # The same once more changes nothing, and is no second record.
    provider.send("PUT", f"/Users/{made['id']}", body)
    assert AuditRecord.objects.filter(action="user.change").count() == 1


def test_versions_refuse_lost_updates_and_save_answers(provider):
    made = provider.make_user("ada")
    path, version = f"/Users/{made['id']}", made["meta"]["version"]
    assert provider.send("GET", path, **{"If-None-Match": version}).status_code == 304
    title = {"op": "replace", "path": "title", "value": "Countess"}
    assert provider.patch(path, title, **{"If-Match": version}).status_code == 200
    again = provider.patch(path, title, **{"If-Match": version})
    assert (again.status_code, again.json()["status"]) == (412, "412")
    assert provider.send("DELETE", path, **{"If-Match": version}).status_code == 412
    assert provider.send("GET", path, **{"If-None-Match": version}).status_code == 200
    assert provider.send("DELETE", path, **{"If-Match": "*"}).status_code == 204


def test_a_removed_user_has_nothing_left(provider):
    made = provider.make_user("ada", externalId="00u1")
    user = User.objects.get(username="ada")
    provider.make_group("analysts", made["id"])
    make_grant(user, make_dataset())
    program = api_client(user)
    assert provider.send("DELETE", f"/Users/{made['id']}").status_code == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert provider.send(method, f"/Users/{made['id']}", {}).status_code == 404
    assert provider.names("/Users", filter='userName eq "ada"') == []
    assert program.get("/api/v1/me").status_code == 401
    assert not DatasetUserGrant.objects.exists()
    user.refresh_from_db()
    assert (user.is_active, user.groups.count()) == (False, 0)
    assert audited_by("okta").filter(action="grant.revoke").count() == 1
    assert audited_by("okta").filter(action="user.remove").count() == 1


def test_a_name_returns_to_its_own_account_and_to_no_other(provider):
    made = provider.make_user("ada", externalId="00u1")
    provider.send("DELETE", f"/Users/{made['id']}")
    stranger = provider.send(
        "POST", "/Users", {"schemas": [USER], "userName": "ada", "externalId": "00u2"}
    )
    assert (stranger.status_code, stranger.json()["scimType"]) == (409, "uniqueness")
    assert provider.make_user("ada", externalId="00u1")["id"] == made["id"]


def test_service_accounts_are_not_the_providers(provider):
    robot = make_service("robot")
    assert provider.names("/Users") == ["root"]
    assert provider.get(f"/Users/u{robot.pk}").status_code == 404


def test_only_a_token_for_scim_provisions(provider):
    actors = make_actors()
    root = make_user("boss", is_superuser=True)
    body = {"schemas": [USER], "userName": "x"}
    headers = [
        {"Authorization": f"Bearer {make_token(who, scopes=['read', 'write', 'admin'])}"}
        for who in (actors.owner, root)
    ]
    for given, status in (*((each, 403) for each in headers), ({}, 401)):
        answer = Client(headers=given).post(f"{ROOT}/Users", body, content_type=SCIM_JSON)
        assert (answer.status_code, answer["Content-Type"]) == (status, SCIM_JSON)
    signed_in = page_client(root).post(f"{ROOT}/Users", body, content_type=SCIM_JSON)
    assert signed_in.status_code == 401
    assert not User.objects.filter(username="x").exists()


def test_attributes_choose_what_is_shown(provider):
    made = provider.make_user("ada", title="Countess", displayName="Ada")
    path = f"/Users/{made['id']}"
    assert set(provider.get(path, attributes="userName").json()) == {"schemas", "id", "userName"}
    less = provider.get(path, excludedAttributes="title,meta").json()
    assert set(made) - set(less) == {"title", "meta"}
    both = provider.get(path, attributes="title", excludedAttributes="title")
    assert both.status_code == 400


def test_times_are_those_of_the_change(provider):
    before = utc_now()
    made = provider.make_user("ada")
    assert provider.names("/Users", filter=f'meta.lastModified gt "{before.isoformat()}"') == [
        "ada"
    ]
    later = utc_now() + timedelta(seconds=60)
    assert provider.names("/Users", filter=f'meta.lastModified gt "{later.isoformat()}"') == []
    assert made["meta"]["resourceType"] == "User"


def test_a_provider_cannot_be_talked_into_another_host(scim_token):
    provider = Provider(scim_token)
    made = provider.make_user("ada")
    answer = provider.send("GET", f"/Users/{made['id']}", **{"X-Forwarded-Host": "evil.example"})
    assert answer.json()["meta"]["location"] == made["meta"]["location"]


def test_what_is_not_offered_is_answered_501_as_the_configuration_says(provider):
    assert provider.get("/ServiceProviderConfig").json()["bulk"]["supported"] is False
    for method, path in (("get", "/Me"), ("patch", "/Me"), ("delete", "/Me"), ("post", "/Bulk")):
        answer = provider.send(method, path)
        assert (path, answer.status_code, answer["Content-Type"]) == (path, 501, SCIM_JSON)
        assert answer.json()["status"] == "501"
    assert Client().get(f"{ROOT}/Me").status_code == 401
