"""Runs with what their events told: facets and uses."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from catalog.lineage.events import TERMINAL, Event, Name, parse_event
from catalog.lineage.stamps import READ, WRITTEN, make_stamp, merge_facets
from catalog.models import Dataset, DatasetSymlink, Run, RunDataset, RunEvent
from catalog.models.lineage import Direction

# Events of one run that are read for its facets, newest first: a stream may report for months.
MAX_EVENTS = 500

NEWEST_EVENTS = """
SELECT newest.* FROM unnest(%s::uuid[]) AS r (id)
  CROSS JOIN LATERAL (
    SELECT e.* FROM catalog_runevent e WHERE e.run_id = r.id
     ORDER BY e.event_time DESC, e.id DESC LIMIT %s
  ) AS newest
 ORDER BY newest.event_time, newest.id
"""


@dataclass(frozen=True, slots=True)
class RunUse:
    """A dataset that a run read or wrote, with its `inputFacets` or `outputFacets`."""

    dataset_id: int
    direction: str
    origin: str
    facets: dict[str, Any]


def facets_of_run(run: Run) -> dict[str, Any]:
    """The newest run facets by name, read from the run's events."""
    return merge_run_facets(events_of_run(run))


def merge_run_facets(events: Iterable[Event]) -> dict[str, Any]:
    """The newest run facets by name that these events of one run tell."""
    return _merge((event, event.run_facets) for event in events)


def job_facets_of_run(run: Run) -> dict[str, Any]:
    """The newest facets of the run's job by name, as the run's own events told them."""
    return _merge((event, event.job_facets) for event in events_of_run(run))


def _merge(told: Iterable[tuple[Event, Mapping[str, Any]]]) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    stamps: dict[str, str] = {}
    for event, incoming in told:
        stamp = make_stamp(at=event.time, rank=WRITTEN, digest=event.digest)
        merge_facets(facets=facets, stamps=stamps, incoming=incoming, stamp=stamp)
    return facets


def schemas_written(run: Run) -> dict[Name, Any]:
    """What the run's events say that it wrote, each with the newest `schema` facet that they tell, or None."""
    found: dict[Name, Any] = {}
    for event in events_of_run(run):
        for each in event.datasets:
            if each.direction == Direction.OUTPUT and not event.is_failed:
                found[each.name] = each.facets.get("schema") or found.get(each.name)
    return found


def uses_of_runs(events: Mapping[UUID, Sequence[Event]]) -> dict[UUID, list[RunUse]]:
    """What each run read and wrote, inputs first, with the facets that its `events` tell; three queries."""
    told = {run_id: _use_facets(each) for run_id, each in events.items()}
    ids = find_datasets(name for each in told.values() for name, _ in each)
    facets: dict[tuple[UUID, int | None, str], dict[str, Any]] = {}
    for run_id, each in told.items():
        for (name, direction), found in each.items():
            facets.setdefault((run_id, ids.get(name), direction), {}).update(found)
    uses: dict[UUID, list[RunUse]] = {run_id: [] for run_id in events}
    rows = RunDataset.objects.filter(run_id__in=events.keys()).order_by("direction", "dataset_id")
    for row in rows:
        key = (row.run_id, row.dataset_id, row.direction)
        uses[row.run_id].append(
            RunUse(row.dataset_id, row.direction, row.origin, facets.get(key, {}))
        )
    return uses


def events_of_run(run: Run) -> list[Event]:
    """The run's newest events, oldest first."""
    return events_of_runs([run.pk])[run.pk]


def events_of_runs(run_ids: Collection[UUID], *, each: int = MAX_EVENTS) -> dict[UUID, list[Event]]:
    """The newest events of each run, at most `each`, oldest first; one query."""
    found: dict[UUID, list[Event]] = {run_id: [] for run_id in run_ids}
    for row in RunEvent.objects.raw(NEWEST_EVENTS, [sorted(run_ids), each]) if run_ids else ():
        if row.run_id is not None:
            found[row.run_id].append(parse_event(row.payload))
    return found


def find_datasets(names: Iterable[Name]) -> dict[Name, int]:
    """The id of the dataset that each name means, its own or a symlink; names that nothing bears are left out."""
    wanted = set(names)
    if not wanted:
        return {}
    found: dict[Name, int] = {}
    among = {
        "namespace__in": {name.namespace for name in wanted},
        "name__in": {name.name for name in wanted},
    }
    links = DatasetSymlink.objects.filter(**among).values_list("namespace", "name", "dataset_id")
    own = Dataset.objects.filter(**among).values_list("namespace", "name", "pk")
    for namespace, name, dataset_id in (*links, *own):
        found[Name(namespace, name)] = dataset_id
    return {name: found[name] for name in wanted if name in found}


def _use_facets(events: Iterable[Event]) -> dict[tuple[Name, str], dict[str, Any]]:
    facets: dict[tuple[Name, str], dict[str, Any]] = {}
    stamps: dict[tuple[Name, str], dict[str, str]] = {}
    for event in events:
        rank = WRITTEN if event.type in TERMINAL or event.kind != "run" else READ
        stamp = make_stamp(at=event.time, rank=rank, digest=event.digest)
        for each in event.datasets:
            key = (each.name, each.direction)
            merge_facets(
                facets=facets.setdefault(key, {}),
                stamps=stamps.setdefault(key, {}),
                incoming=each.use_facets,
                stamp=stamp,
            )
    return facets
