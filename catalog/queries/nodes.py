"""Lineage node ids, as Marquez writes them: `dataset:NS:NAME`, `job:NS:NAME`, `datasetField:NS:NAME:FIELD`.

Namespaces and names may hold colons themselves (`kafka://host:9092`), so each way to split is looked up.
"""

from django.db.models import Q, QuerySet

from catalog.models import Dataset, DatasetSymlink, Field, Job
from core.errors import InvalidInputError, NotFoundError

MAX_NODE_ID = 2_200
MAX_COLONS = 40
KINDS = {"dataset": "dataset", "job": "job", "datasetField": "field", "field": "field"}


def split_node_id(node_id: str) -> tuple[str, str]:
    """("dataset", "job" or "field", the rest); InvalidInputError if it is not a node id."""
    prefix, colon, rest = node_id.partition(":")
    if (
        prefix not in KINDS
        or not colon
        or len(node_id) > MAX_NODE_ID
        or not 1 <= rest.count(":") <= MAX_COLONS
    ):
        raise InvalidInputError(
            "`nodeId` must be `dataset:NAMESPACE:NAME`, `job:NAMESPACE:NAME` or `datasetField:NAMESPACE:NAME:FIELD`"
        )
    return KINDS[prefix], rest


def find_dataset_node(rest: str, *, visible: QuerySet[Dataset]) -> Dataset:
    """The dataset that `NS:NAME` means, by its own name or a symlink; NotFoundError if the caller sees none."""
    wanted = _matches(_splits(rest))
    found = visible.filter(wanted).first()
    if found is None:
        links = DatasetSymlink.objects.filter(wanted).values("dataset_id")
        found = visible.filter(pk__in=links).first()
    if found is None:
        raise NotFoundError("there is no such node")
    return found


def find_field_node(rest: str, *, visible: QuerySet[Dataset]) -> Field:
    """The field that `NS:NAME:FIELD` means; NotFoundError if the caller sees none."""
    for name, field in _splits(rest):
        try:
            dataset = find_dataset_node(name, visible=visible)
        except NotFoundError:
            continue
        found = Field.objects.filter(dataset=dataset, name=field).first()
        if found is not None:
            return found
    raise NotFoundError("there is no such node")


def find_job_node(rest: str, *, visible: QuerySet[Dataset]) -> Job:
    """The job that `NS:NAME` means; NotFoundError unless the caller may see a dataset of it."""
    jobs = Job.objects.filter(_matches(_splits(rest)))
    found = jobs.filter(dataset_edges__valid_to=None, dataset_edges__dataset__in=visible).first()
    if found is None:
        raise NotFoundError("there is no such node")
    return found


def _splits(text: str) -> list[tuple[str, str]]:
    """Every way to cut at a colon, the longest left part first."""
    cuts = [index for index, char in enumerate(text) if char == ":"]
    return [
        (text[:cut], text[cut + 1 :]) for cut in reversed(cuts) if text[:cut] and text[cut + 1 :]
    ]


def _matches(pairs: list[tuple[str, str]]) -> Q:
    wanted = Q(pk__in=[])
    for namespace, name in pairs:
        wanted |= Q(namespace=namespace, name=name)
    return wanted
