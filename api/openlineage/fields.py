"""The answer to a question about fields: column lineage."""

from typing import Any

import numpy as np

from api.openlineage.questions import Question
from api.openlineage.rendering import cut_of, field_data, render_nodes
from api.openlineage.sights import Sights
from catalog.lineage.adjacency import EdgeArrays
from catalog.lineage.graph import join_walks
from catalog.models import DatasetEdge, Field
from catalog.models.lineage import Direction, EdgeKind
from catalog.queries.lineage import KeyGraph, allow_fields, edges_around, walk_keys
from catalog.queries.lineage.columns import (
    FieldEdgeRow,
    FieldRow,
    describe_edges,
    name_fields,
    tagged_fields,
)
from catalog.queries.lineage.graphs import UNLIMITED
from catalog.queries.nodes import find_dataset_node, find_field_node, find_job_node


def answer_fields(question: Question, *, sights: Sights) -> dict[str, Any]:
    """The graph around a field, a dataset's fields, or the fields that a job writes.

    NotFoundError if the caller may not view the metadata of such a node. `both` is what the fields derive from and
    what derives from them; what only shares a source with them is not in it.
    """
    found = find_fields(start_fields(question, sights=sights), question, sights=sights)
    fields = name_fields(found.keys)
    incoming: dict[int, list[FieldEdgeRow]] = {}
    for edge in describe_edges(found.edges.edges.tolist()):
        if edge.source in fields and edge.target in fields:
            incoming.setdefault(edge.target, []).append(edge)
    shown = _matching(fields, question)
    data = {
        pk: (
            row.node_id,
            "DATASET_FIELD",
            field_data(row, edges=incoming.get(pk, []), fields=fields),
        )
        for pk, row in fields.items()
        if pk in shown
    }
    # Each pair of fields once, however many transformations join them.
    pairs = dict.fromkeys((e.source, e.target) for edges in incoming.values() for e in edges)
    names = {pk: row.node_id for pk, row in fields.items()}
    nodes = render_nodes(found.walk.distances, ((*pair, {}) for pair in pairs), data=data)
    return {"graph": nodes, **cut_of(found, budget=question.budget, names=names)}


def start_fields(question: Question, *, sights: Sights) -> list[int]:
    """The fields that are asked about, at most the budget. NotFoundError as `answer_fields`."""
    described = sights.described
    if question.kind == "field":
        return [find_field_node(question.rest, visible=described).field]
    if question.kind == "dataset":
        datasets = [find_dataset_node(question.rest, visible=described, described=described)]
    else:
        job = find_job_node(question.rest, visible=described, at=question.at)
        written = DatasetEdge.objects.filter(job=job, valid_to=None, direction=Direction.OUTPUT)
        ids = np.array(list(written.values_list("dataset_id", flat=True)), dtype=np.int64)
        datasets = ids[described.visible_among(ids)].tolist() if len(ids) else []
    rows = Field.objects.present().filter(dataset__in=datasets).order_by("pk")
    return list(rows.values_list("pk", flat=True)[: question.budget])


def find_fields(start: list[int], question: Question, *, sights: Sights) -> KeyGraph:
    """The walks that a question asks for, as one graph."""
    both = question.direction == "both"
    walks = [
        _walk_fields(start, side, question, sights=sights)
        for side in (("upstream", "downstream") if both else (question.direction,))
    ]
    edges = EdgeArrays(
        *(np.concatenate(parts) for parts in zip(*(w.edges for w in walks), strict=True))
    )
    _, first = np.unique(edges.edges, return_index=True)
    return KeyGraph(
        join_walks(*(each.walk for each in walks)),
        EdgeArrays(*(part[first] for part in edges)),
        any(each.edges_cut for each in walks),
    )


def _walk_fields(start: list[int], side: str, question: Question, *, sights: Sights) -> KeyGraph:
    view = edges_around(
        EdgeKind.FIELD, start, direction=side, budget=question.budget, at=question.at
    )
    return walk_keys(
        view,
        start,
        direction=side,
        steps=UNLIMITED if question.depth is None else question.depth,
        budget=question.budget,
        allow=allow_fields(sights.described),
    )


def _matching(fields: dict[int, FieldRow], question: Question) -> set[int]:
    """The fields that the filters of the question leave."""
    shown = {
        pk
        for pk, row in fields.items()
        if not question.namespaces or row.namespace in question.namespaces
    }
    return shown & tagged_fields(shown, tags=question.tags) if question.tags else shown
