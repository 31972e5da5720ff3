"""Events to other systems: written with what they tell of, signed, sent again, given up, never inside the network."""

import base64
import dataclasses
import hashlib
import hmac
import http.server
import json
import threading
from datetime import timedelta

import pytest

from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, PermissionDeniedError
from core.outbound import RefusedAddressError
from governance.models import AuditRecord, WebhookDelivery
from governance.queries import principal_of
from governance.services.requests import approve_request
from governance.services.webhooks import (
    BACKOFF,
    deliver_webhooks,
    redeliver,
    register_endpoint,
    remove_endpoint,
    set_endpoint_active,
    sign,
    wants,
)
from governance.tasks import deliver_webhooks_task
from tests.factories.governance import make_request, make_world
from tests.factories.identity import api_client

pytestmark = pytest.mark.django_db


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent and answers as it is told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append((self.path, dict(self.headers), body))
        self.send_response(self.server.answer)
        self.send_header("location", "http://127.0.0.1:9/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def running():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def receiver(running, settings):
    running.received, running.answer = [], 200
    settings.LAKEWARDEN = dataclasses.replace(settings.LAKEWARDEN, webhook_hosts=("127.0.0.1",))
    running.url = f"http://127.0.0.1:{running.server_address[1]}/in?team=a"
    return running


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def hook(world, receiver):
    return register_endpoint(
        by=principal_of(world.superuser), url=receiver.url, types=["lakewarden.access_request.*"]
    )


def test_each_step_of_a_request_is_sent_once_as_a_signed_cloud_event(world, receiver, hook):
    _, secret = hook
    asked = make_request(world.analyst, world.passengers, purpose="about Mrs Smith")
    approve_request(asked, by=principal_of(world.steward))
    assert (deliver_webhooks_task(), deliver_webhooks_task()) == (2, 0)
    events = [json.loads(body) for _, _, body in receiver.received]
    assert [
        (each["specversion"], each["type"], each["subject"], each["data"]) for each in events
    ] == [
        (
            "1.0",
            f"lakewarden.access_request.{step}",
            str(asked.uuid),
            {"request": str(asked.uuid), "dataset": str(world.passengers.uuid), "state": state},
        )
        for step, state in (("create", "pending"), ("approve", "approved"))
    ]
    path, headers, body = receiver.received[0]
    sent = {name.lower(): value for name, value in headers.items()}
    assert (path, sent["content-type"]) == ("/in?team=a", "application/cloudevents+json")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    assert sent["webhook-signature"] == f"v1,{digest}"
    assert b"Smith" not in body


def test_the_signature_is_that_of_the_specification():
    """The example of the Standard Webhooks reference libraries."""
    signature = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_fails_is_tried_later_and_later_and_then_given_up(world, receiver, hook):
    make_request(world.analyst, world.passengers)
    receiver.answer = 503
    row = WebhookDelivery.objects.get()
    for attempt, seconds in enumerate(BACKOFF, start=1):
        before = utc_now()
        WebhookDelivery.objects.update(next_attempt_at=before)
        assert (deliver_webhooks(), deliver_webhooks()) == (0, 0)
        row.refresh_from_db()
        wait = row.next_attempt_at - before
        assert (row.attempts, row.state, row.last_error) == (attempt, "waiting", "answered 503")
        assert timedelta(seconds=seconds) <= wait < timedelta(seconds=seconds + 5)
    WebhookDelivery.objects.update(next_attempt_at=utc_now())
    deliver_webhooks()
    row.refresh_from_db()
    assert (
        row.state,
        len({dict(headers)["webhook-id"] for _, headers, _ in receiver.received}),
    ) == (
        "dead",
        1,
    )
    receiver.answer = 204
    redeliver(row, by=principal_of(world.superuser))
    with pytest.raises(ConflictError, match="waits already"):
        redeliver(row, by=principal_of(world.superuser))
    assert deliver_webhooks() == 1
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_status) == ("delivered", 1, 204)


def test_a_redirect_is_not_followed(world, receiver, hook):
    make_request(world.analyst, world.passengers)
    receiver.answer = 307
    assert (deliver_webhooks(), len(receiver.received)) == (0, 1)
    assert WebhookDelivery.objects.get().last_error == "answered 307"


def test_an_address_is_checked_when_it_is_saved_and_when_it_is_called(
    world, receiver, hook, settings
):
    root = principal_of(world.superuser)
    make_request(world.analyst, world.passengers)
    settings.LAKEWARDEN = dataclasses.replace(settings.LAKEWARDEN, webhook_hosts=())
    with pytest.raises(RefusedAddressError):
        register_endpoint(by=root, url="https://127.0.0.1/", types=["*"])
    assert (deliver_webhooks(), receiver.received) == (0, [])
    assert WebhookDelivery.objects.get().last_error == "`url` must begin with https://"


def test_a_batch_in_hand_is_not_taken_twice_and_is_found_again_after_a_kill(
    world, receiver, hook, monkeypatch
):
    make_request(world.analyst, world.passengers)

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("governance.services.webhooks._send", killed)
    with pytest.raises(KeyboardInterrupt):
        deliver_webhooks()
    monkeypatch.undo()
    assert (deliver_webhooks(), receiver.received) == (0, [])
    assert deliver_webhooks(now=utc_now() + timedelta(hours=1)) == 1


def test_an_endpoint_that_is_off_is_sent_nothing_until_it_is_on(world, receiver, hook):
    endpoint, root = hook[0], principal_of(world.superuser)
    asked = make_request(world.analyst, world.passengers)
    set_endpoint_active(endpoint, by=root, is_active=False)
    approve_request(asked, by=principal_of(world.steward))
    assert (deliver_webhooks(), WebhookDelivery.objects.count()) == (0, 1)
    set_endpoint_active(endpoint, by=root, is_active=True)
    assert deliver_webhooks() == 1
    remove_endpoint(endpoint, by=root)
    assert WebhookDelivery.objects.count() == 0
    verbs = AuditRecord.objects.filter(action__startswith="webhook.").order_by("pk")
    assert [each.action for each in verbs] == [
        "webhook.register",
        "webhook.deactivate",
        "webhook.activate",
        "webhook.remove",
    ]


def test_types_are_whole_or_beginnings():
    assert [wants([each], "a.b.c") for each in ("a.b.c", "a.*", "*", "a.b", "b.*", "")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_only_administrators_manage_endpoints(world, receiver):
    for user in (world.steward, world.owner, world.outsider):
        with pytest.raises(PermissionDeniedError):
            register_endpoint(by=principal_of(user), url=receiver.url, types=["*"])
    with pytest.raises(InvalidInputError, match="`types` must be"):
        register_endpoint(by=principal_of(world.superuser), url=receiver.url, types=["A b"])


def test_through_the_api_the_secret_is_shown_once(world, receiver):
    client, json_body = api_client(world.superuser), {"content_type": "application/json"}
    body = {"url": receiver.url, "types": ["*"]}
    made = client.post("/api/v1/webhooks", body, **json_body)
    assert (made.status_code, made.json()["secret"][:6]) == (201, "whsec_")
    url = f"/api/v1/webhooks/{made.json()['uuid']}"
    assert "secret" not in client.get(url).json()
    make_request(world.analyst, world.passengers)
    listed = client.get("/api/v1/webhook-deliveries?state=waiting").json()["items"]
    assert [each["event"]["type"] for each in listed] == ["lakewarden.access_request.create"]
    again = client.post(f"/api/v1/webhook-deliveries/{listed[0]['uuid']}/redeliver", **json_body)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert client.post(f"{url}/deactivate", **json_body).json()["is_active"] is False
    statuses = [
        api_client(user).delete(url).status_code for user in (world.steward, world.superuser)
    ]
    assert statuses == [403, 204]
