"""Rules, holds and erasures by API and command: administrators do all, stewards what is theirs, others nothing."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from core.clock import utc_now
from core.jobs import current_app
from governance.models import ErasureRequest, LegalHold
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.identity import api_client, make_user, page_client

pytestmark = pytest.mark.django_db
SECRET = "ada@example.org"


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)


@pytest.fixture
def people():
    steward = make_user("steward")
    domain = make_domain("sales", stewards=[steward])
    mate = make_user("mate")
    dataset = make_dataset("sales.customers", domain=domain, owners=[mate], fields=["email"])
    return {
        "steward": steward,
        "mate": mate,
        "outsider": make_user("outsider"),
        "dpo": make_user("dpo", is_superuser=True),
        "counsel": make_user("counsel", is_superuser=True),
        "dataset": dataset,
        "domain": domain,
    }


def post(user, path, body=None):
    return api_client(user).post(f"/api/v1/{path}", body or {}, content_type="application/json")


def get(user, path):
    return api_client(user).get(f"/api/v1/{path}")


def test_stewards_hold_what_is_theirs_and_release_it(people):
    body = {"dataset": str(people["dataset"].uuid), "reason": "case 7"}
    assert post(people["outsider"], "legal-holds", body).status_code == 404
    assert post(people["mate"], "legal-holds", body).status_code == 403
    made = post(people["steward"], "legal-holds", body)
    assert made.status_code == 201
    uuid = made.json()["uuid"]
    seen = {
        name: [row["uuid"] for row in get(people[name], "legal-holds").json()["items"]]
        for name in ("steward", "mate", "outsider", "dpo")
    }
    assert seen == {"steward": [uuid], "mate": [], "outsider": [], "dpo": [uuid]}
    reason = {"reason": "settled"}
    assert post(people["outsider"], f"legal-holds/{uuid}/release", reason).status_code == 404
    released = post(people["steward"], f"legal-holds/{uuid}/release", reason)
    assert (released.status_code, released.json()["released_by"]) == (200, "steward")
    assert post(people["steward"], f"legal-holds/{uuid}/release", reason).status_code == 409


def test_tags_and_persons_are_held_by_administrators_alone(people):
    person = {"identifiers": [{"label": "pii.email", "value": SECRET}], "reason": "case 8"}
    for body in (person, {"tag": "no-such", "reason": "r"}):
        assert post(people["steward"], "legal-holds", body).status_code == 403
    made = post(people["dpo"], "legal-holds", person)
    assert made.status_code == 201
    assert SECRET not in made.content.decode()
    assert SECRET.encode() not in bytes(LegalHold.objects.get().sealed)


def test_stewards_write_rules_for_their_domains(people):
    mine = {"name": "mine", "applies_to": {"domain": ["sales"]}, "keep_days": 30}
    all_of_it = {"name": "all", "applies_to": {"name": ["*"]}, "keep_days": 30}
    assert post(people["outsider"], "retention-rules", mine).status_code == 403
    assert post(people["steward"], "retention-rules", all_of_it).status_code == 403
    assert post(people["steward"], "retention-rules", mine).json()["version"] == 1
    assert post(people["dpo"], "retention-rules", all_of_it).status_code == 200
    names = {
        name: [row["name"] for row in get(people[name], "retention-rules").json()["items"]]
        for name in ("steward", "outsider", "dpo")
    }
    assert names == {"steward": ["mine"], "outsider": [], "dpo": ["mine", "all"]}
    path = f"catalog/datasets/{people['dataset'].uuid}/retention"
    assert [get(people[name], path).status_code for name in ("outsider", "mate")] == [404, 200]
    assert post(people["steward"], "retention-rules/mine/retire").json()["retired_at"]


def ask(people, name="dpo"):
    body = {
        "identifiers": [{"label": "pii.email", "value": SECRET}],
        "reason": "a letter",
        "due_at": (utc_now() + timedelta(days=30)).isoformat(),
    }
    return post(people[name], "erasures", body)


def test_erasures_are_of_two_administrators(people):
    assert {ask(people, name).status_code for name in ("steward", "mate", "outsider")} == {403}
    made = ask(people)
    assert (made.status_code, made.json()["identifiers"]) == (201, 1)
    uuid = made.json()["uuid"]
    assert SECRET not in made.content.decode()
    assert get(people["steward"], f"erasures/{uuid}").status_code == 404
    assert get(people["steward"], "erasures").json()["items"] == []
    early = post(people["counsel"], f"erasures/{uuid}/approve")
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    told = StringIO()
    call_command("erasure", "plan", uuid, "--by", "dpo", stdout=told)
    assert json.loads(told.getvalue())["affected"] == []
    assert post(people["dpo"], f"erasures/{uuid}/approve").status_code == 403
    assert post(people["counsel"], f"erasures/{uuid}/approve").json()["state"] == "approved"
    assert get(people["counsel"], f"erasures/{uuid}/certificate").status_code == 404
    call_command("erasure", "run", uuid, "--by", "dpo", stdout=StringIO())
    certificate = get(people["counsel"], f"erasures/{uuid}/certificate").json()
    assert (certificate["erasure"], certificate["datasets"]) == (uuid, [])
    assert ErasureRequest.objects.get().sealed is None
    assert post(people["dpo"], f"erasures/{uuid}/withdraw").status_code == 409


def test_who_is_no_administrator_learns_nothing_by_command(people):
    uuid = ask(people).json()["uuid"]
    for verb in ("plan", "run", "certificate", "withdraw"):
        with pytest.raises(CommandError, match="only administrators may do this"):
            call_command("erasure", verb, uuid, "--by", "steward")
    with pytest.raises(CommandError, match="there is no dataset"):
        call_command(
            "hold", "place", "--dataset", str(people["dataset"].uuid), "--reason", "r", "--by", "outsider"
        )  # fmt: skip
    told = StringIO()
    call_command(
        "hold", "place", "--domain", "sales", "--reason", "r", "--by", "steward", stdout=told
    )
    call_command("hold", "list", "--by", "outsider", stdout=told)
    assert told.getvalue() == f"{LegalHold.objects.get().uuid} hold on sales\n"


def test_the_admin_asks_holds_and_writes_rules(people):
    staff = make_user("boss", is_superuser=True, is_staff=True)
    client = page_client(staff)
    asked = client.post(
        "/admin/governance/erasurerequest/add/",
        {
            "given": json.dumps([{"label": "pii.email", "value": SECRET}]),
            "reason": "a letter",
            "due_at_0": "2036-01-01",
            "due_at_1": "00:00:00",
        },
    )
    assert asked.status_code == 302
    row = ErasureRequest.objects.get()
    assert (row.requested_by, row.identifiers) == (staff, 1)
    shown = client.get(f"/admin/governance/erasurerequest/{row.pk}/change/")
    assert (shown.status_code, SECRET in shown.content.decode()) == (200, False)
    held = client.post(
        "/admin/governance/legalhold/add/", {"domain": people["domain"].pk, "reason": "case 7"}
    )
    assert held.status_code == 302
    hold = LegalHold.objects.get()
    change = f"/admin/governance/legalhold/{hold.pk}/change/"
    assert client.post(change, {"release_reason": "settled"}).status_code == 302
    hold.refresh_from_db()
    assert (hold.release_reason, hold.released_by) == ("settled", staff)
