"""The decisions on data that the audit log recorded, asked once more under a draft.

Each distinct question (who, which dataset, for which purpose, which columns) is decided twice, with the facts of today
and with those of the draft, so that what differs is the draft's doing. Who was erased from the log is counted, and
nothing else is known of them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from django.db import connection, transaction

from catalog.models import Dataset
from governance.auditing.body import read_body
from governance.auditing.keys import SubjectKey
from governance.auditing.subjects import known_subjects
from governance.policy.types import Action
from governance.simulation.answers import Answer, bearings_of
from governance.simulation.differences import Both, changes_between, compare_answers
from governance.simulation.people import Person
from governance.simulation.supposition import Supposition

# What records a decision about data.
ACTIONS = ("data.read", "data.read-denied", "table.load")
CHUNK = 5_000
MAX_SAMPLES = 50

# `resources` are the touched datasets as records name them: everything else is the same under the draft.
_RECORDS = """
SELECT resource, payload FROM governance_auditrecord
 WHERE at >= %s AND at < %s AND action = ANY(%s) AND resource = ANY(%s)
"""


class Question(NamedTuple):
    """What was asked, and what was answered then. `columns` are those handed out; None is all that is open."""

    username: str
    resource: str
    purpose: str | None
    via: str
    columns: tuple[str, ...] | None
    was_allowed: bool
    by_token: bool


@dataclass(slots=True)
class Replay:
    """Counts are of recorded decisions, not of questions. `by_person` and `by_via` count what would have been refused."""

    since: datetime
    records: int = 0
    questions: int = 0
    erased: int = 0
    gone: int = 0
    same: int = 0
    differs_today: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    by_person: dict[int, Counter[str]] = field(default_factory=dict)
    by_dataset: dict[int, Counter[str]] = field(default_factory=dict)
    by_via: dict[str, Counter[str]] = field(default_factory=dict)
    by_service: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def note(self, dataset: int, person: Person, asked: "Asked") -> None:
        """Count what would become of one question, as often as it was asked."""
        question, count = asked.question, asked.times
        reads = Action.READ in asked.answers.before.allowed
        if reads != question.was_allowed and not question.by_token:
            self.differs_today += count
        outcomes = [] if question.by_token else sorted(_outcomes(question, asked.answers))
        if not outcomes:
            self.same += count
            return
        told = dict.fromkeys(outcomes, count)
        self.outcomes.update(told)
        self.by_person.setdefault(person.id, Counter()).update(told)
        self.by_dataset.setdefault(dataset, Counter()).update(told)
        self.by_via.setdefault(question.via, Counter()).update(told)
        if person.is_service:
            self.by_service.update(told)
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append(_sample(dataset, person, asked, outcomes))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, how often it was asked, and its answers of today and under the draft."""

    question: Question
    times: int
    answers: Both


def _sample(dataset: int, person: Person, asked: Asked, outcomes: list[str]) -> dict[str, Any]:
    columns = asked.question.columns
    return {
        "person": person.id,
        "dataset": dataset,
        "purpose": asked.question.purpose,
        "via": asked.question.via,
        "columns": None if columns is None else list(columns),
        "times": asked.times,
        "outcomes": outcomes,
        "reasons": list(asked.answers.after.reasons),
    }


def replay_decisions(
    supposition: Supposition,
    *,
    datasets: Sequence[int],
    days: int,
) -> Replay:
    """The recorded decisions of the last `days` about these datasets (ids), under the draft."""
    since = supposition.now - timedelta(days=days)
    found = Replay(since=since)
    names = _names(datasets)
    asked = _questions(found, since, supposition.now, list(names))
    found.questions = len(asked)
    _decide(supposition, names, asked, found)
    return found


def _names(datasets: Sequence[int]) -> dict[str, int]:
    rows = Dataset.objects.live().filter(pk__in=datasets).only("namespace", "name")
    return {row.node_id: row.pk for row in rows.iterator(chunk_size=CHUNK)}


def _questions(
    found: Replay,
    since: datetime,
    until: datetime,
    resources: list[str],
) -> Counter[Question]:
    asked: Counter[Question] = Counter()
    keys: dict[str, SubjectKey | None] = {}
    for rows in _record_chunks(since, until, resources):
        bodies = [orjson.loads(payload) for _, payload in rows]
        _learn(keys, bodies)
        known = {name: key for name, key in keys.items() if key is not None}
        for (resource, _), body in zip(rows, bodies, strict=True):
            found.records += 1
            told = read_body(body, known)
            if told.payload is None:
                found.erased += 1
            else:
                asked[_question(told.actor, resource, told.payload)] += 1
    return asked


def _record_chunks(
    since: datetime, until: datetime, resources: list[str]
) -> Iterator[list[tuple[str, bytes]]]:
    """Through a cursor of the server, so that memory does not grow with the log."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_RECORDS, [since, until, list(ACTIONS), resources])
        while rows := cursor.fetchmany(CHUNK):
            yield [(resource, bytes(payload)) for resource, payload in rows]


def _learn(keys: dict[str, SubjectKey | None], bodies: list[dict[str, Any]]) -> None:
    """Look up the subjects of these records that were not met before; None for the erased."""
    met = {name for body in bodies for name in body.get("subjects", ())}
    fresh = met - keys.keys()
    if fresh:
        keys |= dict.fromkeys(fresh) | known_subjects(fresh)


def _question(actor: str, resource: str, payload: dict[str, Any]) -> Question:
    columns = payload.get("columns")
    reasons = payload.get("reasons", ())
    return Question(
        username=actor,
        resource=resource,
        purpose=payload.get("purpose"),
        via=payload.get("via", "iceberg"),
        columns=None if columns is None else tuple(columns),
        was_allowed=payload.get("effect") == "allow",
        by_token=any(isinstance(r, dict) and r.get("kind") == "token" for r in reasons),
    )


def _decide(
    supposition: Supposition,
    names: dict[str, int],
    asked: Counter[Question],
    found: Replay,
) -> None:
    people = {each.before.username: each for each in supposition.people.values()}
    by_dataset: dict[int, list[Question]] = {}
    for question in asked:
        by_dataset.setdefault(names[question.resource], []).append(question)
    for pair in supposition.pairs(sorted(by_dataset)):
        before, after = bearings_of(pair)
        answers: dict[Any, Both] = {}
        for question in by_dataset[pair.dataset.pk]:
            person, count = people.get(question.username), asked[question]
            if person is None:
                found.gone += count
                continue
            # people with the same bearing facts have the same answers
            key = (before.key(person.before), after.key(person.after), question.purpose)
            if key not in answers:
                asking = person.declaring(question.purpose)
                answers[key] = compare_answers(pair, asking, asked=(Action.READ,))
            found.note(pair.dataset.pk, person, Asked(question, count, answers[key]))


def _outcomes(question: Question, both: Both) -> set[str]:
    """What would be otherwise about what was asked for."""
    before, after = Action.READ in both.before.allowed, Action.READ in both.after.allowed
    if before != after:
        return {"refused"} if before else {"allowed"}
    if not after:
        return set()
    changes = changes_between(
        _only(both.before, question.columns), _only(both.after, question.columns)
    )
    return {kind for kind, _ in changes if not kind.startswith(("gain_", "lose_"))}


def _only(answer: Answer, columns: tuple[str, ...] | None) -> Answer:
    if columns is None:
        return answer
    kept = {name: rule for name, rule in answer.columns.items() if name in columns}
    return Answer(answer.allowed, answer.row_filter, kept, answer.reasons)
