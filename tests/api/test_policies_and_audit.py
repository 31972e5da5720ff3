"""Policies are written by who may; the log is read by auditors and proves itself."""

import pytest

from governance.models import AuditRecord
from governance.services.audit import seal_all
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.identity import api_client, make_actors, make_user

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
MASK = {
    "name": "mask-email",
    "applies_to": {"domain": ["people"], "field_tags": ["pii.email"]},
    "effect": {"column_mask": "replace-with-null"},
}


@pytest.fixture
def root():
    return make_user("root", is_superuser=True, is_staff=True)


def test_policies_are_hidden_from_whom_they_do_not_concern(root):
    steward = make_user("steward")
    domain = make_domain("people", stewards=[steward])
    make_dataset(domain=domain, fields=[("email", "string", ["pii.email"])])
    actors = make_actors()
    made = api_client(steward).post("/api/v1/policies", MASK, **JSON)
    assert (made.status_code, made.json()["status"]) == (201, "draft"), made.content
    url = f"/api/v1/policies/{made.json()['id']}"
    for user in (actors.owner, actors.outsider):
        assert api_client(user).get("/api/v1/policies").json()["items"] == []
        assert api_client(user).get(url).status_code == 404
        assert api_client(user).post(f"{url}/publish", {}, **JSON).status_code == 404
        assert api_client(user).post("/api/v1/policies", MASK, **JSON).status_code == 403
    published = api_client(steward).post(f"{url}/publish", {}, **JSON)
    assert (published.status_code, published.json()["status"]) == (200, "published")
    assert api_client(steward).post(f"{url}/publish", {}, **JSON).status_code == 409
    assert api_client(root).post(f"{url}/retire", {}, **JSON).json()["status"] == "retired"


def test_a_document_that_is_none_is_answered_with_a_place(root):
    answer = api_client(root).post("/api/v1/policies", {**MASK, "effect": {"shout": 1}}, **JSON)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["pointer"].startswith("/effect")


def test_the_log_is_for_auditors(root):
    auditor = make_user(groups=["auditors"])
    actors = make_actors()
    for path in ("records", "verification", "checkpoint", "records/0/proof"):
        for user in (actors.owner, actors.outsider):
            assert api_client(user).get(f"/api/v1/audit/{path}").status_code == 403
    api_client(root).post("/api/v1/groups", {"name": "g1"}, **JSON)
    seal_all()
    answers = [
        api_client(auditor).get(f"/api/v1/audit/{path}")
        for path in ("records", "verification", "checkpoint", "records/0/proof")
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200]
    records, verification, checkpoint, proof = (answer.json() for answer in answers)
    assert records["items"][0]["resource"] == "group:g1"
    assert verification["holds"] is True
    assert verification["records"] == AuditRecord.objects.count() == checkpoint["tree_size"]
    assert proof["root_hash"] == checkpoint["root_hash"]


def test_the_log_is_narrowed_by_action(root):
    api_client(root).post("/api/v1/groups", {"name": "g1"}, **JSON)
    client = api_client(root)
    assert len(client.get("/api/v1/audit/records?action=group.create").json()["items"]) == 1
    assert client.get("/api/v1/audit/records?action=group.delete").json()["items"] == []
