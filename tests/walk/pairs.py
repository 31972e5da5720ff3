"""The same asked of a hidden thing and of one that never was: of the two nobody may tell which is which.

Not by the status, not by a word, and not by the time it takes: both must ask the database the same.
"""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.api.endpoints import Endpoint, all_endpoints
from tests.walk.answers import Clients, plain
from tests.walk.bodies import (
    BODIES,
    CONTENT_TYPES,
    DEARER,
    NOT_OFFERED,
    WITHOUT_BODY,
    WITHOUT_BODY_BELOW,
)
from tests.walk.estates import Estate
from tests.walk.plants import named_things
from tests.walk.questions import LEFT_OUT, parameters_of

_PLACEHOLDER = re.compile(r"\$\(([a-z ]+)\)")
_LITERALS = re.compile(
    r"""'(?:[^']|'')*'(?:::\w+(?:\[\])?)?|"s\d+_x\d+"|\b\d+\b|\bNULL\b|\b(?:true|false)\b"""
)
# What a request makes is called otherwise each time.
_NEW = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_LISTS = re.compile(r"\?(?:, \?)+")
READS, WRITES = ("GET", "HEAD", "OPTIONS"), ("POST", "PUT", "PATCH", "DELETE")
# In one transaction these would wait for themselves: they commit by another connection.
COMMITTED = ("api/v1/lineage",)


# Of a namespace alone nothing is hidden but what is in it, which the walk over two estates asks.
SHARED = {
    "api/v1/namespaces/<namespace>",
    "api/v1/namespaces/<namespace>/datasets",
    "api/v1/namespaces/<namespace>/jobs",
    "api/v1/sources/<source>",
    "api/v1/events/<namespace>",
}


@dataclass(frozen=True)
class Pair:
    """A request about a hidden thing, and the same about nothing."""

    method: str
    template: str
    hidden: tuple[str, str]
    missing: tuple[str, str]
    content_type: str
    headers: tuple[tuple[str, str], ...]
    # What to call the values of the two in an answer, the longest first.
    masks: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        """By what the tables know it."""
        return f"{self.method} {self.template}"

    def __str__(self) -> str:
        path, body = self.hidden
        return f"{self.method} {path} {body}".rstrip()


@dataclass(frozen=True)
class Outcome:
    status: int
    body: str
    queries: tuple[str, ...]

    @property
    def said(self) -> tuple[int, str]:
        """All but the time that it takes."""
        return self.status, self.body[:300] if self.status >= 400 else self.body

    def queries_beside(self, other: "Outcome") -> tuple[int, str]:
        """How many, and the first that the other does not have."""
        only = [each for each in self.queries if each not in other.queries]
        return len(self.queries), only[0][:300] if only else ""


def all_pairs(estate: Estate, *, things: dict[str, str] | None = None) -> Iterator[Pair]:
    """A pair for each method of each URL with a name in it, and for each body that names something.

    With `things`, of these in the place of what is hidden.
    """
    hidden = things or named_things(estate, hidden=True)
    mine = named_things(estate, hidden=False)
    missing = {name: missing_twin(value) for name, value in hidden.items()} | {
        name: hidden[name] for name in ("user", "nothing", "policy")
    }
    masks = [
        (value, name)
        for each in (hidden, missing)
        for name, value in each.items()
        # what both ask by the same name differs in nothing, and a short number is in every UUID
        if hidden[name] != missing[name]
    ]
    ordered = tuple(sorted(dict(masks).items(), key=lambda each: -len(each[0])))
    for endpoint in all_endpoints():
        if endpoint.template.startswith("admin/") or endpoint.template in {*LEFT_OUT, *SHARED}:
            continue
        for method in _methods(endpoint):
            key = f"{method} {endpoint.template}"
            for wanted in _paths(endpoint):
                for text in _texts(key):
                    ways = [
                        (
                            endpoint.path(_chosen(wanted, each, mine)),
                            _filled(text, each, mine),
                        )
                        for each in (hidden, missing)
                    ]
                    if ways[0] != ways[1]:
                        kind = CONTENT_TYPES.get(key, "application/json")
                        for headers in ((), *_conditions(method, endpoint)):
                            yield Pair(method, endpoint.template, *ways, kind, headers, ordered)


def _conditions(method: str, endpoint: Endpoint) -> Iterator[tuple[tuple[str, str], ...]]:
    """What a client sends that knows some state of the thing: of what is hidden none is confirmed."""
    if endpoint.template.startswith("api/v1/catalog/"):
        if method == "GET":
            yield (("If-None-Match", "*"),)
        if method in {"PATCH", "DELETE"}:
            yield (("If-Match", '"0"'),)


def _methods(endpoint: Endpoint) -> tuple[str, ...]:
    """Heads and offers are asked where they have a view of their own; elsewhere they are asked of a stranger
    (`tests/api/test_every_endpoint.py`)."""
    return (*(READS if endpoint.template.startswith("iceberg/") else READS[:1]), *WRITES)


def missing_twin(value: str) -> str:
    """A value of the same shape and length, at the same place of any order, of nothing."""
    try:
        return str(uuid.UUID(int=uuid.UUID(value).int ^ 0xFFFF))
    except ValueError:
        return re.sub(r"x\b", "y", value) if "zq" in value else f"{value}x"


def _paths(endpoint: Endpoint) -> Iterator[list[tuple[str, str, bool]]]:
    """What each parameter is, and whether of the viewer's own: all foreign, then the first own, and so on."""
    if not endpoint.parameters:
        yield []
        return
    known = parameters_of(endpoint)
    named = [(name, known[name]) for name in endpoint.parameters]
    things = sum(1 for _, source in named if not source.startswith("="))
    for own in range(max(things, 1) + 1):
        left = own
        wanted = []
        for name, source in named:
            is_own = left > 0 and not source.startswith("=")
            left -= is_own
            wanted.append((name, source, is_own))
        yield wanted


def _chosen(
    wanted: list[tuple[str, str, bool]], things: dict[str, str], mine: dict[str, str]
) -> dict[str, str]:
    return {
        name: source[1:] if source.startswith("=") else (mine if is_own else things)[source]
        for name, source, is_own in wanted
    }


def _texts(key: str) -> list[Any]:
    return BODIES.get(key, []) + ([""] if key not in BODIES else [])


def _filled(body: Any, things: dict[str, str], mine: dict[str, str]) -> str:
    text = body if isinstance(body, str) else json.dumps(body)

    def value(match: re.Match[str]) -> str:
        name = match[1]
        return mine[name.removeprefix("my ")] if name.startswith("my ") else things[name]

    return _PLACEHOLDER.sub(value, text)


def is_known(pair: Pair) -> bool:
    """Whether the tables say what is sent there."""
    return (
        pair.method in (*READS, "DELETE")
        or pair.key in BODIES
        or pair.key in (*WITHOUT_BODY, *NOT_OFFERED)
        or pair.template.endswith(WITHOUT_BODY_BELOW)
    )


def outcomes(pair: Pair, clients: Clients) -> tuple[Outcome, Outcome]:
    """Of the hidden and of the missing; asked once more the other way round where what is kept makes the first dearer."""
    first = outcome(pair, pair.hidden, clients), outcome(pair, pair.missing, clients)
    if first[0] == first[1] or (first[0].said == first[1].said and pair.key in DEARER):
        return first
    missing, hidden = outcome(pair, pair.missing, clients), outcome(pair, pair.hidden, clients)
    return hidden, missing


def outcome(pair: Pair, way: tuple[str, str], clients: Clients) -> Outcome:
    """The answer to one of the two ways; what it changed is changed back."""
    if pair.template.startswith(COMMITTED):
        return _sent(pair, way, clients)
    with transaction.atomic():
        try:
            return _sent(pair, way, clients)
        finally:
            transaction.set_rollback(True)


def _sent(pair: Pair, way: tuple[str, str], clients: Clients) -> Outcome:
    path, body = way
    connection.queries_log.clear()  # its length is bounded
    with CaptureQueriesContext(connection) as captured:
        client: Client = clients.of(pair.template)
        answer = client.generic(
            pair.method, path, body, content_type=pair.content_type, headers=dict(pair.headers)
        )
        content = b"".join(answer) if answer.streaming else answer.content
    shapes = tuple(_shape(each["sql"]) for each in captured.captured_queries)
    text = plain(content) + answer.get("Location", "")
    for value, name in pair.masks:
        text = text.replace(value, f"<{name}>")
    text = _NEW.sub("<new>", text)
    return Outcome(answer.status_code, text, shapes)


def _shape(sql: str) -> str:
    return _LISTS.sub("?", _LITERALS.sub("?", sql))
