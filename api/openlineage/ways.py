"""`GET /api/v1/catalog/lineage/path`: the shortest ways between two nodes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from api.openlineage.access import principal_from
from api.openlineage.questions import DIRECTIONS, FORMATS, read_choice, read_node_id
from api.openlineage.reading import render_answer
from api.openlineage.rendering import (
    Pair,
    anonymous_data,
    dataset_data,
    field_data,
    job_data,
    render_nodes,
)
from api.openlineage.sights import Sights
from catalog.lineage.hiding import hide_nodes
from catalog.lineage.paths import Ways, find_ways
from catalog.models.lineage import EdgeKind
from catalog.queries.lineage import (
    Gate,
    Node,
    allow_fields,
    describe,
    edges_around,
    name_jobs,
    split_keys,
)
from catalog.queries.lineage.columns import name_fields
from catalog.queries.lineage.graphs import MAX_BUDGET
from catalog.queries.nodes import find_dataset_node, find_field_node, find_job_node

# Nodes that a search may look at, and ways that an answer lists one by one.
SEARCHED = 100_000
MOST_WAYS = 20
Named = tuple[str, str]


@dataclass(frozen=True, slots=True)
class WayQuestion:
    """From which node to which, each as kind and name."""

    origin: Named
    destination: Named
    direction: str = "downstream"
    format: str = "json"

    @property
    def is_of_fields(self) -> bool:
        """Between two fields; else each field stands for its dataset."""
        return self.origin[0] == self.destination[0] == "field"


def get_path(request: HttpRequest) -> HttpResponse:
    """The shortest ways, through what the caller may discover only."""
    sights = Sights(principal_from(request))
    params = request.GET
    question = WayQuestion(
        read_node_id(params, "from"),
        read_node_id(params, "to"),
        direction=read_choice(params, "direction", DIRECTIONS, default="downstream"),
        format=read_choice(params, "format", FORMATS, default="json"),
    )
    return render_answer(answer_ways(question, sights=sights), question.format)


def answer_ways(question: WayQuestion, *, sights: Sights) -> dict[str, Any]:
    """Every node and edge on a shortest way, and the first 20 ways as node ids.

    `length` is the number of steps, None without a way; `cut` then says that not the whole graph was searched.
    NotFoundError if the caller sees no such node.
    """
    kind = EdgeKind.FIELD if question.is_of_fields else EdgeKind.DATASET
    ends = [
        _key(end, fields=question.is_of_fields, sights=sights)
        for end in (question.origin, question.destination)
    ]
    view = edges_around(kind, [ends[0]], direction=question.direction, budget=MAX_BUDGET)
    places = [view.place(end) for end in ends]
    ways, keys = Ways({}, {}), {}
    gate = Gate(sights.visible, traced=sights.traced)
    if places[0] is not None and places[1] is not None:
        allow = allow_fields(sights.described) if question.is_of_fields else gate
        ways = find_ways(
            view, places[0], places[1], direction=question.direction, budget=SEARCHED, allow=allow
        )
        found = list(ways.distances)
        keys = dict(zip(found, view.keys(found).tolist(), strict=True))
    elif ends[0] == ends[1]:
        ways, keys = Ways({0: 0}, {0: []}), {0: ends[0]}
    if question.is_of_fields:
        return _rendered(ways, keys, data=_field_data(keys))
    hidden = _hidden(ways, keys, datasets=gate.hidden, ends=ends)
    return _rendered(ways, keys, data=_node_data(keys, hidden=hidden, sights=sights))


def _key(end: Named, *, fields: bool, sights: Sights) -> int:
    kind, rest = end
    if kind == "field":
        found = find_field_node(rest, visible=sights.described)
        return found.field if fields else Node("dataset", found.dataset).key
    if kind == "job":
        return Node("job", find_job_node(rest, visible=sights.visible)).key
    return Node(
        "dataset", find_dataset_node(rest, visible=sights.visible, described=sights.described)
    ).key


def _hidden(
    ways: Ways, keys: dict[int, int], *, datasets: Collection[int], ends: Collection[int]
) -> list[int]:
    """The nodes on the ways that stand there without a name, in the order of `keys`."""
    nodes = list(keys.values())
    pairs = [
        (keys[place], keys[after]) for place, nexts in ways.following.items() for after in nexts
    ]
    present = [key for key in nodes if key in datasets]
    anonymous = hide_nodes(nodes, pairs, datasets=present, start=ends).anonymous if present else ()
    return [key for key in nodes if key in anonymous]


def _rendered(
    ways: Ways, keys: dict[int, int], *, data: dict[int, tuple[str, str, Any]]
) -> dict[str, Any]:
    distances = {keys[place]: distance for place, distance in ways.distances.items()}
    pairs: list[tuple[int, int, Pair]] = [
        (keys[place], keys[after], {}) for place, nexts in ways.following.items() for after in nexts
    ]
    listed = [
        [data[keys[place]][0] for place in way]
        for way in ways.listed(most=MOST_WAYS)
        if all(keys[place] in data for place in way)
    ]
    return {
        "length": max(distances.values(), default=None),
        "paths": listed,
        "graph": render_nodes(distances, pairs, data=data),
        "cut": ways.cut,
    }


def _node_data(
    keys: dict[int, int], *, hidden: Sequence[int], sights: Sights
) -> dict[int, tuple[str, str, Any]]:
    datasets, jobs = split_keys([key for key in keys.values() if key not in hidden])
    rows = describe(datasets, described=sights.described, fields=False)
    data: dict[int, tuple[str, str, Any]] = {
        2 * pk: (row.node_id, "DATASET", dataset_data(row)) for pk, row in rows.items()
    }
    for pk, row in name_jobs(jobs).items():
        data[2 * pk + 1] = (row.node_id, "JOB", job_data(row, latest=None))
    return data | anonymous_data(hidden)


def _field_data(keys: dict[int, int]) -> dict[int, tuple[str, str, Any]]:
    rows = name_fields(list(keys.values()))
    return {
        pk: (row.node_id, "DATASET_FIELD", field_data(row, edges=[], fields=rows))
        for pk, row in rows.items()
    }
