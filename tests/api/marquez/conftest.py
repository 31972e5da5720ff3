"""A granian process that serves the test database, without an object store."""

from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings

from tests.subprocesses import environ_of_test, free_port, granian, with_path


@pytest.fixture(scope="session")
def marquez_server(django_db_setup, tmp_path_factory) -> Iterator[str]:
    """The URL of the real web server."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = environ_of_test(
        LAKEWARDEN_URL=url,
        # Another database of the broker: no worker of this machine gets this server's tasks.
        REDIS_URL=with_path(django_settings.LAKEWARDEN.redis_url, "9"),
    )
    log = tmp_path_factory.mktemp("web") / "granian.log"
    with granian(environ, port=port, log=log, threads=2):
        yield url
