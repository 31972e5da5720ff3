"""Webhooks to a real HTTPS server with a certificate of an authority of its own, which checks the signature as receivers do."""

import base64
import dataclasses
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from core import outbound
from core.clock import utc_now
from core.errors import PermissionDeniedError
from governance.models import AuditRecord, WebhookDelivery, WebhookEndpoint
from governance.queries import principal_of
from governance.services.webhooks import (
    OVERLAP,
    deliver_webhooks,
    emit,
    register_endpoint,
    retry_dead,
    rotate_secret,
    send_test,
)
from tests.factories.audit import audited_by
from tests.factories.governance import make_world
from tests.factories.identity import api_client
from tests.outside.certificates import make_certificates

pytestmark = pytest.mark.django_db
KIND = "lakewarden.campaign.open"


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what one of its secrets signed, and answers as it is told: a status, or a way to hang."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = self.server.answers.pop(0) if self.server.answers else 200
        if not self._is_signed(body):
            answer = 401
        else:
            self.server.received.append((self.headers["webhook-id"], json.loads(body)["type"]))
        if answer == "silence":
            self.server.hanging.wait(5)
        elif answer == "trickle":
            self._trickle()
        else:
            self.send_response(answer)
            self.send_header("content-length", "0")
            self.end_headers()

    def _is_signed(self, body):
        sent = self.headers["webhook-signature"].split()
        content = b".".join(
            [
                self.headers["webhook-id"].encode(),
                self.headers["webhook-timestamp"].encode(),
                body,
            ]
        )
        key = base64.b64decode(self.server.secret.removeprefix("whsec_"))
        right = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
        return f"v1,{right}" in sent

    def _trickle(self):
        """A byte at a time, each in time for a limit that only looks at the next byte."""
        try:
            while not self.server.hanging.wait(0.02):
                self.connection.sendall(b"H")
        except OSError:
            self.server.cut.set()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that leaves is what is tested here."""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    server = Server(("127.0.0.1", 0), Receiver)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.folder, server.hanging, server.cut = folder, threading.Event(), threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.hanging.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def receiver(running, settings, monkeypatch):
    running.received, running.answers = [], []
    settings.LAKEWARDEN = dataclasses.replace(settings.LAKEWARDEN, webhook_hosts=("127.0.0.1",))
    # where OpenSSL looks for authorities
    monkeypatch.setenv("SSL_CERT_FILE", str(running.folder / "ca.pem"))
    running.url = f"https://127.0.0.1:{running.server_address[1]}/in"
    return running


@pytest.fixture
def root():
    return principal_of(make_world().superuser)


@pytest.fixture
def hook(root, receiver):
    row, receiver.secret = register_endpoint(by=root, url=receiver.url, types=[KIND])
    return row


def send():
    emit(KIND, subject="s", data={})
    return deliver_webhooks()


def pending():
    return list(
        WebhookDelivery.objects.order_by("pk").values_list("state", "attempts", "last_error")
    )


def test_it_is_sent_again_after_an_error_and_is_the_same_message(receiver, hook):
    receiver.answers = [500]
    assert send() == 0
    assert pending() == [("waiting", 1, "answered 500")]
    assert deliver_webhooks() == 0
    assert deliver_webhooks(now=utc_now() + timedelta(seconds=6)) == 1
    assert pending() == [("delivered", 2, "")]
    (first, kind), second = receiver.received
    assert second == (first, kind) == (str(WebhookDelivery.objects.get().uuid), KIND)


def test_an_authority_that_is_not_ours_is_not_trusted(receiver, hook, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(receiver.folder / "other-ca.pem"))
    assert send() == 0
    assert pending() == [("waiting", 1, "no answer: SSLCertVerificationError")]
    assert receiver.received == []


@pytest.mark.parametrize("way", ["silence", "trickle"])
def test_who_hangs_holds_nobody_up(receiver, hook, monkeypatch, way):
    monkeypatch.setattr(outbound, "TIMEOUT", 0.3)
    monkeypatch.setattr(outbound, "LONGEST", 0.6)
    receiver.answers = [way]
    began = time.monotonic()
    assert send() == 0
    # far from both limits, on however slow a machine
    assert time.monotonic() - began < 4.5
    ((state, attempts, problem),) = pending()
    assert (state, attempts, problem.partition(":")[0]) == ("waiting", 1, "no answer")
    assert deliver_webhooks(now=utc_now() + timedelta(seconds=6)) == 1


def test_a_former_secret_signs_for_a_while(root, receiver, hook):
    former = receiver.secret
    fresh = rotate_secret(hook, by=root)
    assert fresh != former
    for secret in (former, fresh):
        receiver.secret = secret
        assert send() == 1
    WebhookEndpoint.objects.update(former_until=utc_now() - timedelta(seconds=1))
    receiver.secret = former
    assert send() == 0
    assert pending()[-1][2] == "answered 401"
    assert timedelta(days=1) == OVERLAP
    assert AuditRecord.objects.filter(action="webhook.rotate-secret").count() == 1


def test_a_test_is_sent_once_and_told_of(root, receiver, hook):
    assert (send_test(hook, by=root).state, receiver.received[0][1]) == (
        "delivered",
        "lakewarden.webhook.test",
    )
    receiver.answers = [503]
    told = send_test(hook, by=root)
    assert (told.state, told.last_status, told.last_error) == ("dead", 503, "answered 503")
    assert (deliver_webhooks(now=utc_now() + timedelta(days=9)), retry_dead(by=root)) == (0, 0)
    weak = dataclasses.replace(root, is_superuser=False)
    for step in (rotate_secret, send_test):
        with pytest.raises(PermissionDeniedError):
            step(hook, by=weak)
    with pytest.raises(PermissionDeniedError):
        retry_dead(by=weak)


def test_by_the_api(receiver, hook):
    path = f"/api/v1/webhooks/{hook.uuid}"
    client = api_client(hook.created_by)
    receiver.secret = client.post(f"{path}/rotate-secret").json()["secret"]
    assert client.post(f"{path}/test").json()["state"] == "delivered"
    assert "secret" not in client.get(path).json()


def test_the_command(root, receiver):
    def run(*words, by="root"):
        out = StringIO()
        call_command("webhook", "--by", by, *words, stdout=out)
        return out.getvalue().strip()

    uuid, receiver.secret = run("create", receiver.url, KIND).split()
    assert run("test", uuid) == "delivered, answered 200"
    assert run("list") == f"{uuid} active {receiver.url} {KIND} (0 waiting, 0 dead)"
    receiver.secret = run("rotate", uuid)
    receiver.answers = [404]
    with pytest.raises(CommandError, match="answered 404"):
        run("test", uuid)
    send()
    WebhookDelivery.objects.filter(event__type=KIND).update(state="dead")
    assert run("deliveries", "--state", "dead").count(KIND) == 1
    assert (run("retry", uuid), deliver_webhooks()) == ("1 are sent again", 1)
    run("deactivate", uuid)
    assert run("list").split()[1] == "inactive"
    run("activate", uuid)
    run("remove", uuid)
    assert run("list") == ""
    for words, why in ((("test", uuid), "no endpoint"), (("remove", "x"), "no endpoint")):
        with pytest.raises(CommandError, match=why):
            run(*words)
    with pytest.raises(CommandError, match="only administrators"):
        run("list", by="steward")
    assert audited_by("root").filter(action="webhook.register").count() == 1
