"""Asking about the past of a dataset: who could, who did, what changed. Each question is itself recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.models import Dataset
from core import audit
from core.errors import InvalidInputError, NotFoundError
from governance.history.access import principal_at, who_could
from governance.history.asking import (
    checked_instant,
    checked_interval,
    find_asked,
    people_known_to,
)
from governance.history.cells import shown_cells
from governance.history.changes import Position, list_changes
from governance.history.facts import Answer, Past, load_past
from governance.history.naming import known_fields, user_keys
from governance.history.reads import list_reads
from governance.history.telling import (
    tell_answer,
    tell_cells,
    tell_changes,
    tell_dataset,
    tell_history,
    tell_people,
    tell_position,
    tell_reads,
)
from governance.policy.types import Action, Decision, Principal, Resource

MAX_ITEMS = 500


@dataclass(frozen=True, slots=True)
class Window:
    """A page of what happened after `since` and not after `until` (None: now)."""

    since: datetime
    until: datetime | None = None
    username: str | None = None
    after: Any = None
    limit: int = 50


def ask_who_could(
    dataset: UUID | str,
    *,
    by: Principal,
    at: datetime | None = None,
    action: Action = Action.READ,
    purpose: str | None = None,
    after: int = 0,
    limit: int = 50,
) -> dict[str, Any]:
    """Who could do `action` at `at` (now, if None), how and why. `after` is the `next` of a former answer.

    Raises NotFoundError and PermissionDeniedError as `find_asked`, InvalidInputError for a time to come.
    """
    found, moment = find_asked(by, dataset), checked_instant(at)
    known = people_known_to(by, found)
    past = load_past(found.pk, moment)
    people = who_could(past, action, purpose=purpose, after=after, limit=_checked_limit(limit))
    _record(
        by,
        found,
        "who-could",
        {"at": moment.isoformat(), "action": str(action), "purpose": purpose},
    )
    return {
        **_told(found, past, by, moment),
        "action": str(action),
        "purpose": purpose,
        "items": tell_people(people, known),
        "next": people.after,
    }


def ask_could_see(
    dataset: UUID | str,
    *,
    by: Principal,
    username: str,
    at: datetime | None = None,
    action: Action = Action.READ,
    purpose: str | None = None,
    field: str | None = None,
    row: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Whether this user could do `action` at `at`, with the field and the row (original values), and why.

    Raises NotFoundError, in the same words, for a user who was not there and for one whom the asker may not know.
    """
    found, moment = find_asked(by, dataset), checked_instant(at)
    known = people_known_to(by, found)
    asked = principal_at(username, moment, purpose=purpose)
    if asked is None or (known is not None and asked.id not in known):
        raise NotFoundError(f"there was no user `{username}`")
    past = load_past(found.pk, moment)
    answer = past.decide(asked, action)
    told = {
        **_told(found, past, by, moment),
        "action": str(action),
        "purpose": purpose,
        "user": asked.username,
        **tell_answer(answer),
        "field": _tell_field(answer, past, field),
        "row": _tell_row(answer, past, row),
    }
    terms = {
        "at": moment.isoformat(),
        "action": str(action),
        "field": field,
        "row": row is not None,
    }
    _record(by, found, "could-see", terms, about=asked.username)
    return told


def ask_reads(dataset: UUID | str, *, by: Principal, window: Window) -> dict[str, Any]:
    """Who did read the dataset, or was refused, in the window, and what they saw."""
    found = find_asked(by, dataset)
    since, until = checked_interval(window.since, window.until)
    known = people_known_to(by, found)
    _known_user(window.username, known)
    reads = list_reads(
        found,
        since=since,
        until=until,
        username=window.username,
        after=_integer(window.after),
        limit=_checked_limit(window.limit),
    )
    _record(by, found, "who-did", _terms(since, until), about=window.username)
    return {
        **_framed(found, since, until),
        "items": tell_reads(reads.items, known),
        "next": reads.after,
    }


def ask_changes(dataset: UUID | str, *, by: Principal, window: Window) -> dict[str, Any]:
    """What changed in the window that bears on the dataset, or on what `window.username` could do with it."""
    found = find_asked(by, dataset)
    since, until = checked_interval(window.since, window.until)
    known = people_known_to(by, found)
    changes = list_changes(
        found.pk,
        since=since,
        until=until,
        user=_known_user(window.username, known),
        within=known_fields(by),
        after=_position(window.after),
        limit=_checked_limit(window.limit),
    )
    _record(by, found, "changes", _terms(since, until), about=window.username)
    return {
        **_framed(found, since, until),
        "items": tell_changes(changes.items, by, known),
        "next": tell_position(changes.after),
    }


def _told(dataset: Dataset, past: Past, by: Principal, at: datetime) -> dict[str, Any]:
    frame = {"dataset": str(dataset.uuid), "at": at, "history": tell_history(at)}
    return {**frame, **tell_dataset(past, by)}


def _framed(dataset: Dataset, since: datetime, until: datetime) -> dict[str, Any]:
    history = tell_history(since)
    return {"dataset": str(dataset.uuid), "from": since, "to": until, "history": history}


def _terms(since: datetime, until: datetime) -> dict[str, Any]:
    return {"from": since.isoformat(), "to": until.isoformat()}


def _record(
    by: Principal,
    dataset: Dataset,
    question: str,
    terms: dict[str, Any],
    *,
    about: str | None = None,
) -> None:
    audit.record(
        actor=by.username,
        action="history.ask",
        resource=dataset.node_id,
        payload={"question": question, "user": about, **terms},
        about=[about] if about else [],
    )


def _known_user(username: str | None, known: set[int] | None) -> int | None:
    if username is None:
        return None
    key = user_keys([username]).get(username)
    if key is None or (known is not None and key not in known):
        raise NotFoundError(f"there was no user `{username}`")
    return key


def _tell_field(answer: Answer, past: Past, field: str | None) -> dict[str, Any] | None:
    """Whether the field was among the columns, by each knowledge."""
    if field is None:
        return None
    told = {}
    for name, decision in (("then", answer.then), ("hindsight", answer.hindsight)):
        columns = decision.obligations.columns if decision.obligations else ()
        rule = next((each for each in columns if each.name == field), None)
        told[name] = {
            "shown": rule is not None,
            "mask": str(rule.mask) if rule and rule.mask else None,
            "visible_when": rule.visible_when if rule else None,
        }
    return {"name": field, "existed": field in _types(past.then), **told}


def _tell_row(answer: Answer, past: Past, row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "then": tell_cells(_cells(answer.then, past.then, row)),
        "hindsight": tell_cells(_cells(answer.hindsight, past.hindsight, row)),
    }


def _cells(decision: Decision, resource: Resource | None, row: Mapping[str, Any]) -> Any:
    if decision.obligations is None:
        return None
    return shown_cells(decision.obligations, row, _types(resource))


def _types(resource: Resource | None) -> Mapping[str, str]:
    return resource.field_types if resource else {}


def _checked_limit(limit: int) -> int:
    if not 1 <= limit <= MAX_ITEMS:
        raise InvalidInputError(f"`page_size` must be a whole number from 1 to {MAX_ITEMS}")
    return limit


def _integer(after: Any) -> int:
    if after is None:
        return 0
    if type(after) is not int:
        raise InvalidInputError("`cursor` must be one that a former page gave")
    return after


def _position(after: Any) -> Position | None:
    if after is None:
        return None
    try:
        at, source, entry = after
        return Position(datetime.fromisoformat(at), int(source), int(entry))
    except (TypeError, ValueError):
        raise InvalidInputError("`cursor` must be one that a former page gave") from None
