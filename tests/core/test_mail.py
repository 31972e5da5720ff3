"""Mail to a real SMTP server that wants STARTTLS and a login, on loopback with a certificate of an authority of its own."""

import gc
import os
import smtplib
import ssl
import warnings

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from django.core.mail import get_connection

from config.env import read_settings
from core.mail import send_text
from governance.services.notices import send_notices
from tests.factories.governance import make_request, make_world
from tests.outside.certificates import make_certificates
from tests.subprocesses import free_port

PASSWORD = "p@ss:word/with %"


class Mailbox:
    """Keeps what it is sent."""

    def __init__(self):
        self.messages = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the library's name
        assert session.ssl is not None
        self.messages.append((session.auth_data, envelope.rcpt_tos, envelope.content.decode()))
        return "250 kept"


class Server(Controller):
    def factory(self):
        return SMTP(
            self.handler,
            require_starttls=True,
            tls_context=self.tls,
            auth_required=True,
            authenticator=self._authenticate,
            hostname="localhost",
        )

    def _authenticate(self, server, session, envelope, mechanism, given):
        good = (given.login, given.password) == (b"lakewarden", PASSWORD.encode())
        return AuthResult(success=good, auth_data=given.login.decode(), handled=False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smtp")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def running(certificates):
    server = Server(Mailbox(), hostname="127.0.0.1", port=free_port())
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running, certificates, monkeypatch):
    running.handler.messages.clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    return running


def use(settings, server, *, scheme="smtp+starttls", password="p%40ss%3Aword%2Fwith%20%25"):
    """Set what an operator sets, read as it is at the start."""
    url = f"{scheme}://lakewarden:{password}@localhost:{server.port}"
    found = read_settings({**os.environ, "LAKEWARDEN_EMAIL_URL": url}).email
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = found.host, found.port
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = found.user, found.password
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = found.tls == "start", found.tls == "always"


def send(**more):
    return send_text(subject="Notice", text="Grüße", to=["a@example.org"], key="k", **more)


def refused(error):
    """Django leaves the socket of a sign-in that fails to the garbage collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(error):
            send()
        gc.collect()


def test_a_message_arrives_encrypted_and_signed_in(settings, server):
    use(settings, server)
    assert send() == 1
    ((user, recipients, text),) = server.handler.messages
    assert (user, recipients) == ("lakewarden", ["a@example.org"])
    assert "Message-ID: <k.0@lakewarden>" in text


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"password": "wrong"}, smtplib.SMTPAuthenticationError),
        ({"scheme": "smtp"}, smtplib.SMTPException),
    ],
)
def test_without_the_password_or_encryption_nothing_is_sent(settings, server, wrong, error):
    use(settings, server, **wrong)
    refused(error)
    assert server.handler.messages == []


def test_a_server_of_another_authority_is_not_trusted(settings, server, certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "other-ca.pem"))
    use(settings, server)
    refused(ssl.SSLCertVerificationError)
    assert server.handler.messages == []


def test_many_messages_go_through_one_connection(settings, server):
    use(settings, server)
    with get_connection() as connection:
        assert [send(connection=connection) for _ in range(3)] == [1, 1, 1]
    assert len(server.handler.messages) == 3


@pytest.mark.django_db
def test_approvers_get_their_notices(settings, server):
    use(settings, server)
    world = make_world()
    for user in (world.owner, world.steward):
        user.email = f"{user.username}@example.org"
        user.save()
    make_request(world.analyst, world.passengers)
    assert send_notices() == 1
    assert sorted(recipients[0] for _, recipients, _ in server.handler.messages) == [
        "owner@example.org",
        "steward@example.org",
    ]
