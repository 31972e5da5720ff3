"""Graphs as Marquez's clients read them: `{"graph": [{id, type, data, inEdges, outEdges}]}`, and what was cut."""

from collections.abc import Iterable, Mapping
from typing import Any

from catalog.queries.lineage.columns import FieldEdgeRow, FieldRow
from catalog.queries.lineage.describing import DatasetRow, JobRow
from catalog.queries.lineage.graphs import KeyGraph
from catalog.queries.lineage.job_runs import RunRow

# Marquez knows two types of dataset.
STREAMS = frozenset({"topic", "stream"})
MAX_OPEN_ENDS = 100
# An edge as the ids of its ends, and what else is said of it.
Pair = dict[str, Any]


def render_nodes(
    distances: Mapping[int, int], pairs: Iterable[tuple[int, int, Pair]], *, data: Mapping[int, Any]
) -> list[dict[str, Any]]:
    """The nodes (keys) that have data, with the edges between them; `data` is (id, type, data) by key."""
    incoming: dict[int, list[Pair]] = {key: [] for key in data}
    outgoing: dict[int, list[Pair]] = {key: [] for key in data}
    for origin, destination, more in pairs:
        if origin in data and destination in data:
            pair = {"origin": data[origin][0], "destination": data[destination][0], **more}
            outgoing[origin].append(pair)
            incoming[destination].append(pair)
    return [
        {
            "id": data[key][0],
            "type": data[key][1],
            "data": data[key][2],
            "inEdges": incoming[key],
            "outEdges": outgoing[key],
            "distance": distance,
        }
        for key, distance in distances.items()
        if key in data
    ]


def anonymous_data(keys: Iterable[int]) -> dict[int, tuple[str, str, dict[str, Any]]]:
    """Nodes (keys of datasets and jobs) of which the caller may know that they are there: numbered within an answer."""
    return {
        key: (f"hidden:{number}", "JOB" if key & 1 else "DATASET", {"anonymous": True})
        for number, key in enumerate(keys, start=1)
    }


def cut_of(found: KeyGraph, *, budget: int, names: Mapping[int, str]) -> dict[str, Any]:
    """Whether the answer is whole, and from which nodes to ask on if not."""
    ends = [names[end] for end in found.walk.open_ends[:MAX_OPEN_ENDS] if end in names]
    return {
        "cut": found.walk.cut,
        "continueFrom": ends if found.walk.cut else [],
        "edgesCut": found.edges_cut,
        "budget": budget,
    }


def dataset_data(row: DatasetRow) -> dict[str, Any]:
    """A dataset as Marquez writes it."""
    return {
        "id": {"namespace": row.namespace, "name": row.name},
        "uuid": row.uuid,
        "type": "STREAM" if row.kind in STREAMS else "DB_TABLE",
        "kind": row.kind,
        "name": row.name,
        "physicalName": row.name,
        "namespace": row.namespace,
        "sourceName": row.namespace,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "description": row.description or None,
        "fields": row.fields,
        "tags": row.tags,
        "lastModifiedAt": None,
    }


def job_data(row: JobRow, *, latest: RunRow | None) -> dict[str, Any]:
    """A job as Marquez writes it; `inputs` and `outputs` are for the caller to fill."""
    return {
        "id": {"namespace": row.namespace, "name": row.name},
        "uuid": row.uuid,
        "type": "STREAM" if row.type == "STREAMING" else "BATCH",
        "jobType": row.type or None,
        "name": row.name,
        "simpleName": row.name.rpartition(".")[2],
        "namespace": row.namespace,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "description": row.description or None,
        "inputs": [],
        "outputs": [],
        "latestRun": run_data(latest),
    }


def run_data(run: RunRow | None) -> dict[str, Any] | None:
    """A run in brief."""
    if run is None:
        return None
    return {
        "id": run.uuid,
        "state": run.state,
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
        "durationMs": run.milliseconds,
    }


def field_data(
    row: FieldRow, *, edges: list[FieldEdgeRow], fields: Mapping[int, FieldRow]
) -> dict[str, Any]:
    """A field with each input field's transformations and whether they mask."""
    by_source: dict[int, list[FieldEdgeRow]] = {}
    for edge in edges:
        by_source.setdefault(edge.source, []).append(edge)
    first = edges[0] if edges else None
    return {
        "namespace": row.namespace,
        "dataset": row.dataset,
        "field": row.name,
        "fieldType": row.type,
        "transformationDescription": first.description or None if first else None,
        "transformationType": first.subtype or None if first else None,
        "inputFields": [
            {
                "namespace": fields[source].namespace,
                "dataset": fields[source].dataset,
                "field": fields[source].name,
                "transformations": [_transformation(edge) for edge in links],
            }
            for source, links in by_source.items()
        ],
    }


def _transformation(edge: FieldEdgeRow) -> dict[str, Any]:
    return {
        "type": edge.type,
        "subtype": edge.subtype,
        "description": edge.description,
        "masking": edge.masking,
        "origin": edge.origin,
        "job": None if edge.job_name is None else f"job:{edge.job_namespace}:{edge.job_name}",
    }
