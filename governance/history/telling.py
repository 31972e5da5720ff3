"""Answers about the past as JSON, naming no more than the asker may know."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from governance.history.access import People
from governance.history.cells import Cell
from governance.history.changes import Change, Position
from governance.history.facts import Answer, Past
from governance.history.naming import Names, known_steps, user_keys
from governance.history.reads import Read
from governance.history.rows import beginning
from governance.policy.types import Decision, Principal, Resource


def tell_history(at: datetime) -> dict[str, Any]:
    """From when on the history is kept, and whether it is whole for `at`."""
    known = beginning()
    return {
        "installed_at": known.installed_at,
        "complete_since": known.complete_since,
        "is_complete": known.complete_since is None or at >= known.complete_since,
    }


def tell_dataset(past: Past, asker: Principal) -> dict[str, Any]:
    """The dataset as it was: its name, and the labels that its columns inherited, with their ways."""
    return {
        "existed": past.then is not None,
        "name": f"{past.then.namespace}:{past.then.name}" if past.then else None,
        "labels": _tell_labels(past, asker),
    }


def tell_answer(answer: Answer) -> dict[str, Any]:
    """What was decided by what was known then, and what hindsight says."""
    return {
        "then": tell_decision(answer.then),
        "hindsight": tell_decision(answer.hindsight),
        "differs": answer.differs,
    }


def tell_decision(decision: Decision) -> dict[str, Any]:
    """A decision with its reasons and obligations."""
    told: dict[str, Any] = {
        "effect": decision.effect,
        "reasons": [
            {
                "kind": each.kind,
                "id": None if each.id is None else str(each.id),
                "version": each.version,
                "text": each.text,
            }
            for each in decision.reasons
        ],
        "row_filter": None,
        "columns": None,
    }
    if decision.obligations is not None:
        told["row_filter"] = decision.obligations.row_filter
        told["columns"] = [
            {
                "name": each.name,
                "visible_when": each.visible_when,
                "mask": str(each.mask) if each.mask else None,
            }
            for each in decision.obligations.columns
        ]
    return told


def tell_people(people: People, known: set[int] | None) -> list[dict[str, Any]]:
    """Each who could; `user` is null for somebody whom the asker may not know."""
    return [
        {
            "user": each.username if known is None or each.user in known else None,
            **tell_answer(each.answer),
        }
        for each in people.items
    ]


def tell_cells(cells: Mapping[str, Cell] | None) -> dict[str, Any]:
    """Whether the row was shown, and which of its cells."""
    columns = {
        name: {"shown": each.shown, "mask": each.mask} for name, each in (cells or {}).items()
    }
    return {"shown": cells is not None, "columns": columns}


def tell_changes(
    changes: Iterable[Change], asker: Principal, known: set[int] | None
) -> list[dict[str, Any]]:
    """Each change with names for keys; who did it, where the asker may know them."""
    rows = list(changes)
    names = Names(asker, known).read(
        [values for each in rows for values in (each.values, each.before)]
    )
    shown = _shown_names({name for each in rows for name in each.by}, known)
    return [
        {
            "at": each.at,
            "kind": each.kind,
            "change": each.what,
            "values": names.told(each.values),
            "before": names.told(each.before),
            "by": [name for name in each.by if name in shown],
            "actions": list(each.actions),
        }
        for each in rows
    ]


def tell_reads(reads: Iterable[Read], known: set[int] | None) -> list[dict[str, Any]]:
    """Each read as it was recorded; `user` is null for somebody whom the asker may not know."""
    rows = list(reads)
    shown = _shown_names({each.actor for each in rows}, known)
    return [
        {
            "record": each.record if known is None else None,
            "at": each.at,
            "action": each.action,
            "user": each.actor if each.actor in shown else None,
            "seen": each.seen,
        }
        for each in rows
    ]


def tell_position(position: Position | None) -> list[Any] | None:
    """Where a list goes on, as a cursor holds it."""
    return None if position is None else [position.at.isoformat(), position.source, position.entry]


def _tell_labels(past: Past, asker: Principal) -> list[dict[str, Any]]:
    ways = {False: _ways(past.then), True: _ways(past.hindsight)}
    fields = {field for found in ways.values() for way in found.values() for field in way}
    steps = known_steps(asker, fields)
    return [
        {
            "field": field,
            "tag": tag,
            "then": (field, tag) in ways[False],
            "hindsight": (field, tag) in ways[True],
            "steps": [
                {"dataset": steps[each].name, "field": steps[each].field}
                for each in ways[False].get((field, tag)) or ways[True][field, tag]
                if each in steps
            ],
        }
        for field, tag in sorted({*ways[False], *ways[True]})
    ]


def _ways(resource: Resource | None) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {
        (column.name, tag): way
        for column in (resource.fields if resource else ())
        for tag, way in column.label_paths.items()
    }


def _shown_names(names: set[str], known: set[int] | None) -> set[str]:
    if known is None:
        return names
    return {name for name, key in user_keys(names).items() if key in known}
