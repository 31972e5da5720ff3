"""Statements of the event path: bound and prepared on the server, in Django's transaction, several in one round trip.

Django's own cursors bind on the client and prepare nothing, which costs more than most of these statements do.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

Row = tuple[Any, ...]


class Statement:
    """A statement that was sent; `rows` waits for its answer."""

    def __init__(self, text: str, params: Sequence[Any]) -> None:
        connection.ensure_connection()
        with connection.wrap_database_errors:
            self._cursor: psycopg.Cursor[Row] = psycopg.Cursor(connection.connection)
            self._cursor.execute(text, params, prepare=True, binary=True)

    def rows(self) -> list[Row]:
        """What it returns."""
        with connection.wrap_database_errors:
            return self._cursor.fetchall()


def send(text: str, params: Sequence[Any]) -> Statement:
    """Send a statement with `%b` or `%s` placeholders. Within `pipeline` it is not waited for."""
    return Statement(text, params)


def fetch(text: str, params: Sequence[Any]) -> list[Row]:
    """Send a statement and return its rows."""
    return Statement(text, params).rows()


@contextmanager
def pipeline() -> Iterator[None]:
    """Statements inside go out together; each `rows` waits for no more than its own answer."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield
