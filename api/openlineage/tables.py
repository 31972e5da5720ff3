"""The answer to a question about datasets and jobs."""

from collections.abc import Iterator, Mapping
from typing import Any

from api.openlineage.questions import Question
from api.openlineage.rendering import (
    Pair,
    anonymous_data,
    cut_of,
    dataset_data,
    job_data,
    render_nodes,
)
from api.openlineage.sights import Sights
from catalog.models.lineage import EdgeKind
from catalog.queries.lineage import (
    Gate,
    KeyGraph,
    Node,
    describe,
    edges_around,
    name_jobs,
    split_keys,
    steps_of,
    walk_keys,
)
from catalog.queries.lineage.describing import DatasetRow, field_tags
from catalog.queries.lineage.graphs import EDGES_FOR_ONE
from catalog.queries.lineage.job_runs import latest_runs
from catalog.queries.lineage.sight import JOB_BIT
from catalog.queries.nodes import find_dataset_node, find_field_node, find_job_node


def answer_tables(question: Question, *, sights: Sights) -> dict[str, Any]:
    """The graph around a dataset, a job, or the dataset of a field. NotFoundError if the caller sees no such node.

    Hidden nodes that join others stand in it without a name where a policy allows the caller to `trace` them, unless the
    question has a filter: what a hidden node is called, or bears, is not told by leaving it out either.
    """
    start = start_node(question, sights=sights)
    found = find_tables(start, question, sights=sights)
    datasets, jobs = split_keys(found.named)
    described = describe(datasets, described=sights.described)
    shown = _matching(described, question, start=start)
    rows = {2 * pk: ("DATASET", row) for pk, row in described.items() if pk in shown}
    data: dict[int, tuple[str, str, dict[str, Any]]] = {
        key: (row.node_id, kind, dataset_data(row)) for key, (kind, row) in rows.items()
    }
    if question.collapse_jobs:
        names = {2 * pk + 1: row.node_id for pk, row in name_jobs(jobs).items()}
        names |= {key: "hidden" for key in found.anonymous if key & JOB_BIT}
        pairs, is_cut = _collapsed(found, names=names, most=EDGES_FOR_ONE * question.budget)
    else:
        data |= _jobs(found, jobs, shown=data, start=start, sights=sights)
        pairs, is_cut = list(_pairs(found)), False
    names = {key: each[0] for key, each in data.items()}
    if not question.is_filtered:
        nameless = [key for key in found.keys if key in found.anonymous]
        if question.collapse_jobs:
            nameless = [key for key in nameless if not key & JOB_BIT]
        data |= anonymous_data(nameless)
    cut = cut_of(found, budget=question.budget, names=names)
    cut["edgesCut"] = cut["edgesCut"] or is_cut
    return {"graph": render_nodes(found.walk.distances, pairs, data=data), **cut}


def start_node(question: Question, *, sights: Sights) -> Node:
    """The node that is asked about. NotFoundError if the caller sees no such node."""
    if question.kind == "job":
        return Node("job", find_job_node(question.rest, visible=sights.visible, at=question.at))
    if question.kind == "field":
        # A field is metadata: who may not view it must not find out that it is there.
        return Node("dataset", find_field_node(question.rest, visible=sights.described).dataset)
    return Node(
        "dataset",
        find_dataset_node(question.rest, visible=sights.visible, described=sights.described),
    )


def find_tables(start: Node, question: Question, *, sights: Sights) -> KeyGraph:
    """The walk that a question asks for."""
    view = edges_around(
        EdgeKind.DATASET,
        [start.key],
        direction=question.direction,
        budget=question.budget,
        at=question.at,
    )
    gate = Gate(sights.visible, traced=sights.traced)
    found = walk_keys(
        view,
        [start.key],
        direction=question.direction,
        steps=steps_of(start, question.depth),
        budget=question.budget,
        allow=gate,
    )
    return found.hiding(gate.hidden, start={start.key}) if gate.hidden else found


def _matching(rows: Mapping[int, DatasetRow], question: Question, *, start: Node) -> set[int]:
    """The datasets that the filters of the question leave, and the start."""
    shown = {
        pk
        for pk, row in rows.items()
        if not question.namespaces or row.namespace in question.namespaces
    }
    if question.tags:
        of_fields = field_tags([pk for pk in shown if rows[pk].described])
        shown = {
            pk
            for pk in shown
            if not question.tags.isdisjoint([*rows[pk].tags, *of_fields.get(pk, ())])
        }
    return shown | ({start.pk} & rows.keys() if start.kind == "dataset" else set())


def _jobs(
    found: KeyGraph, ids: list[int], *, shown: Mapping[int, Any], start: Node, sights: Sights
) -> dict[int, tuple[str, str, dict[str, Any]]]:
    """The jobs that use a dataset of the answer, and the start, with what they read and write of it."""
    runs = latest_runs(ids, visible=sights.visible)
    data = {
        2 * pk + 1: (row.node_id, "JOB", job_data(row, latest=runs.get(pk)))
        for pk, row in name_jobs(ids).items()
    }
    used = {start.key}
    for origin, destination in _ends(found):
        job, dataset = (origin, destination) if origin & 1 else (destination, origin)
        if dataset in shown and job in data:
            used.add(job)
            side = "outputs" if job == origin else "inputs"
            data[job][2][side].append(shown[dataset][2]["id"])
    return {key: each for key, each in data.items() if key in used}


def _pairs(found: KeyGraph) -> Iterator[tuple[int, int, Pair]]:
    for origin, destination in _ends(found):
        yield origin, destination, {}


def _ends(found: KeyGraph) -> Iterator[tuple[int, int]]:
    yield from zip(found.edges.origins.tolist(), found.edges.destinations.tolist(), strict=True)


def _collapsed(
    found: KeyGraph, *, names: Mapping[int, str], most: int
) -> tuple[list[tuple[int, int, Pair]], bool]:
    """Dataset to dataset, with the jobs that join each pair; at most `most` pairs, and whether there are more."""
    inputs: dict[int, list[int]] = {}
    outputs: dict[int, list[int]] = {}
    for origin, destination in _ends(found):
        if origin & 1:
            outputs.setdefault(origin, []).append(destination)
        else:
            inputs.setdefault(destination, []).append(origin)
    joined: dict[tuple[int, int], list[str]] = {}
    for job in names:
        for origin in inputs.get(job, ()):
            for destination in outputs.get(job, ()):
                if (origin, destination) not in joined and len(joined) == most:
                    return _as_pairs(joined), True
                joined.setdefault((origin, destination), []).append(names[job])
    return _as_pairs(joined), False


def _as_pairs(joined: Mapping[tuple[int, int], list[str]]) -> list[tuple[int, int, Pair]]:
    return [(origin, target, {"jobs": jobs}) for (origin, target), jobs in joined.items()]
