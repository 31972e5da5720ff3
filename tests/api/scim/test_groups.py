"""Groups and their members."""

import pytest
from django.contrib.auth.models import Group

from governance.models import AuditRecord, DatasetGroupGrant
from identity.models import User
from tests.api.scim.conftest import GROUP
from tests.factories.audit import payload_text
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant
from tests.factories.identity import make_group, make_service

pytestmark = pytest.mark.django_db


def members_of(name: str) -> list[str]:
    return sorted(Group.objects.get(name=name).user_set.values_list("username", flat=True))


def test_a_group_is_made_with_its_members(provider):
    ada, bob = (provider.make_user(name)["id"] for name in ("ada", "bob"))
    made = provider.make_group("analysts", ada, bob, externalId="00g1")
    assert members_of("analysts") == ["ada", "bob"]
    assert [each["value"] for each in made["members"]] == [ada, bob]
    assert made["members"][0]["$ref"].endswith(f"/scim/v2/Users/{ada}")
    shown = provider.get(f"/Users/{ada}").json()["groups"]
    assert [(each["value"], each["display"]) for each in shown] == [(made["id"], "analysts")]
    record = AuditRecord.objects.get(action="group.change")
    assert b'"added":["ada","bob"]' in payload_text(record)


def test_members_come_and_go_as_okta_and_entra_say_it(provider):
    ada, bob, eve = (provider.make_user(name)["id"] for name in ("ada", "bob", "eve"))
    made = provider.make_group("analysts", ada)
    path = f"/Groups/{made['id']}"
    steps = [
        (
            {"op": "add", "path": "members", "value": [{"value": bob}, {"value": eve}]},
            "ada bob eve",
        ),
        ({"op": "remove", "path": f'members[value eq "{ada}"]'}, "bob eve"),
        ({"op": "Remove", "path": "members", "value": [{"value": bob}]}, "eve"),
        ({"op": "Add", "path": "members", "value": [{"value": eve}]}, "eve"),
        ({"op": "replace", "path": "members", "value": [{"value": ada}]}, "ada"),
        ({"op": "replace", "value": {"id": made["id"], "displayName": "analysts"}}, "ada"),
        ({"op": "remove", "path": "members"}, ""),
    ]
    for operation, expected in steps:
        answer = provider.patch(path, operation)
        assert answer.status_code == 200, (operation, answer.content)
        assert members_of("analysts") == expected.split(), operation


def test_members_that_are_not_the_providers_stay(provider):
    robot = make_service("robot")
    group = make_group("analysts")
    group.user_set.add(robot)
    ada = provider.make_user("ada")["id"]
    body = {"schemas": [GROUP], "displayName": "analysts", "members": [{"value": ada}]}
    answer = provider.send("PUT", f"/Groups/g{group.pk}", body)
    assert [each["value"] for each in answer.json()["members"]] == [ada]
    assert members_of("analysts") == ["ada", "robot"]
    wrong = provider.patch(
        f"/Groups/g{group.pk}",
        {"op": "add", "path": "members", "value": [{"value": f"u{robot.pk}"}]},
    )
    assert wrong.status_code == 400


def test_only_users_are_members(provider):
    made = provider.make_group("analysts")
    for value in (made["id"], "u999999", "nobody"):
        body = {"schemas": [GROUP], "displayName": "x", "members": [{"value": value}]}
        assert provider.send("POST", "/Groups", body).status_code == 400
    assert not Group.objects.filter(name="x").exists()


def test_names_are_unique_and_can_change(provider):
    made = provider.make_group("analysts")
    provider.make_group("stewards")
    for name in ("Analysts", "STEWARDS"):
        answer = provider.send("POST", "/Groups", {"schemas": [GROUP], "displayName": name})
        assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    rename = {"op": "replace", "path": "displayName", "value": "stewards"}
    assert provider.patch(f"/Groups/{made['id']}", rename).status_code == 409
    rename["value"] = "Analysts of EWR"
    assert provider.patch(f"/Groups/{made['id']}", rename).status_code == 200
    assert provider.names("/Groups") == ["Analysts of EWR", "stewards"]


def test_a_removed_group_gives_nothing_any_more(provider):
    ada = provider.make_user("ada")["id"]
    made = provider.make_group("analysts", ada, externalId="00g1")
    make_grant(Group.objects.get(name="analysts"), make_dataset())
    assert provider.send("DELETE", f"/Groups/{made['id']}").status_code == 204
    assert provider.get(f"/Groups/{made['id']}").status_code == 404
    assert members_of("analysts") == []
    assert not DatasetGroupGrant.objects.exists()
    assert "groups" not in provider.get(f"/Users/{ada}").json()
    again = {"schemas": [GROUP], "displayName": "analysts", "externalId": "other"}
    assert provider.send("POST", "/Groups", again).status_code == 409
    assert provider.make_group("analysts", externalId="00g1")["id"] == made["id"]


def test_a_groups_version_tells_of_changes_made_here(provider):
    ada = provider.make_user("ada")["id"]
    made = provider.make_group("analysts")
    Group.objects.get(name="analysts").user_set.add(User.objects.get(username="ada"))
    answer = provider.patch(
        f"/Groups/{made['id']}",
        {"op": "remove", "path": "members"},
        **{"If-Match": made["meta"]["version"]},
    )
    assert answer.status_code == 412
    assert provider.get(f"/Groups/{made['id']}").json()["members"][0]["value"] == ada
