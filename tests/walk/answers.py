"""What one viewer is answered to every question, in a form in which two estates can be compared."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.cache import cache
from django.test import Client

from tests.factories.identity import api_client, page_client
from tests.walk.estates import VIEWER, Estate
from tests.walk.questions import Question

HEADERS = ("Content-Type", "ETag", "Location", "Link")
# Times of the walk itself, and what is new in each page by design.
_NOW = re.compile(
    r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?"
    r"|[A-Z][a-z]{2,4}\.? \d+, 20\d\d, [\d:]+ [ap]\.m\."
)
_NONCES = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|nonce="[^"]+"|"request_id": ?"[^"]+"')


@dataclass(frozen=True)
class Clients:
    """The viewer as a program and as a person."""

    program: Client
    person: Client


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[str, ...]
    body: str


def clients_of(estate: Estate) -> Clients:
    """Made once, so that both estates see the same session and token."""
    user = estate.users[VIEWER]
    program, person = api_client(user), page_client(user)
    program.raise_request_exception = person.raise_request_exception = False
    return Clients(program, person)


def ask_all(questions: Iterable[Question], clients: Clients) -> dict[Question, Answer]:
    """The answer to each."""
    found = {}
    for question in questions:
        client = clients.program if question.is_api else clients.person
        response = client.get(question.path, dict(question.query))
        content = b"".join(response) if response.streaming else response.content
        headers = tuple(response.get(name, "") for name in HEADERS)
        found[question] = Answer(response.status_code, headers, _plain(content))
        cache.clear()  # limits of requests are not what is tested
    return found


def _plain(content: bytes) -> str:
    return _NONCES.sub("", _NOW.sub("<time>", content.decode(errors="replace")))


def differences(left: dict[Question, Answer], right: dict[Question, Answer]) -> list[str]:
    """A line for each question that the two answer differently."""
    found = []
    for question, one in left.items():
        other = right[question]
        if one != other:
            found.append(f"{question}: {_first_difference(one, other)}")
    return found


def _first_difference(one: Answer, other: Answer) -> str:
    if (one.status, one.headers) != (other.status, other.headers):
        return f"{one.status} {one.headers} and {other.status} {other.headers}"
    place = next(
        (at for at, (a, b) in enumerate(zip(one.body, other.body, strict=False)) if a != b),
        min(len(one.body), len(other.body)),
    )
    around = slice(max(0, place - 80), place + 80)
    return f"…{one.body[around]!r} and …{other.body[around]!r}"
