"""The rows endpoint: JSON and Arrow, as owner, team-mate and outsider."""

import io
import json
from urllib.parse import urlencode

import pyarrow as pa
import pytest
from django.urls import reverse

from tests.factories.identity import api_client
from tests.query.passengers import ROWS, grant_team, mask_emails


@pytest.fixture
def url(dataset) -> str:
    return reverse("dataset-rows", kwargs={"uuid": dataset.uuid})


def test_owner_gets_json(url, dataset, actors):
    answer = api_client(actors.owner).get(f"{url}?columns=id,region&where=id+%3E+2&limit=1")
    assert answer.status_code == 200
    document = answer.json()
    assert document["rows"] == [[3, "EWR"]]
    assert document["truncated"] is True
    assert document["columns"] == [
        {"name": "id", "type": "long", "mask": None, "partly_hidden": False},
        {"name": "region", "type": "string", "mask": None, "partly_hidden": False},
    ]
    assert (document["row_filter_applied"], document["hidden_columns"]) == (False, 0)


def test_team_mate_is_told_what_was_restricted(url, dataset, actors):
    grant_team(dataset, actors.team, row_filter="region = 'EWR'", columns=["id", "email", "region"])
    mask_emails(dataset)
    document = api_client(actors.team_mate).get(url).json()
    assert sorted(document["rows"]) == [[1, "xxx@x.xxxxxxx", "EWR"], [3, None, "EWR"]]
    assert document["row_filter_applied"] is True
    assert [column["mask"] for column in document["columns"]] == [None, "mask-alphanum", None]
    assert any("mask-email" in reason for reason in document["reasons"])


def test_outsider_cannot_tell_it_from_nothing(url, dataset, actors):
    client = api_client(actors.outsider)
    missing = reverse("dataset-rows", kwargs={"uuid": "018f0000-0000-7000-8000-000000000000"})
    answers = [client.get(each) for each in (url, missing)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()


def test_arrow_stream(url, dataset, actors):
    answer = api_client(actors.owner).get(
        url, headers={"Accept": "application/vnd.apache.arrow.stream"}
    )
    assert answer["Content-Type"] == "application/vnd.apache.arrow.stream"
    table = pa.ipc.open_stream(io.BytesIO(b"".join(answer.streaming_content))).read_all()
    assert sorted(table.to_pylist(), key=lambda row: row["id"]) == ROWS.to_pylist()
    about = json.loads(table.schema.metadata[b"lakewarden.read"])
    assert about["row_filter_applied"] is False


def test_arrow_errors_are_problems(url, dataset, actors):
    answer = api_client(actors.owner).get(
        f"{url}?{urlencode({'where': 'nope = 1'})}",
        headers={"Accept": "application/vnd.apache.arrow.stream"},
    )
    assert answer.status_code == 400
    assert json.loads(answer.content)["code"] == "invalid-input"


def test_post_and_limits(url, dataset, actors):
    client = api_client(actors.owner, scopes=("read",))
    answer = client.post(
        url, {"columns": ["id"], "where": "id IN (1, 4)"}, content_type="application/json"
    )
    assert sorted(answer.json()["rows"]) == [[1], [4]]
    assert client.get(f"{url}?limit=1001").status_code == 413
    assert client.get(f"{url}?limit=-1").status_code == 400
    assert client.post(url, b"[]", content_type="application/json").status_code == 400


def test_a_token_that_cannot_read(url, dataset, actors):
    assert api_client(actors.owner, scopes=("lineage",)).get(url).status_code == 403
    assert api_client(actors.owner, scopes=("read",)).get(url).status_code == 200
