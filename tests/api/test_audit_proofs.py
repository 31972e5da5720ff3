"""The log by API: what an auditor keeps and checks elsewhere, and what erasing a person leaves."""

import json
from pathlib import Path

import pytest

from core import audit
from governance.auditing import verify_audit
from governance.models import AuditSegment
from governance.services import seal
from governance.signing import public_key_base64
from tests.factories.audit import audited_by, payload_of
from tests.factories.identity import api_client, make_actors, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/audit/"
GETS = (
    "checkpoints",
    "checkpoint",
    "consistency?from=3",
    "export",
    "key",
    "records/1/proof?tree_size=3",
    "segments",
    "verifier",
)


@pytest.fixture
def client():
    """An auditor, and checkpoints of 3 and 5 records."""
    for number in range(5):
        audit.record(actor="ann", action="x.y", resource="user:bob", payload={"n": number})
        if number in (2, 4):
            seal()
    return api_client(make_user("aud", groups=["auditors"]))


def test_auditors_alone_may(client):
    actors = make_actors()
    for user in (actors.owner, actors.team_mate, actors.outsider):
        stranger = api_client(user)
        assert [stranger.get(URL + path).status_code for path in GETS] == [403] * len(GETS)
        erasure = {"username": "ann", "reason": "why"}
        answer = stranger.post(f"{URL}erasures", erasure, content_type="application/json")
        assert answer.status_code == 403
    assert [client.get(URL + path).status_code for path in GETS] == [200] * len(GETS)


def test_what_is_downloaded_verifies(client, tmp_path):
    (newest, older) = client.get(f"{URL}checkpoints").json()["items"]
    assert (newest["tree_size"], older["tree_size"]) == (5, 3)
    assert client.get(f"{URL}checkpoint").json() == newest
    key = client.get(f"{URL}key").json()
    assert key["public_key"] == public_key_base64()
    assert key["key_id"] == newest["key_id"]
    program = client.get(f"{URL}verifier")
    assert program.content == Path(verify_audit.__file__).read_bytes()
    response = client.get(f"{URL}export")
    lines = b"".join(response).splitlines()
    assert response["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line).get("sequence") for line in lines] == [None, 0, 1, 2, None, 3, 4, None]
    for checkpoint in (newest, older):
        kept = verify_audit.Checkpoint.from_note(checkpoint["note"])
        public = verify_audit.read_key(key["verifier_key"])
        assert kept.is_signed(public)
        assert verify_audit.verify(lines, kept, public).findings == []
    part = b"".join(client.get(f"{URL}export?from=2&to=3")).splitlines()
    assert [json.loads(line).get("sequence") for line in part] == [None, 2, None]
    assert payload_of(audited_by("aud").last()) == {"first": 2, "end": 3}


def test_two_checkpoints_are_proven_consistent(client):
    answer = client.get(f"{URL}consistency?from=3&to=5").json()
    assert (answer["from"]["tree_size"], answer["to"]["tree_size"]) == (3, 5)
    assert client.get(f"{URL}consistency?from=3").json() == answer
    assert client.get(f"{URL}consistency?from=4").status_code == 404
    assert client.get(f"{URL}consistency?from=5&to=3").status_code == 400
    for wrong in ("", "?from=", "?from=x", "?from=-1", "?from=٣", f"?from={1 << 70}"):
        assert client.get(f"{URL}consistency{wrong}").status_code == 400


def test_a_person_is_erased_by_api(client):
    erasure = {"username": "bob", "reason": "request 4711"}
    answer = client.post(f"{URL}erasures", erasure, content_type="application/json").json()
    (pseudonym,) = answer["pseudonyms"]
    assert answer["plain_records"] == 0
    rows = client.get(f"{URL}records?action=x.y").json()["items"]
    assert {(row["actor"], row["resource"], row["payload"]) for row in rows} == {
        ("ann", f"user:{pseudonym}", None)
    }
    assert client.get(f"{URL}records?resource=user:bob").json()["items"] == []
    assert len(client.get(f"{URL}records?actor=ann").json()["items"]) == 5
    assert client.get(f"{URL}verification").json()["findings"] == []
    again = client.post(f"{URL}erasures", erasure, content_type="application/json")
    assert again.status_code == 404


def test_the_copies_are_listed(client):
    AuditSegment.objects.create(first=0, end=3, uri="s3://b/a", sha256="0" * 64, size=9)
    (row,) = client.get(f"{URL}segments").json()["items"]
    assert row == {
        "first": 0,
        "end": 3,
        "uri": "s3://b/a",
        "sha256": "0" * 64,
        "size": 9,
        "retained_until": None,
        "written_at": None,
    }
