"""Runs with what their events told: facets, uses, and the latest run of each job."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from catalog.lineage.events import TERMINAL, Event, Name, parse_event
from catalog.lineage.stamps import READ, WRITTEN, make_stamp, merge_facets
from catalog.models import Dataset, DatasetSymlink, Run, RunDataset, RunEvent

# Events of one run that are read for its facets, newest first: a stream may report for months.
MAX_EVENTS = 500

LATEST_RUNS = """
SELECT latest.* FROM unnest(%s::bigint[]) AS j (id)
  CROSS JOIN LATERAL (
    SELECT r.* FROM catalog_run r WHERE r.job_id = j.id AND r.observed AND r.started_at IS NOT NULL
     ORDER BY r.started_at DESC, r.uuid DESC LIMIT 1
  ) AS latest
"""


@dataclass(frozen=True, slots=True)
class RunUse:
    """A dataset that a run read or wrote, with its `inputFacets` or `outputFacets`."""

    dataset_id: int
    direction: str
    origin: str
    facets: dict[str, Any]


def latest_runs_of(job_ids: Collection[int]) -> dict[int, Run]:
    """The run of each job that began last, by job id; one query. Runs that did not happen are left out."""
    if not job_ids:
        return {}
    return {run.job_id: run for run in Run.objects.raw(LATEST_RUNS, [sorted(job_ids)])}


def facets_of_run(run: Run) -> dict[str, Any]:
    """The newest run facets by name, read from the run's events."""
    facets: dict[str, Any] = {}
    stamps: dict[str, str] = {}
    for event in events_of_run(run):
        stamp = make_stamp(at=event.time, rank=WRITTEN, digest=event.digest)
        merge_facets(facets=facets, stamps=stamps, incoming=event.run_facets, stamp=stamp)
    return facets


def uses_of_run(run: Run) -> list[RunUse]:
    """What the run read and wrote, inputs first, each with its newest facets, read from the run's events."""
    rows = RunDataset.objects.filter(run=run).order_by("direction", "dataset_id")
    told = _use_facets(events_of_run(run))
    ids = find_datasets(name for name, _ in told)
    facets: dict[tuple[int | None, str], dict[str, Any]] = {}
    for (name, direction), found in told.items():
        facets.setdefault((ids.get(name), direction), {}).update(found)
    return [
        RunUse(
            row.dataset_id,
            row.direction,
            row.origin,
            facets.get((row.dataset_id, row.direction), {}),
        )
        for row in rows
    ]


def events_of_run(run: Run) -> list[Event]:
    """The run's newest events, oldest first."""
    rows = RunEvent.objects.filter(run=run).order_by("-event_time", "-pk")[:MAX_EVENTS]
    return [parse_event(row.payload) for row in reversed(rows)]


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
        rank = WRITTEN if event.type in TERMINAL or event.kind == "job" else READ
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
