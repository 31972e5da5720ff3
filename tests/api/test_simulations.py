"""Drafts by API, by command and in the admin: simulated, read by their author alone, published."""

import json
import re

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from catalog.models import DatasetTag
from governance.models import Simulation
from governance.policy.documents import dump_documents
from tests.admin.test_reach import form_data
from tests.factories.governance import make_grant, make_policy, make_world
from tests.factories.identity import api_client, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]
URL = "/api/v1/simulations"
JSON = {"content_type": "application/json"}


@pytest.fixture
def world():
    world = make_world()
    make_grant(world.analyst, world.passengers)
    make_policy({"name": "no-vip", "applies_to": {"tags": ["vip"]}, "effect": {"deny": ["read"]}})
    return world


def draft(world):
    name = f"{world.passengers.namespace}:{world.passengers.name}"
    return {"changes": [{"put_tag": {"tag": "vip", "dataset": name}}]}


def test_a_draft_is_simulated_read_and_published(world):
    steward = api_client(world.steward)
    made = steward.post(URL, {"draft": draft(world)}, **JSON)
    assert (made.status_code, made.json()["state"]) == (201, "done")
    assert made.json()["result"]["kinds"] == {"lose_read": 2, "field_hidden": 8}
    url = f"{URL}/{made.json()['uuid']}"
    assert steward.get(url).json()["result"] == made.json()["result"]
    for other in (world.superuser, world.hr_steward, world.outsider):
        assert api_client(other).get(url).status_code == 404
        assert api_client(other).post(f"{url}/publish", **JSON).status_code == 404
    assert not DatasetTag.objects.filter(tag__name="vip").exists()
    done = steward.post(f"{url}/publish", **JSON)
    assert done.json() == {
        "uuid": made.json()["uuid"],
        "state": "published",
        "facts_changed": False,
    }
    assert DatasetTag.objects.filter(tag__name="vip").get().dataset == world.passengers
    assert [each["state"] for each in steward.get(URL).json()["items"]] == ["published"]


def test_who_may_not_change_it_does_not_simulate_it(world):
    answers = {
        user.username: api_client(user).post(URL, {"draft": draft(world)}, **JSON).status_code
        for user in (world.owner, world.analyst, world.hr_steward, world.outsider)
    }
    assert answers == {"owner": 201, "analyst": 403, "hr-steward": 404, "outsider": 404}
    weak = api_client(world.steward, scopes=["read", "write"])
    assert weak.post(URL, {"draft": draft(world)}, **JSON).status_code == 403


def test_what_is_wrong_with_a_draft_is_told_with_its_place(world):
    client = api_client(world.superuser)
    answer = client.post(URL, {"draft": {"changes": [{"shout": 1}]}}, **JSON).json()
    assert (answer["code"], answer["pointer"]) == ("draft-document", "/changes/0")
    unknown = {"changes": [{"withdraw_policy": "nothing"}]}
    answer = client.post(URL, {"draft": unknown}, **JSON)
    assert (answer.status_code, answer.json()["pointer"]) == (404, "/changes/0/withdraw_policy")


def test_findings_are_of_policies_that_one_may_write(world):
    assert api_client(world.superuser).get("/api/v1/policy-findings").json() == [
        {
            "kind": "dead",
            "policy": "no-vip",
            "others": [],
            "evidence": "no dataset is in its scope",
        }
    ]
    assert api_client(world.steward).get("/api/v1/policy-findings").json() == []


def test_commands_simulate_publish_and_look_for_flaws(world, tmp_path, capsys):
    file = tmp_path / "draft.yaml"
    file.write_text(dump_documents([draft(world)]))
    call_command("policy", "simulate", str(file), "--by", "steward", "--days", "1")
    head, _, told = capsys.readouterr().out.partition("\n")
    result = json.loads(told)
    assert (result["kinds"], result["replay"]["records"]) == (
        {"lose_read": 2, "field_hidden": 8},
        0,
    )
    uuid = head.removeprefix("simulation ")
    with pytest.raises(CommandError, match="there is no simulation"):
        call_command("policy", "publish", uuid, "--by", "root")
    call_command("policy", "publish", uuid, "--by", "steward")
    assert capsys.readouterr().out == "published; the facts are the same since the simulation\n"
    call_command("policy", "lint", "--by", "root")
    assert capsys.readouterr().out == "nothing found\n"


def test_a_steward_simulates_and_publishes_in_the_admin(world):
    client = page_client(world.steward)
    add = reverse("admin:governance_simulation_add")
    text = dump_documents([draft(world)])
    assert client.post(add, form_data(client.get(add)) | {"text": text}).status_code == 302
    row = Simulation.objects.get()
    page = client.get(reverse("admin:governance_simulation_change", args=[row.pk]))
    lines = re.findall("<li>(.*?)</li>", page.content.decode())
    people = [line for line in lines if line.startswith((world.analyst.username, "owner"))]
    assert sorted(people) == [
        "analyst: field hidden 1, lose read 1",
        "owner: field hidden 1, lose read 1",
    ]
    other = page_client(world.hr_steward)
    assert (
        other.get(reverse("admin:governance_simulation_changelist")).context["cl"].result_count == 0
    )
    list_ = reverse("admin:governance_simulation_changelist")
    client.post(list_, {"action": "publish", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.state == "published"
