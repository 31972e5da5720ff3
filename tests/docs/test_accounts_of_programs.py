"""The requests of the pages about Trino and SCIM make an account and a token that do what the page says."""

import json
import re
from pathlib import Path

import pytest
from django.test import Client

from tests.factories.identity import api_client, make_user

pytestmark = pytest.mark.django_db

PAGES = Path(__file__).parents[2] / "docs/how-to"
REQUEST = re.compile(r"curl -X POST \"\$LAKEWARDEN_URL(\S+)\".*?-d '(\{.*?\})'", re.DOTALL)


@pytest.mark.parametrize(
    ("page", "path", "body"),
    [
        (
            "govern-trino.md",
            "/opa/v1/data/trino/allow",
            {
                "input": {
                    "context": {"identity": {"user": "root"}},
                    "action": {"operation": "ExecuteQuery"},
                }
            },
        ),
        (
            "provision-users.md",
            "/scim/v2/Users",
            {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada"},
        ),
    ],
)
def test_the_account_and_token_of_the_page_work(page, path, body):
    client = api_client(make_user("root", is_superuser=True))
    requests = REQUEST.findall((PAGES / page).read_text())
    answers = [
        client.post(url, json.loads(data), content_type="application/json")
        for url, data in requests
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    token = answers[1].json()["token"]
    program = Client(headers={"Authorization": f"Bearer {token}"})
    assert program.post(path, body, content_type="application/json").status_code in (200, 201)
    assert program.get("/api/v1/users").status_code == 403
