"""The neighbourhood of a dataset along lineage, as one viewer may know it, and its picture."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse

from catalog.models import Dataset, FieldEdge, Job
from catalog.queries.lineage import Node, dataset_graph, load_jobs
from web.lineage_layout import NODE_HEIGHT, NODE_WIDTH, Picture, lay_out

MAX_NODES = 300
TEXT_CHARACTERS = 24
FIELD_EDGES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Datasets and jobs by id, and who feeds whom as (dataset, job, is the dataset the input)."""

    datasets: Mapping[int, Dataset]
    jobs: Mapping[int, Job]
    edges: frozenset[tuple[int, int, bool]]
    is_cut: bool


def find_neighbourhood(start: Dataset, *, visible: QuerySet[Dataset], depth: int) -> Neighbourhood:
    """Everything up to `depth` derivations up and down from `start`, among what is `visible`.

    At most 300 nodes a direction; `is_cut` tells when there is more.
    """
    graphs = [
        dataset_graph(
            Node("dataset", start.pk),
            depth=depth,
            direction=direction,
            visible=visible.order_by(),
            budget=MAX_NODES,
        )
        for direction in ("upstream", "downstream")
    ]
    nodes = {node for graph in graphs for node in graph.walk.nodes}
    edges = {(edge.origin, edge.destination) for graph in graphs for edge in graph.edges}
    return Neighbourhood(
        datasets=Dataset.objects.in_bulk([node.pk for node in nodes if node.kind == "dataset"]),
        jobs=load_jobs([node.pk for node in nodes if node.kind == "job"]),
        edges=frozenset(
            (origin.pk, destination.pk, True)
            if origin.kind == "dataset"
            else (destination.pk, origin.pk, False)
            for origin, destination in edges
        ),
        is_cut=any(graph.walk.cut for graph in graphs),
    )


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """A box with what is written in it; `url` is empty for jobs."""

    x: int
    y: int
    text: str
    full: str
    kind: str
    css: str
    url: str


@dataclass(frozen=True, slots=True)
class Drawing:
    picture: Picture
    nodes: list[DrawnNode]
    node_width: int = NODE_WIDTH
    node_height: int = NODE_HEIGHT


def draw(found: Neighbourhood, *, here: Dataset) -> Drawing:
    """The neighbourhood as placed boxes and arrows."""
    keys = [f"d{pk}" for pk in found.datasets] + [f"j{pk}" for pk in found.jobs]
    arrows = [
        (f"d{dataset}", f"j{job}") if is_input else (f"j{job}", f"d{dataset}")
        for dataset, job, is_input in found.edges
    ]
    picture = lay_out(keys, arrows)
    nodes = [_node(box.key, box.x, box.y, found, here) for box in picture.boxes]
    return Drawing(picture, nodes)


def _node(key: str, x: int, y: int, found: Neighbourhood, here: Dataset) -> DrawnNode:
    pk = int(key[1:])
    if key[0] == "j":
        job = found.jobs[pk]
        return DrawnNode(x, y, _short(job.name), job.name, "job", "job", "")
    dataset = found.datasets[pk]
    css = "node here" if pk == here.pk else "node"
    url = reverse("web:lineage", args=[dataset.uuid])
    kind = dataset.get_kind_display()
    return DrawnNode(x, y, _short(dataset.name), dataset.name, kind, css, url)


def _short(text: str) -> str:
    """The end of a name tells more than its beginning."""
    return text if len(text) <= TEXT_CHARACTERS else "…" + text[1 - TEXT_CHARACTERS :]


def table_rows(found: Neighbourhood) -> list[dict[str, object]]:
    """The same as the picture in words: each job with what it reads and writes."""
    rows = []
    for pk, job in sorted(found.jobs.items(), key=lambda item: item[1].name):
        reads = [d for d, j, is_input in found.edges if j == pk and is_input]
        writes = [d for d, j, is_input in found.edges if j == pk and not is_input]
        rows.append(
            {
                "job": job,
                "reads": _sorted(found, reads),
                "writes": _sorted(found, writes),
            }
        )
    return rows


def _sorted(found: Neighbourhood, ids: Iterable[int]) -> list[Dataset]:
    return sorted((found.datasets[pk] for pk in ids), key=lambda each: each.name)


def field_edges(dataset: Dataset, *, visible: QuerySet[Dataset]) -> list[FieldEdge]:
    """From which fields each field of `dataset` comes, and to which it goes; both ends visible."""
    ids = visible.order_by().values("pk")
    edges = FieldEdge.objects.filter(valid_to=None).select_related(
        "source__dataset", "target__dataset"
    )
    inwards = edges.filter(target__dataset=dataset, source__dataset__in=ids)
    outwards = edges.filter(source__dataset=dataset, target__dataset__in=ids)
    rows = [*inwards[:FIELD_EDGES_SHOWN], *outwards[:FIELD_EDGES_SHOWN]]
    unique = {(e.source_id, e.target_id, e.type, e.subtype): e for e in rows}
    return sorted(
        unique.values(),
        key=lambda e: (e.target.dataset.name, e.target.name, e.source.name, e.type),
    )
