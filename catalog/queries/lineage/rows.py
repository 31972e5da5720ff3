"""Plain rows of plain SQL."""

from collections.abc import Iterable
from typing import Any

from django.db import connection


def as_array(ids: Iterable[int]) -> str:
    """Ids as the text of a PostgreSQL array: for thousands a fifth of the cost of a list."""
    return "{" + ",".join(map(str, ids)) + "}"


def fetch(statement: str, *params: Any) -> list[tuple[Any, ...]]:
    """The rows of one query."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
