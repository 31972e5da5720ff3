"""What must stand after a set of events, told slowly and plainly: no order of arrival, no stored state, no shared code.

Beside the engine's own reading this knows only the specification: names with their symlinks, schemas, column lineage, and the rule
that a job has the edges of its last completed run and of those in progress that began after it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.lineage.events import Event, Name

FINAL = ("NEW", "RUNNING", "COMPLETED", "ABORTED", "FAILED")
STATES = {
    "START": "RUNNING",
    "RUNNING": "RUNNING",
    "COMPLETE": "COMPLETED",
    "ABORT": "ABORTED",
    "FAIL": "FAILED",
}

Column = tuple[
    Name, str, str, str, str, bool
]  # source, its field, target field, type, subtype, masking
Edge = tuple[frozenset[Name], Name, str]  # dataset (all its names), job, direction
FieldEdge = tuple[Name, frozenset[Name], str, frozenset[Name], str, str, str, bool]


@dataclass
class ToldRun:
    """A run as its events tell of it."""

    job: Name
    state: str
    started_at: datetime
    ended_at: datetime | None
    uses: dict[tuple[Name, str], frozenset[Column]] = field(default_factory=dict)


class Reference:
    """The catalog that the events of any order must leave."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = sorted(events, key=lambda event: (event.time, event.digest))
        self.groups = _groups(self.events)
        self.runs = self._read_runs()

    @property
    def datasets(self) -> set[frozenset[Name]]:
        """Each dataset as all of its names."""
        return set(self.groups.values())

    @property
    def jobs(self) -> set[Name]:
        """Every job that an event is of, and every parent."""
        told = {event.job for event in self.events} | {event.parent_job for event in self.events}
        return {name for name in told if name is not None}

    @property
    def states(self) -> dict[UUID, tuple[Name, str]]:
        """Job and state of each run; a parent of which nothing else is told is new."""
        parents = {
            event.parent_run_id: (event.parent_job, "NEW")
            for event in self.events
            if event.parent_run_id is not None and event.parent_job is not None
        }
        return {**parents, **{key: (run.job, run.state) for key, run in self.runs.items()}}

    @property
    def fields(self) -> dict[frozenset[Name], list[str]]:
        """The names of the fields in the schema that was told last: what jobs write goes before what they read."""
        found: dict[frozenset[Name], tuple[tuple[bool, datetime, str], list[str]]] = {}
        for event in self.events:
            for each in event.datasets:
                facet = each.facets.get("schema")
                if not isinstance(facet, dict) or not isinstance(facet.get("fields"), list):
                    continue
                if each.direction == "output" and event.type in ("FAIL", "ABORT"):
                    continue
                key = (each.direction != "input", event.time, event.digest[:8].hex())
                names = list(dict.fromkeys(_field_names(facet["fields"])))
                group = self.groups[each.name]
                if group not in found or key >= found[group][0]:
                    found[group] = (key, names)
        return {group: names for group, (_, names) in found.items()}

    @property
    def edges(self) -> set[Edge]:
        """The edges in force."""
        return {
            (self.groups[name], job, direction)
            for job, run in self._in_force()
            for name, direction in run.uses
        }

    @property
    def field_edges(self) -> set[FieldEdge]:
        """The column lineage in force that producers told themselves; one unmasked way is enough for the values to pass."""
        masked: dict[tuple[Any, ...], bool] = {}
        for job, run in self._in_force():
            for (name, _), columns in run.uses.items():
                for source, origin, target, kind, subtype, masking in columns:
                    ends = (self.groups[source], origin, self.groups[name], target)
                    key = (job, *ends, kind, subtype)
                    masked[key] = masked.get(key, True) and masking
        return {(*key, masking) for key, masking in masked.items()}

    def _read_runs(self) -> dict[UUID, ToldRun]:
        runs: dict[UUID, ToldRun] = {}
        for run_id in {event.run_id for event in self.events if event.run_id is not None}:
            told = [event for event in self.events if event.run_id == run_id]
            runs[run_id] = _read_run(told)
        return runs

    def _in_force(self) -> Iterator[tuple[Name, ToldRun]]:
        for job in {run.job for run in self.runs.values()}:
            own = sorted(
                ((key, run) for key, run in self.runs.items() if run.job == job and run.uses),
                key=lambda pair: (pair[1].ended_at or pair[1].started_at, pair[0]),
            )
            done = [run for _, run in own if run.state == "COMPLETED"][-1:]
            going = [
                run
                for _, run in own
                if run.state in ("NEW", "RUNNING")
                and (not done or run.started_at > done[0].started_at)
            ]
            failed = [run for _, run in own if run.state in ("ABORTED", "FAILED")][-1:]
            for run in [*done, *going] or failed:
                yield job, run


def _read_run(told: Sequence[Event]) -> ToldRun:
    states = [
        STATES.get(event.type, "NEW") if event.kind == "run" else "COMPLETED" for event in told
    ]
    state = max(states, key=FINAL.index)
    ends = [event.time for event, each in zip(told, states, strict=True) if each == state]
    last = max(told, key=lambda event: (event.type in ("COMPLETE", "FAIL", "ABORT"), event.time))
    assert last.job is not None
    run = ToldRun(last.job, state, told[0].time, max(ends) if state in FINAL[2:] else None)
    for event in sorted(told, key=_rank):
        for each in event.datasets:
            key = (each.name, each.direction or "output")
            run.uses.setdefault(key, frozenset())
            columns = frozenset(_columns(each.facets))
            if key[1] == "output" and event.type not in ("FAIL", "ABORT") and columns:
                run.uses[key] = columns
    return run


def _rank(event: Event) -> tuple[bool, datetime, bytes]:
    return (event.type == "COMPLETE" or event.kind != "run", event.time, event.digest)


def _groups(events: Sequence[Event]) -> dict[Name, frozenset[Name]]:
    """Names that mean one dataset: what `symlinks` and renames link, directly or by way of others."""
    groups: dict[Name, set[Name]] = {}
    for event in events:
        for each in event.datasets:
            linked = {each.name, *(name for name, _ in each.symlinks)}
            if each.renamed_from is not None:
                linked.add(each.renamed_from)
            whole = linked.union(*(groups.get(name, set()) for name in linked))
            groups |= dict.fromkeys(whole, whole)
            if each.direction != "input":
                for source, *_ in _columns(each.facets):
                    groups.setdefault(source, {source})
    return {name: frozenset(group) for name, group in groups.items()}


def _columns(facets: Mapping[str, Any]) -> Iterator[Column]:
    """(source, its field, target field, type, subtype, masking) of a `columnLineage` facet."""
    facet = facets.get("columnLineage")
    if not isinstance(facet, dict):
        return
    entries = facet.get("fields") or {}
    for target, entry in entries.items():
        kind = entry.get("transformationType")
        legacy = {"type": "DIRECT" if kind else "", "subtype": kind, "masking": kind == "MASKED"}
        yield from _sources(entry.get("inputFields"), target=target, otherwise=legacy)
    schema = facets.get("schema") or {}
    for target in {*entries, *_field_names(schema.get("fields") or [])}:
        yield from _sources(facet.get("dataset"), target=target, otherwise={})


def _sources(rows: Any, *, target: str, otherwise: dict[str, Any]) -> Iterator[Column]:
    for row in rows or []:
        if not {"namespace", "name", "field"} <= row.keys():
            continue
        for each in row.get("transformations") or [otherwise]:
            kind, subtype = each.get("type") or "", each.get("subtype") or ""
            source = Name(row["namespace"], row["name"])
            yield source, row["field"], target, kind, subtype, each.get("masking") is True


def _field_names(fields: list[Any], prefix: str = "") -> Iterator[str]:
    for each in fields:
        if isinstance(each, dict) and each.get("name"):
            yield f"{prefix}{each['name']}"
            yield from _field_names(each.get("fields") or [], f"{prefix}{each['name']}.")
