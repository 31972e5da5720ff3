"""Writing many rows at once: COPY for rows that are known to be new, one INSERT from arrays for those that may not be."""

import os
import time
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62
_RANDOM_BYTES = 10


def uuid7_texts(count: int) -> list[str]:
    """`count` UUIDv7 of this millisecond, in ascending order, as 32 hex digits; one call for random bytes."""
    base = (time.time_ns() // 1_000_000) << 80 | _VERSION_7 | _VARIANT
    noise = os.urandom(count * _RANDOM_BYTES)
    found = []
    for start in range(0, count * _RANDOM_BYTES, _RANDOM_BYTES):
        bits = int.from_bytes(noise[start : start + _RANDOM_BYTES], "big")
        found.append(f"{base | ((bits >> 62) & 0xFFF) << 64 | bits & ((1 << 62) - 1):032x}")
    found.sort()
    return found


def take_ids(model: type[models.Model], count: int) -> list[int]:
    """The next `count` values of the model's id sequence."""
    if not count:
        return []
    table, column = model._meta.db_table, model._meta.pk.column  # noqa: SLF001 - Django's documented Model _meta API
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [table, column, count],
        )
        return [row[0] for row in cursor.fetchall()]


def copy_rows(
    model: type[models.Model], given: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    """COPY `rows` into the table of `model`, each a value for each attribute of `given`; how many there were.

    Attributes that are not given get the model's defaults, worked out once: give those whose default differs from
    row to row (a UUID). JSON is given as text. A row that breaks a unique constraint raises IntegrityError.
    """
    constants = _constants(model, given)
    columns = [_column(model, name) for name in [*given, *(name for name, _ in constants)]]
    tail = tuple(value for _, value in constants)
    # The names are those of the model's own columns.
    statement = f"COPY {_quoted(model._meta.db_table)} ({', '.join(columns)}) FROM STDIN"  # noqa: SLF001
    count = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row((*row, *tail))
            count += 1
    return count


def insert_missing(
    model: type[models.Model], given: Sequence[str], rows: Sequence[Sequence[Any]]
) -> int:
    """Insert `rows` in their order, passing by those that break a unique constraint; how many were inserted.

    One statement, whatever their number. Defaults as in `copy_rows`. Give rows in the order of the unique key, so that
    two writers never wait for each other in a circle.
    """
    if not rows:
        return 0
    constants = _constants(model, given)
    types = {field.attname: field.db_type(connection) for field in model._meta.concrete_fields}  # noqa: SLF001
    arrays = ", ".join(f"%s::{types[name]}[]" for name in given)
    names = [_column(model, name) for name in given]
    all_names = [*names, *(_column(model, name) for name, _ in constants)]
    values = ", ".join([*(f"t.{name}" for name in names), *("%s" for _ in constants)])
    statement = (
        f"INSERT INTO {_quoted(model._meta.db_table)} ({', '.join(all_names)}) "  # noqa: S608, SLF001 - the model's own names
        f"SELECT {values} FROM unnest({arrays}) WITH ORDINALITY AS t ({', '.join(names)}, place) "
        "ORDER BY t.place ON CONFLICT DO NOTHING"
    )
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*(value for _, value in constants), *columns])
        return int(cursor.rowcount)


def _constants(model: type[models.Model], given: Sequence[str]) -> list[tuple[str, Any]]:
    """The attributes that are not given and that the database gives no value, with their defaults."""
    found = []
    for field in model._meta.concrete_fields:  # noqa: SLF001
        if field.attname in given or field.primary_key or getattr(field, "generated", False):
            continue
        value = field.pre_save(_blank(model, field), add=True)
        found.append((field.attname, field.get_db_prep_save(value, connection)))
    return found


def _blank(model: type[models.Model], field: models.Field[Any, Any]) -> models.Model:
    return model(**{field.attname: field.get_default()})


def _column(model: type[models.Model], attribute: str) -> str:
    by_attribute = {field.attname: field.column for field in model._meta.concrete_fields}  # noqa: SLF001
    return _quoted(by_attribute[attribute])


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
