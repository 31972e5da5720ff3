"""What a process that a test starts is told, so that it works on the test's own database."""

import os
from urllib.parse import urlsplit, urlunsplit

from django.db import connection


def with_path(url: str, path: str) -> str:
    """The URL with another path: of a database server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


def environ_of_test(**more: str) -> dict[str, str]:
    """This process's environment with the test's database, and `more` over it."""
    name = str(connection.settings_dict["NAME"])
    return {**os.environ, "DATABASE_URL": with_path(os.environ["DATABASE_URL"], name), **more}
