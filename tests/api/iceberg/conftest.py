"""The catalog behind a real web server, for real engines; and the people and programs that use it."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission

from governance.models import DomainUserGrant
from identity.models import User
from identity.services import issue_token
from storage.services.namespaces import create_namespace
from tests.factories.catalog import make_domain
from tests.factories.storage import make_tiers
from tests.subprocesses import environ_of_test, with_path

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 60


@dataclass(frozen=True)
class Account:
    user: User
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def make_account(
    username: str, *, is_service: bool = False, is_superuser: bool = False, scopes=("read", "write")
) -> Account:
    user = User.objects.create(
        username=username, is_service=is_service, is_superuser=is_superuser, attributes={}
    )
    _, token = issue_token(user=user, name="test", scopes=scopes, lifetime=timedelta(hours=1))
    return Account(user, token)


def grant_domain(user: User, domain, *verbs: str) -> None:
    for verb in verbs:
        DomainUserGrant.objects.create(
            user=user,
            content_object=domain,
            permission=Permission.objects.get(codename=f"{verb}_domain"),
        )


@pytest.fixture
def domain(db):
    return make_domain("Flights")


@pytest.fixture
def place(domain, object_buckets, unique):
    """A namespace of the domain, with tiers at both buckets."""
    make_tiers()
    return create_namespace(levels=(unique,), properties={"lakewarden.domain": domain.slug})


@pytest.fixture
def engine(domain) -> Account:
    """A service account that may read and write all of the domain."""
    account = make_account("engine", is_service=True)
    grant_domain(account.user, domain, "read", "write")
    return account


@pytest.fixture
def analyst(domain) -> Account:
    account = make_account("analyst")
    grant_domain(account.user, domain, "read")
    return account


@pytest.fixture
def outsider(db) -> Account:
    return make_account("outsider")


@pytest.fixture(scope="session")
def web_server(django_db_setup, object_buckets, tmp_path_factory) -> Iterator[str]:
    """The URL of a granian process that serves the test database."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("web") / "granian.log"
    environ = environ_of_test(
        LAKEWARDEN_URL=url,
        # Another database of the broker: no worker of this machine gets this server's tasks.
        REDIS_URL=with_path(django_settings.LAKEWARDEN.redis_url, "9"),
    )
    command = [
        str(Path(sys.executable).with_name("granian")),
        *("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--blocking-threads", "4", "--backpressure", "64"),
        "config.wsgi:application",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
    try:
        _wait_for(f"{url}/iceberg/v1/config", process, log)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=5)  # noqa: S310 - our own server
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the web server did not start:\n{log.read_text()[-4000:]}")
