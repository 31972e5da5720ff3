"""Graphs as Marquez's clients read them: `{"graph": [{id, type, data, inEdges, outEdges}]}`, and what was cut."""

from collections.abc import Mapping
from typing import Any

from catalog.lineage.graph import Walk
from catalog.models import Field, FieldEdge, Job, Run
from catalog.queries.lineage import FieldGraph, Graph, Node

# Marquez knows two types of dataset.
STREAMS = frozenset({"topic", "stream"})
MAX_OPEN_ENDS = 100


def render_graph(
    graph: Graph,
    *,
    datasets: Mapping[int, dict[str, Any]],
    jobs: Mapping[int, Job],
    latest_runs: Mapping[int, Run],
) -> dict[str, Any]:
    """The dataset graph. `distance` is in steps from the start; `cut` says whether the budget left nodes out."""
    ids = {
        node: datasets[node.pk]["row"].node_id if node.kind == "dataset" else jobs[node.pk].node_id
        for node in graph.walk.nodes
    }
    incoming: dict[Node, list[dict[str, str]]] = {node: [] for node in ids}
    outgoing: dict[Node, list[dict[str, str]]] = {node: [] for node in ids}
    for edge in graph.edges:
        pair = {"origin": ids[edge.origin], "destination": ids[edge.destination]}
        outgoing[edge.origin].append(pair)
        incoming[edge.destination].append(pair)
    nodes = [
        {
            "id": ids[node],
            "type": node.kind.upper(),
            "data": _dataset_data(datasets[node.pk])
            if node.kind == "dataset"
            else _job_data(
                jobs[node.pk],
                latest=latest_runs.get(node.pk),
                incoming=incoming[node],
                outgoing=outgoing[node],
            ),
            "inEdges": incoming[node],
            "outEdges": outgoing[node],
            "distance": graph.walk.distances[node],
        }
        for node in graph.walk.nodes
    ]
    return {"graph": nodes, **_cut(graph.walk, names=ids)}


def _cut(found: Walk[Any], *, names: Mapping[Any, str]) -> dict[str, Any]:
    """Whether the answer is whole, and from which nodes to ask on if not."""
    ends = [names[end] for end in found.open_ends[:MAX_OPEN_ENDS] if end in names]
    return {"cut": found.cut, "continueFrom": ends if found.cut else []}


def _dataset_data(entry: Mapping[str, Any]) -> dict[str, Any]:
    row = entry["row"]
    return {
        "id": {"namespace": row.namespace, "name": row.name},
        "uuid": str(row.uuid),
        "type": "STREAM" if row.kind in STREAMS else "DB_TABLE",
        "kind": row.kind,
        "name": row.name,
        "physicalName": row.name,
        "namespace": row.namespace,
        "sourceName": row.namespace,
        "createdAt": row.created_at.isoformat(),
        "updatedAt": row.updated_at.isoformat(),
        "description": (row.description or None) if entry["described"] else None,
        "fields": entry["fields"],
        "tags": entry["tags"],
        "lastModifiedAt": None,
    }


def _job_data(
    job: Job,
    *,
    latest: Run | None,
    incoming: list[dict[str, str]],
    outgoing: list[dict[str, str]],
) -> dict[str, Any]:
    return {
        "id": {"namespace": job.namespace, "name": job.name},
        "uuid": str(job.uuid),
        "type": "STREAM" if job.type == "STREAMING" else "BATCH",
        "jobType": job.type or None,
        "name": job.name,
        "simpleName": job.name.rpartition(".")[2],
        "namespace": job.namespace,
        "createdAt": job.created_at.isoformat(),
        "updatedAt": job.updated_at.isoformat(),
        "description": job.description or None,
        "inputs": [edge["origin"] for edge in incoming],
        "outputs": [edge["destination"] for edge in outgoing],
        "latestRun": run_data(latest),
    }


def run_data(run: Run | None) -> dict[str, Any] | None:
    """A run in brief."""
    if run is None:
        return None
    ended = run.ended_at
    return {
        "id": str(run.uuid),
        "state": run.state,
        "startedAt": run.started_at.isoformat() if run.started_at else None,
        "endedAt": ended.isoformat() if ended else None,
        "durationMs": round((ended - run.started_at).total_seconds() * 1000)
        if ended and run.started_at
        else None,
    }


def render_field_graph(graph: FieldGraph) -> dict[str, Any]:
    """The field graph, with each input field's transformations and whether they mask."""
    ids = {pk: field_node_id(row) for pk, row in graph.fields.items()}
    incoming: dict[int, list[FieldEdge]] = {}
    outgoing: dict[int, list[FieldEdge]] = {}
    for edge in graph.edges:
        incoming.setdefault(edge.target_id, []).append(edge)
        outgoing.setdefault(edge.source_id, []).append(edge)
    nodes = [
        {
            "id": ids[pk],
            "type": "DATASET_FIELD",
            "data": _field_data(graph.fields[pk], edges=incoming.get(pk, []), fields=graph.fields),
            "inEdges": _pairs(incoming.get(pk, []), ids=ids),
            "outEdges": _pairs(outgoing.get(pk, []), ids=ids),
            "distance": distance,
        }
        for pk, distance in graph.walk.distances.items()
    ]
    return {"graph": nodes, **_cut(graph.walk, names=ids)}


def field_node_id(row: Field) -> str:
    """The lineage node id of a field whose dataset is loaded."""
    return f"datasetField:{row.dataset.namespace}:{row.dataset.name}:{row.name}"


def _pairs(edges: list[FieldEdge], *, ids: Mapping[int, str]) -> list[dict[str, str]]:
    """Each pair of fields once, however many transformations join them."""
    pairs = dict.fromkeys((ids[edge.source_id], ids[edge.target_id]) for edge in edges)
    return [{"origin": origin, "destination": destination} for origin, destination in pairs]


def _field_data(
    row: Field, *, edges: list[FieldEdge], fields: Mapping[int, Field]
) -> dict[str, Any]:
    by_source: dict[int, list[FieldEdge]] = {}
    for edge in edges:
        by_source.setdefault(edge.source_id, []).append(edge)
    first = edges[0] if edges else None
    return {
        "namespace": row.dataset.namespace,
        "dataset": row.dataset.name,
        "field": row.name,
        "fieldType": row.type,
        "transformationDescription": first.description or None if first else None,
        "transformationType": first.subtype or None if first else None,
        "inputFields": [
            {
                "namespace": fields[source].dataset.namespace,
                "dataset": fields[source].dataset.name,
                "field": fields[source].name,
                "transformations": [_transformation(edge) for edge in links],
            }
            for source, links in by_source.items()
        ],
    }


def _transformation(edge: FieldEdge) -> dict[str, Any]:
    return {
        "type": edge.type,
        "subtype": edge.subtype,
        "description": edge.description,
        "masking": edge.masking,
        "origin": edge.origin,
        "job": edge.job.node_id if edge.job else None,
    }
