"""The catalog behind a real web server, for real engines; and the people and programs that use it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission

from governance.models import DomainUserGrant
from identity.models import User
from identity.services import issue_token
from tests.subprocesses import environ_of_test, free_port, granian, with_path


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
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = environ_of_test(
        LAKEWARDEN_URL=url,
        # Another database of the broker: no worker of this machine gets this server's tasks.
        REDIS_URL=with_path(django_settings.LAKEWARDEN.redis_url, "9"),
    )
    with granian(environ, port=port, log=tmp_path_factory.mktemp("web") / "granian.log"):
        yield url
