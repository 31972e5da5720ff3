"""`GET /api/v1/lineage` and `/api/v1/column-lineage`, in the shape of Marquez (its openapi.yml, LineageGraph)."""

from typing import Any

import orjson
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from api.openlineage.access import principal_from
from api.openlineage.rendering import render_field_graph, render_graph
from catalog.models import Dataset, Field
from catalog.models.lineage import Direction
from catalog.queries.lineage import (
    MAX_DEPTH,
    NODE_BUDGET,
    Node,
    dataset_graph,
    describe_datasets,
    field_graph,
    load_jobs,
)
from catalog.queries.nodes import (
    find_dataset_node,
    find_field_node,
    find_job_node,
    split_node_id,
)
from catalog.queries.runs import latest_runs_of
from core.errors import InvalidInputError
from governance.policy.types import Action
from governance.queries import load_facts, visible_datasets

DEFAULT_DEPTH = 20
DIRECTIONS = ("both", "upstream", "downstream")


def get_lineage(request: HttpRequest) -> HttpResponse:
    """The graph around a dataset, a job, or the dataset of a field."""
    visible, described = _seen_by(request)
    start = _start_node(request, visible=visible)
    direction = request.GET.get("direction", "both")
    if direction not in DIRECTIONS:
        raise InvalidInputError(f"`direction` must be one of {', '.join(DIRECTIONS)}")
    graph = dataset_graph(start, depth=read_depth(request), direction=direction, visible=visible)
    keys = [node.pk for node in graph.walk.nodes if node.kind == "dataset"]
    job_keys = [node.pk for node in graph.walk.nodes if node.kind == "job"]
    body = render_graph(
        graph,
        datasets=describe_datasets(keys, described=described),
        jobs=load_jobs(job_keys),
        latest_runs=latest_runs_of(job_keys),
    )
    return _answer(body)


def get_column_lineage(request: HttpRequest) -> HttpResponse:
    """The graph of fields around a field, a dataset's fields, or the fields that a job writes."""
    _, described = _seen_by(request)
    start = _start_fields(request, described=described)
    with_downstream = request.GET.get("withDownstream", "false").lower()
    if with_downstream not in {"true", "false"}:
        raise InvalidInputError("`withDownstream` must be true or false")
    graph = field_graph(
        start,
        depth=read_depth(request),
        with_downstream=with_downstream == "true",
        described=described,
    )
    return _answer(render_field_graph(graph))


def read_depth(request: HttpRequest) -> int:
    """`depth` from 0 to 1000, 20 when not given; InvalidInputError otherwise."""
    raw = request.GET.get("depth", str(DEFAULT_DEPTH))
    if not raw.isdecimal() or len(raw) > 4 or int(raw) > MAX_DEPTH:  # noqa: PLR2004 - longer than MAX_DEPTH
        raise InvalidInputError(f"`depth` must be a whole number from 0 to {MAX_DEPTH}")
    return int(raw)


def _seen_by(request: HttpRequest) -> tuple[QuerySet[Dataset], QuerySet[Dataset]]:
    """What the caller may discover, and of what they may view the metadata."""
    principal = principal_from(request)
    facts = load_facts(principal)
    return (
        visible_datasets(principal, facts=facts),
        visible_datasets(principal, action=Action.VIEW_METADATA, facts=facts),
    )


def _node_id(request: HttpRequest) -> tuple[str, str]:
    node_id = request.GET.get("nodeId")
    if not node_id:
        raise InvalidInputError("`nodeId` is needed")
    return split_node_id(node_id)


def _start_node(request: HttpRequest, *, visible: QuerySet[Dataset]) -> Node:
    kind, rest = _node_id(request)
    if kind == "job":
        return Node("job", find_job_node(rest, visible=visible).pk)
    if kind == "field":
        return Node("dataset", find_field_node(rest, visible=visible).dataset_id)
    return Node("dataset", find_dataset_node(rest, visible=visible).pk)


def _start_fields(request: HttpRequest, *, described: QuerySet[Dataset]) -> list[int]:
    kind, rest = _node_id(request)
    if kind == "field":
        return [find_field_node(rest, visible=described).pk]
    if kind == "dataset":
        found = Field.objects.present().filter(dataset=find_dataset_node(rest, visible=described))
    else:
        job = find_job_node(rest, visible=described)
        written = job.dataset_edges.filter(valid_to=None, direction=Direction.OUTPUT)
        found = Field.objects.present().filter(
            dataset__in=described, dataset_id__in=written.values("dataset_id")
        )
    return list(found.order_by("pk").values_list("pk", flat=True)[:NODE_BUDGET])


def _answer(body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(orjson.dumps(body), content_type="application/json")
