"""What a caller may see, as a walk asks it: of many datasets at once."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from catalog.lineage.csr import BoolArray, IntArray
from catalog.models import Dataset
from catalog.queries.lineage.rows import as_array, fetch

# Parity of a node key: datasets are even, jobs odd.
JOB_BIT = 1
_DATASETS_OF_FIELDS = "SELECT id, dataset_id FROM catalog_field WHERE id = ANY(%s::bigint[])"


class Sight(Protocol):
    """Which datasets a caller may do some action to. Made by `governance`; exact at the time of each question."""

    def visible_among(self, ids: IntArray) -> BoolArray:
        """Which of these datasets (primary keys) are among them."""
        ...


class QuerySetSight:
    """The datasets of a queryset that `governance` made: its restriction is part of each question's SQL.

    Made for one answer: what was asked once is not asked again.
    """

    def __init__(self, datasets: QuerySet[Dataset]) -> None:
        try:
            query = datasets.order_by().values("pk").query
            self._sql, self._params = query.sql_with_params()
        except EmptyResultSet:
            self._sql, self._params = "SELECT NULL::bigint WHERE false", ()
        self._verdicts: dict[int, bool] = {}

    @property
    def question(self) -> tuple[str, tuple[Any, ...]]:
        """What is asked of the database: equal for equal sights."""
        return self._sql, tuple(self._params)

    def visible_among(self, ids: IntArray) -> BoolArray:
        """See `Sight`; one query, none if all are known."""
        wanted = ids.tolist()
        unknown = [key for key in wanted if key not in self._verdicts]
        if unknown:
            statement = f"SELECT v.id FROM ({self._sql}) v(id) WHERE v.id = ANY(%s::bigint[])"  # noqa: S608  # Django's own SQL
            self._verdicts |= dict.fromkeys(unknown, False)
            self._verdicts |= dict.fromkeys(
                (row[0] for row in fetch(statement, *self._params, as_array(unknown))), True
            )
        return np.array([self._verdicts[key] for key in wanted], dtype=np.bool_)


def allow_nodes(sight: Sight) -> Callable[[IntArray], BoolArray]:
    """Whether a walk over datasets and jobs may enter nodes (keys): a job shows itself by its datasets."""

    def allow(keys: IntArray) -> BoolArray:
        allowed = (keys & JOB_BIT).astype(np.bool_)
        datasets = ~allowed
        allowed[datasets] = sight.visible_among(keys[datasets] >> 1)
        return allowed

    return allow


class Gate:
    """As `allow_nodes`, and through what is hidden where the caller may trace it; `hidden` are those datasets (keys)."""

    def __init__(self, sight: Sight, *, traced: Sight | None) -> None:
        self._sight = sight
        self._traced = traced
        self.hidden: set[int] = set()

    def __call__(self, keys: IntArray) -> BoolArray:
        allowed = allow_nodes(self._sight)(keys)
        if self._traced is None or allowed.all():
            return allowed
        refused = np.flatnonzero(~allowed)
        through = self._traced.visible_among(keys[refused] >> 1)
        allowed[refused[through]] = True
        self.hidden.update(keys[refused[through]].tolist())
        return allowed


def allow_fields(described: Sight) -> Callable[[IntArray], BoolArray]:
    """Whether a walk over fields may enter fields (keys): by the dataset that each is of now."""

    def allow(keys: IntArray) -> BoolArray:
        owners = dict(fetch(_DATASETS_OF_FIELDS, as_array(keys.tolist())))
        datasets = np.array([owners.get(key, 0) for key in keys.tolist()], dtype=np.int64)
        distinct = np.array(sorted(set(datasets.tolist())), dtype=np.int64)
        seen = distinct[described.visible_among(distinct)]
        return np.isin(datasets, seen)

    return allow
