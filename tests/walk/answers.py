"""What one viewer is answered to every question, in a form in which two estates can be compared."""

import hashlib
import io
import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from identity.models.token import Scope
from tests.api.endpoints import API_PREFIXES
from tests.factories.identity import api_client, make_token, make_user, page_client
from tests.walk.commands import COMMAND
from tests.walk.estates import VIEWER, Estate
from tests.walk.filters import Filters
from tests.walk.questions import Question

# Of the questions that a filter answers so many are asked without it, until so many have other answers.
MOST_TRIES, ENOUGH = 16, 2
HEADERS = ("Content-Type", "ETag", "Location", "Link")
# Times of the walk itself, and what is new in each page by design.
_NOW = re.compile(
    r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?"
    r"|[A-Z][a-z]{2,4}\.? \d+, 20\d\d, [\d:]+ [ap]\.m\."
)
_IMPORT = re.compile(r"import [0-9a-f-]{36}")
_NONCES = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|nonce="[^"]+"|"request_id": ?"[^"]+"')


@dataclass(frozen=True)
class Clients:
    """The viewer as a program and as a person, and an engine that asks for them."""

    program: Client
    person: Client
    engine: Client

    def of(self, template: str) -> Client:
        """Who asks there: a person for pages, an engine for the viewer where only engines ask."""
        if template.startswith("opa/"):
            return self.engine
        return self.program if template.startswith(API_PREFIXES) else self.person


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[str, ...]
    body: str


def clients_of(estate: Estate) -> Clients:
    """Made once, so that both estates see the same session and token."""
    user = estate.users[VIEWER]
    issuer = make_user("issuer", is_superuser=True)
    token = make_token(make_user("engine", is_service=True), scopes=[Scope.ENGINE], issuer=issuer)
    engine = Client(headers={"Authorization": f"Bearer {token}"})
    found = Clients(api_client(user), page_client(user), engine)
    for each in (found.program, found.person, found.engine):
        each.raise_request_exception = False
    return found


def ask_all(questions: Iterable[Question], clients: Clients) -> dict[Question, Answer]:
    """The answer to each."""
    return {each: ask(each, clients) for each in questions}


def ask(question: Question, clients: Clients) -> Answer:
    """The answer, without what is new in each by design."""
    if question.template.startswith(COMMAND):
        return Answer(*run_command(question.template, question.path))
    client = clients.of(question.template)
    response = client.get(question.path, dict(question.query))
    try:
        content = b"".join(response) if response.streaming else response.content
    except Exception as error:  # noqa: BLE001 - a stream that breaks off is an answer, and a wrong one
        return Answer(500, (), repr(error))
    headers = tuple(response.get(name, "") for name in HEADERS)
    return Answer(response.status_code, headers, plain(content))


@dataclass
class Notice:
    """Which filters each question asks, and what is noticed when one of them is gone."""

    filters: Filters
    clients: Clients
    # What is wrong with an answer by itself.
    judge: Callable[[Question, Answer], list[str]]
    asked_by: dict[str, list[Question]] = field(default_factory=lambda: defaultdict(list))
    # By filter: the answers that were other ones without it.
    changed: dict[str, dict[Question, Answer]] = field(default_factory=dict)

    def watch(self, questions: Iterable[Question]) -> dict[Question, Answer]:
        """As `ask_all`."""
        found = {}
        for question in questions:
            self.filters.asked.clear()
            found[question] = ask(question, self.clients)
            for name in self.filters.asked:
                self.asked_by[name].append(question)
        return found

    def try_without(self, name: str, right: dict[Question, Answer]) -> None:
        """Ask again without the filter: a few, from all over, of the questions that it answered."""
        found: dict[Question, Answer] = {}
        questions = sorted(self.asked_by[name], key=scattered)[:MOST_TRIES]
        with self.filters.without(name):
            for question in questions:
                if (
                    len(found) < ENOUGH
                    and (answer := ask(question, self.clients)) != right[question]
                ):
                    found[question] = answer
        self.changed[name] = found

    def is_noticed(self, name: str, words: set[str]) -> bool:
        """Whether the walk would have failed without the filter; asked once the hidden is removed."""
        with self.filters.without(name):
            return any(
                tells(question, answer, words)
                or self.judge(question, answer)
                or ask(question, self.clients) != answer
                for question, answer in self.changed[name].items()
            )


def run_command(template: str, arguments: str) -> tuple[int, tuple[str, ...], str]:
    """How it ended, and what it wrote. What it changed is changed back: the next asks the same estate."""
    out, code = io.StringIO(), 0
    name = template.removeprefix(COMMAND)
    with transaction.atomic():
        try:
            call_command(name, *shlex.split(arguments), stdout=out, stderr=out)
        except CommandError as error:
            code = error.returncode
            out.write(str(error))
        finally:
            transaction.set_rollback(True)
    return code, (), plain(_IMPORT.sub("import", out.getvalue()).encode())


def scattered(question: object) -> str:
    """An order that is always the same, and in which neighbours have nothing in common."""
    return hashlib.sha256(str(question).encode()).hexdigest()


def tells(question: Question, answer: Answer, words: set[str]) -> set[str]:
    """The words in the answer that are not in the question."""
    return {each for each in words if each in answer.body and each not in str(question)}


def plain(content: bytes) -> str:
    """The text without the times and the nonces of the walk itself."""
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
