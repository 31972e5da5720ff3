"""Reading lineage: one query a level, and only over what the caller may see.

`visible` is the queryset of datasets that `governance` lets the caller discover, `described` of those whose
metadata they may view. It is part of each query, so that a hidden node is neither shown nor counted nor a bridge.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import QuerySet

from catalog.lineage.graph import Walk, walk
from catalog.models import Dataset, DatasetEdge, Field, FieldEdge, Job
from catalog.models.lineage import Direction

NODE_BUDGET = 5_000
MAX_DEPTH = 1_000


class Node(NamedTuple):
    """A node of the dataset graph."""

    kind: str  # "dataset" or "job"
    pk: int


class Edge(NamedTuple):
    """From origin to destination, as data flows."""

    origin: Node
    destination: Node
    edge_origin: str


@dataclass(frozen=True)
class Graph:
    """What a lineage query found: nodes nearest first, and every edge in force between two of them."""

    walk: Walk[Node]
    edges: list[Edge]


# Which stored directions lead from a dataset to a job, and from a job to a dataset.
DATASET_TO_JOB = {
    "downstream": (Direction.INPUT,),
    "upstream": (Direction.OUTPUT,),
    "both": (Direction.INPUT, Direction.OUTPUT),
}
JOB_TO_DATASET = {
    "downstream": (Direction.OUTPUT,),
    "upstream": (Direction.INPUT,),
    "both": (Direction.INPUT, Direction.OUTPUT),
}


def dataset_graph(
    start: Node,
    *,
    depth: int,
    direction: str,
    visible: QuerySet[Dataset],
    budget: int = NODE_BUDGET,
) -> Graph:
    """The lineage around `start`; `depth` counts the jobs on a way from a dataset, or beyond a job.

    `both` follows every edge either way, as Marquez does.
    """
    steps = 2 * depth + (1 if start.kind == "job" else 0)
    found = walk(
        [start], depth=steps, budget=budget, expand=_expander(direction=direction, visible=visible)
    )
    return Graph(found, _edges_between(found.nodes))


def _expander(
    *, direction: str, visible: QuerySet[Dataset]
) -> Callable[[Collection[Node], int], Iterable[Node]]:
    edges = DatasetEdge.objects.filter(valid_to=None)

    def expand(frontier: Collection[Node], most: int) -> Iterable[Node]:
        # Datasets and jobs take turns, so a frontier holds one kind.
        kind = next(iter(frontier)).kind
        keys = [node.pk for node in frontier]
        if kind == "dataset":
            jobs = edges.filter(dataset_id__in=keys, direction__in=DATASET_TO_JOB[direction])
            ids = jobs.order_by("job_id").values_list("job_id", flat=True).distinct()[:most]
            return [Node("job", pk) for pk in ids]
        datasets = edges.filter(
            job_id__in=keys, direction__in=JOB_TO_DATASET[direction], dataset__in=visible
        )
        ids = datasets.order_by("dataset_id").values_list("dataset_id", flat=True).distinct()[:most]
        return [Node("dataset", pk) for pk in ids]

    return expand


def _edges_between(nodes: Collection[Node]) -> list[Edge]:
    jobs = [node.pk for node in nodes if node.kind == "job"]
    datasets = [node.pk for node in nodes if node.kind == "dataset"]
    rows = (
        DatasetEdge.objects.filter(valid_to=None, job_id__in=jobs, dataset_id__in=datasets)
        .order_by("job_id", "dataset_id", "direction")
        .values_list("dataset_id", "job_id", "direction", "origin")
    )
    edges = []
    for dataset_id, job_id, direction, told in rows:
        dataset, job = Node("dataset", dataset_id), Node("job", job_id)
        pair = (dataset, job) if direction == Direction.INPUT else (job, dataset)
        edges.append(Edge(*pair, told))
    return edges


def describe_datasets(
    keys: Collection[int], *, described: QuerySet[Dataset]
) -> dict[int, dict[str, Any]]:
    """What an answer says of each dataset; fields, tags and description only of `described` ones. Five queries."""
    rows = {
        row.pk: row
        for row in Dataset.objects.filter(pk__in=keys).defer(
            "facets", "facet_stamps", "search_text", "search_vector"
        )
    }
    open_keys = set(described.filter(pk__in=keys).values_list("pk", flat=True))
    fields: dict[int, list[dict[str, Any]]] = {}
    for each in (
        Field.objects.present().filter(dataset_id__in=open_keys).prefetch_related("field_tags__tag")
    ):
        fields.setdefault(each.dataset_id, []).append(
            {
                "name": each.name,
                "type": each.type,
                "description": each.description or None,
                "tags": sorted(link.tag.name for link in each.field_tags.all()),
            }
        )
    tags: dict[int, list[str]] = {}
    for dataset_id, name in (
        Dataset.objects.filter(pk__in=open_keys, dataset_tags__isnull=False)
        .order_by("pk", "dataset_tags__tag__name")
        .values_list("pk", "dataset_tags__tag__name")
    ):
        tags.setdefault(dataset_id, []).append(name)
    return {
        pk: {
            "row": row,
            "described": pk in open_keys,
            "fields": fields.get(pk, []),
            "tags": tags.get(pk, []),
        }
        for pk, row in rows.items()
    }


def load_jobs(keys: Collection[int]) -> dict[int, Job]:
    """Jobs, one query; facets are left out: they may name what the caller may not see."""
    rows = Job.objects.filter(pk__in=keys).defer("facets", "facet_stamps")
    return {row.pk: row for row in rows}


@dataclass(frozen=True)
class FieldGraph:
    """What a column lineage query found."""

    walk: Walk[int]
    edges: list[FieldEdge]
    fields: dict[int, Field]


def field_graph(
    start: Collection[int],
    *,
    depth: int,
    with_downstream: bool,
    described: QuerySet[Dataset],
    budget: int = NODE_BUDGET,
) -> FieldGraph:
    """The fields from which `start` (field ids) derive, and with `with_downstream` those derived from them."""
    from catalog.lineage.graph import join_walks

    walks = [
        walk(start, depth=depth, budget=budget, expand=_field_expander(side, described=described))
        for side in (("upstream", "downstream") if with_downstream else ("upstream",))
    ]
    found = join_walks(*walks)
    edges = list(
        FieldEdge.objects.filter(
            valid_to=None, source_id__in=found.nodes, target_id__in=found.nodes
        )
        .select_related("job")
        .defer("job__facets", "job__facet_stamps")
        .order_by("pk")
    )
    fields = {
        row.pk: row
        for row in Field.objects.filter(pk__in=found.nodes)
        .select_related("dataset")
        .defer(
            "dataset__facets",
            "dataset__facet_stamps",
            "dataset__search_text",
            "dataset__search_vector",
        )
    }
    return FieldGraph(found, edges, fields)


def _field_expander(
    side: str, *, described: QuerySet[Dataset]
) -> Callable[[Collection[int], int], Iterable[int]]:
    here, there = ("target", "source") if side == "upstream" else ("source", "target")

    def expand(frontier: Collection[int], most: int) -> Iterable[int]:
        return (
            FieldEdge.objects.filter(
                **{
                    "valid_to": None,
                    f"{here}_id__in": list(frontier),
                    f"{there}__dataset__in": described,
                }
            )
            .order_by(f"{there}_id")
            .values_list(f"{there}_id", flat=True)
            .distinct()[:most]
        )

    return expand
