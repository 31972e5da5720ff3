"""Filters that can be taken away, one at a time: the walk must notice each."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from catalog.models import Dataset, Job, Run, RunEvent
from catalog.queries.lineage import sight
from governance import queries, runs
from governance.effective import sets
from governance.effective.ids import FrozenIds


def _every_id(*_: Any, **__: Any) -> FrozenIds:
    return FrozenIds(Dataset.objects.values_list("pk", flat=True))


def _everything(rows: Any) -> Callable[..., Any]:
    return lambda *_, **__: rows.all()


# What is taken away, and what stands in its place: every dataset is visible to this path, every job, and so on.
# Not here yet, since estates have too little of them for the walk to notice: domains, terms, products, facets of jobs.
FILTERS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "datasets in SQL": (queries, "visible_datasets", lambda *_, **__: Dataset.objects.live()),
    "datasets as sets": (sets, "visible_in", _every_id),
    "one dataset": (
        queries,
        "get_visible_dataset",
        lambda _, uuid, **__: Dataset.objects.get(uuid=uuid),
    ),
    "jobs": (runs, "visible_jobs", _everything(Job.objects)),
    "runs": (runs, "visible_runs", _everything(Run.objects)),
    "raw events": (runs, "visible_events", _everything(RunEvent.objects)),
    "nodes of lineage": (
        sight,
        "allow_nodes",
        lambda *_, **__: lambda keys: np.ones(keys.shape, dtype=np.bool_),
    ),
    "fields of lineage": (
        sight,
        "allow_fields",
        lambda *_, **__: lambda keys: np.ones(keys.shape, dtype=np.bool_),
    ),
}


@contextmanager
def without(name: str) -> Iterator[None]:
    """The product with one filter taken away, wherever it was imported to."""
    module, attribute, mutant = FILTERS[name]
    original = getattr(module, attribute)
    _replace(original, mutant)
    try:
        yield
    finally:
        # also in modules that were first imported meanwhile
        _replace(mutant, original)


def _replace(present: Any, other: Any) -> None:
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").partition(".")[0] in _OURS:
            for key, value in list(vars(module).items()):
                if value is present:
                    setattr(module, key, other)


_OURS = {
    "api",
    "catalog",
    "governance",
    "ingestion",
    "processing",
    "query",
    "serving",
    "storage",
    "web",
}
