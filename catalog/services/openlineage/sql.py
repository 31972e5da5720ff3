"""Statements of the event path: prepared on the server, many in one round trip, in Django's transaction.

Django's cursors bind on the client and prepare nothing, and psycopg's pipeline wakes the server for each statement;
either costs more than most of these statements do. So they go to libpq as they are, and are waited for once.
"""

import itertools
import re
import select
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from catalog.services.openlineage.arrays import encode_array

Row = tuple[Any, ...]

BINARY = int(Format.BINARY)
PLACEHOLDER = re.compile(r"%s::(\w+)\[\]")
# The statement is gone (`DEALLOCATE ALL`), or its columns changed (a migration): prepared anew it works.
FORGOTTEN = {"26000", "0A000"}

_names = (b"lineage%d" % number for number in itertools.count())
_texts: dict[str, tuple[bytes, tuple[str, ...]]] = {}
# What each connection has prepared, by its text.
_prepared: WeakKeyDictionary[psycopg.Connection[Any], dict[str, bytes]] = WeakKeyDictionary()


@dataclass(slots=True)
class Answer:
    """A statement that was sent; `rows` is there after the round trip."""

    text: str
    params: Sequence[Sequence[Any]]
    rows: list[Row] = field(default_factory=list)


class RoundTrip:
    """Statements that go to the server together; the first that fails ends those after it."""

    def __init__(self) -> None:
        self._answers: list[Answer] = []

    def send(self, text: str, params: Sequence[Sequence[Any]] = ()) -> Answer:
        """Add a statement whose parameters are arrays: `%s::TYPE[]`, TYPE one of `arrays.ELEMENTS`."""
        answer = Answer(text, params)
        self._answers.append(answer)
        return answer

    def send_if(self, keys: Sequence[Any], text: str) -> Answer:
        """Add a statement with `keys` as its parameter; where there are none it is not sent, and gives no rows."""
        return self.send(text, [keys]) if keys else Answer(text, ())

    def run(self) -> None:
        """Send what was added since the last time, and wait for all answers. Errors are Django's."""
        answers, self._answers = self._answers, []
        if not answers:
            return
        django = connections[DEFAULT_DB_ALIAS]
        django.ensure_connection()
        with django.wrap_database_errors:
            own: psycopg.Connection[Any] = django.connection
            with own.lock:
                if not own.autocommit and own.pgconn.transaction_status == TransactionStatus.IDLE:
                    answers.insert(0, Answer("BEGIN", ()))
                _exchange(own, answers)


def send(text: str, params: Sequence[Sequence[Any]]) -> None:
    """Execute one statement."""
    fetch(text, params)


def fetch(text: str, params: Sequence[Sequence[Any]]) -> list[Row]:
    """Execute one statement and return its rows."""
    trip = RoundTrip()
    answer = trip.send(text, params)
    trip.run()
    return answer.rows


def _exchange(own: psycopg.Connection[Any], answers: Sequence[Answer]) -> None:
    names = _prepared.setdefault(own, {})
    made: dict[str, bytes] = {}
    try:
        own.pgconn.enter_pipeline_mode()
        for answer in answers:
            _send(own.pgconn, answer, names=names, made=made)
        own.pgconn.pipeline_sync()
        results = _results(own.pgconn)
        own.pgconn.exit_pipeline_mode()
    except BaseException:
        # What the server still answers would be taken for the answer to something else.
        own.close()
        raise
    failed = next((each for each in results if each.status == ExecStatus.FATAL_ERROR), None)
    if failed is not None:
        _fail(failed, own=own, names=names)
    names |= made
    loader = Transformer(own)
    told = [each for each in results if each.command_status]
    for answer, result in zip(answers, told, strict=True):
        if result.ntuples:
            loader.set_pgresult(result)
            answer.rows = loader.load_rows(0, result.ntuples, tuple)


def _send(
    pgconn: PGconn, answer: Answer, *, names: dict[str, bytes], made: dict[str, bytes]
) -> None:
    text, types = _parsed(answer.text)
    name = names.get(answer.text) or made.get(answer.text)
    if name is None:
        # A new name each time: one that failed half-way may be there already.
        name = made[answer.text] = next(_names)
        pgconn.send_prepare(name, text)
    params = [
        encode_array(values, element=element)
        for values, element in zip(answer.params, types, strict=True)
    ]
    pgconn.send_query_prepared(name, params, [BINARY] * len(params), BINARY)


def _parsed(text: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with numbered parameters, and the types of their elements."""
    known = _texts.get(text)
    if known is None:
        numbers = itertools.count(1)
        numbered = PLACEHOLDER.sub(lambda found: f"${next(numbers)}::{found[1]}[]", text)
        known = _texts[text] = (numbered.encode(), tuple(PLACEHOLDER.findall(text)))
    return known


def _results(pgconn: PGconn) -> list[PGresult]:
    """The results up to the end of the round trip."""
    poller = select.poll()
    poller.register(pgconn.socket, select.POLLIN | select.POLLOUT)
    while pgconn.flush():
        # The server may be waiting for us to read before it reads on.
        if any(event & select.POLLIN for _, event in poller.poll()):
            pgconn.consume_input()
    poller.modify(pgconn.socket, select.POLLIN)
    results: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            poller.poll()
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            if pgconn.status != ConnStatus.OK:
                raise psycopg.OperationalError("the connection was lost")
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            return results
        results.append(result)


def _fail(failed: PGresult, *, own: psycopg.Connection[Any], names: dict[str, bytes]) -> None:
    error = error_from_result(failed, encoding=own.info.encoding)
    if error.sqlstate in FORGOTTEN:
        names.clear()
        raise psycopg.OperationalError(str(error))
    raise error
