"""Events past Django's middleware: what is plainly good is recorded, all else is answered as Django answers it."""

import gzip
import json
import time
from io import BytesIO

import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from prometheus_client import REGISTRY

from api.openlineage import short_cut
from api.openlineage.short_cut import with_short_cut
from catalog.models import RunEvent
from identity.models import ApiToken
from identity.services import revoke_token
from tests.api.openlineage.test_receiver import EVENT
from tests.factories.identity import make_service, make_token, make_user

pytestmark = pytest.mark.django_db
BODY = json.dumps(EVENT).encode()


def refuse_all(environ, start_response):
    raise AssertionError("Django was asked")


@pytest.fixture(autouse=True)
def _forget():
    """No token of another test; and the test's transaction outlives a request, as in Django's test client."""
    short_cut._trusted.clear()
    both = (request_started, request_finished)
    for each in both:
        each.disconnect(close_old_connections)
    yield
    for each in both:
        each.connect(close_old_connections)


@pytest.fixture
def token():
    return make_token(make_service(), scopes=["lineage"])


def ask(application, body=BODY, *, token="", path="/api/v1/lineage", **environ):
    """(status, headers, body) of a POST to a WSGI application."""
    answered = {}

    def start_response(status, headers, exc_info=None):
        del exc_info
        answered["status"], answered["headers"] = int(status.split()[0]), dict(headers)

    request = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        "wsgi.url_scheme": "http",
        **({"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}),
        **environ,
    }
    response = application(request, start_response)
    text = b"".join(response)
    if hasattr(response, "close"):
        response.close()
    return answered["status"], answered["headers"], text


@pytest.fixture
def alone(settings):
    """The short cut with nothing behind it."""
    settings.ALLOWED_HOSTS = ["localhost"]
    return with_short_cut(refuse_all)


@pytest.fixture
def whole(settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    return with_short_cut(get_wsgi_application())


def requests_counted():
    return (
        REGISTRY.get_sample_value(
            "lakewarden_http_requests_total",
            {"method": "POST", "route": "api/v1/lineage", "status": "201"},
        )
        or 0
    )


def test_a_good_event_never_reaches_django(alone, token):
    before = requests_counted()
    status, headers, body = ask(alone, token=token, HTTP_X_REQUEST_ID="a-request-of-mine")
    assert (status, body, headers["X-Request-ID"]) == (201, b"", "a-request-of-mine")
    assert RunEvent.objects.get().payload == EVENT
    assert ask(alone, token=token)[0] == 201
    assert RunEvent.objects.count() == 1
    assert requests_counted() == before + 2


def test_batches_and_gzip(alone, token):
    packed = gzip.compress(BODY)
    assert ask(alone, packed, token=token, HTTP_CONTENT_ENCODING="gzip")[0] == 201
    later = {**EVENT, "eventTime": "2026-01-01T11:00:00Z"}
    body = json.dumps([EVENT, later, {"no": "event"}]).encode()
    status, headers, answer = ask(alone, body, token=token, path="/api/v1/lineage/batch")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(answer)["summary"]["successful"] == 2
    assert RunEvent.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"body": b"{"}, 400, "invalid-input"),
        ({"body": b'{"eventTime": "?"}'}, 400, "invalid-event"),
        ({"token": "wrong" * 10}, 401, "unauthenticated"),
        ({"token": ""}, 401, "unauthenticated"),
        ({"HTTP_CONTENT_ENCODING": "br"}, 400, "invalid-input"),
        ({"CONTENT_LENGTH": str(1 << 40)}, 413, "limit-exceeded"),
        ({"HTTP_HOST": "elsewhere.example"}, 400, "invalid-input"),
        ({"path": "/api/v1/lineage/batch", "body": b"{"}, 200, None),
    ],
)
def test_all_else_is_answered_as_django_does(whole, token, change, status, code):
    change = {"token": token, **change}
    straight = ask(get_wsgi_application(), **change)
    answer = ask(whole, **change)
    assert (answer[0], answer[2]) == (straight[0], straight[2])
    assert answer[0] == status
    if code is not None:
        assert json.loads(answer[2])["code"] == code
    assert RunEvent.objects.count() == 0


def test_who_may_not_record_is_refused(whole):
    for user, scopes in ((make_user(), ["lineage"]), (make_service(), ["read", "write"])):
        status, _, body = ask(whole, token=make_token(user, scopes=scopes))
        assert (status, json.loads(body)["code"]) == (403, "permission-denied")
    assert RunEvent.objects.count() == 0


def test_a_chunked_body_is_read_by_django(whole, token):
    status, _, _ = ask(
        whole,
        token=token,
        CONTENT_LENGTH="",
        HTTP_TRANSFER_ENCODING="chunked",
        **{"wsgi.input_terminated": True},
    )
    assert status == 201
    assert RunEvent.objects.count() == 1


def test_a_revoked_token_is_refused_within_half_a_second(whole, token, monkeypatch):
    monkeypatch.setattr(short_cut, "TRUST_SECONDS", 0.05)
    assert ask(whole, token=token)[0] == 201
    revoke_token(ApiToken.objects.get())
    time.sleep(0.06)
    assert ask(whole, token=token)[0] == 401


def test_a_known_token_is_not_looked_up_again(alone, token, django_assert_num_queries):
    ask(alone, token=token)
    with django_assert_num_queries(0):  # the event path's own statements go past Django's cursors
        assert short_cut._sender(f"Bearer {token}")
