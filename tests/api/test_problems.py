"""Errors: a problem document with a request id; never a trace, a message of the inside or a secret."""

import io
import json
import logging
import re

import pytest
from django.conf import settings
from django.test import Client
from django.utils.module_loading import import_string

import config.urls
from identity.models import ApiToken
from tests.api import broken_urls
from tests.factories.identity import PASSWORD, api_client, make_token, make_user, page_client

pytestmark = pytest.mark.django_db
BROKEN = pytest.mark.urls("tests.api.broken_urls")
SERVER_FAILED = {
    "type": "/docs/errors#internal",
    "title": "internal",
    "status": 500,
    "detail": "the server failed; the request id leads to the log entry",
    "code": "internal",
}


@pytest.fixture
def logs():
    """What the process writes, in the form in which it writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_json_formatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


def _json_formatter() -> logging.Formatter:
    spec = dict(settings.LOGGING["formatters"]["json"])
    return import_string(spec.pop("()"))(**spec)


def broken_client() -> Client:
    return Client(raise_request_exception=False)


@BROKEN
@pytest.mark.parametrize("path", ["/api/v1/broken", "/api/v1/plain"])
def test_an_unforeseen_error_tells_the_client_nothing(path, logs):
    answer = broken_client().get(path, headers={"X-Request-ID": "request-0001"})
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert answer.json() == SERVER_FAILED
    assert answer["X-Request-ID"] == "request-0001"
    traces = [entry for entry in logs() if "RuntimeError" in entry.get("exception", "")]
    assert traces
    assert {entry["request_id"] for entry in traces} == {"request-0001"}


@BROKEN
@pytest.mark.parametrize("path", ["/api/v1/lost", "/api/v1/lost-plain"])
def test_who_asks_while_the_database_is_away_may_try_again(path, logs):
    answer = broken_client().get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert broken_urls.SECRET.encode() not in answer.content
    assert [entry for entry in logs() if "broken_urls.py" in entry.get("exception", "")]


@BROKEN
def test_an_unforeseen_error_of_a_page_is_a_page_that_tells_nothing():
    answer = broken_client().get("/page")
    assert (answer.status_code, answer["Content-Type"]) == (500, "text/html; charset=utf-8")
    for word in (b"RuntimeError", b"Traceback", broken_urls.SECRET.encode()):
        assert word not in answer.content


@BROKEN
def test_a_suspicious_request_is_a_problem_without_its_reason():
    answer = broken_client().get("/api/v1/suspicious")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")
    assert broken_urls.SECRET.encode() not in answer.content


def test_the_project_names_the_error_views():
    names = [f"handler{status}" for status in (400, 403, 404, 500)]
    assert {name: getattr(config.urls, name) for name in names} == {
        name: getattr(broken_urls, name) for name in names
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0123abcd-request", True),
        ("short", False),
        ("x" * 65, False),
        ("with space 123", False),
        ("line\\nbreak-1234", False),
    ],
)
def test_a_request_id_is_echoed_if_well_formed(client, given, kept):
    echoed = client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"]
    assert (echoed == given) is kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", echoed)


def test_unknown_paths_answer_in_the_form_of_who_asks(client):
    program = client.get("/api/v1/nothing-here")
    assert (program.status_code, program["Content-Type"]) == (404, "application/problem+json")
    page = client.get("/nothing-here")
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_each_type_leads_to_the_page_of_error_codes(client):
    problem = client.get("/api/v1/me").json()
    page = client.get(problem["type"].partition("#")[0])
    assert page.status_code == 200
    assert f'id="{problem["code"]}"' in page.content.decode()


def test_a_host_that_is_not_ours_is_refused_in_the_form_of_the_api(client):
    answer = client.get("/api/v1/me", headers={"Host": "evil.example"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_type_that_we_do_not_read_or_write_is_named():
    client = api_client(make_user())
    answer = client.post("/api/v1/tokens", "<a/>", content_type="application/xml")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")
    answer = client.get("/api/v1/tokens", headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not-acceptable")


def test_no_password_and_no_token_reaches_the_log(client, logs):
    user = make_user("ada")
    client.post("/sign-in/", {"username": "ada", "password": "wrong-password-1234"})
    client.post("/sign-in/", {"username": "ada", "password": PASSWORD})
    text = make_token(user)
    Client(headers={"Authorization": f"Bearer {text}"}).get("/api/v1/me")
    Client(headers={"Authorization": "Bearer lkw_unknown-token-text"}).get("/api/v1/me")
    made = page_client(user).post(
        "/api/v1/tokens",
        {"name": "laptop", "scopes": ["read"], "days": 1},
        content_type="application/json",
    )
    assert made.status_code == 201
    written = json.dumps(logs())
    secrets = [
        "wrong-password-1234",
        PASSWORD,
        text,
        "lkw_unknown-token-text",
        made.json()["token"],
    ]
    assert [secret for secret in secrets if secret in written] == []
    assert not ApiToken.objects.filter(digest=made.json()["token"].encode()).exists()
