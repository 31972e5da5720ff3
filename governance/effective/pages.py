"""One page of a set of datasets in some order, as a query for few rows."""

from typing import Any

from django.db.models import QuerySet

from catalog.models import Dataset
from governance.effective.ids import FrozenIds, Ids
from governance.effective.look import ask
from governance.effective.orders import first_in

KEPT_ORDERS = frozenset({"name", "namespace", "created_at"})
# Sets up to this size are left to the database to sort.
FEW = 1_000


def page_rows(
    found: Ids | FrozenIds, *, order: str = "", after: int | None = None, count: int
) -> QuerySet[Dataset]:
    """Datasets among which the next `count` of `found` are, in `order` (`-` for descending, "" for age) behind row `after`.

    A superset that is seldom larger: whoever orders and cuts it by the same order has the page. A place whose row is
    gone, and an order that changes with each event (`updated_at`), leave all of `found` to the database.
    """
    name, descending = order.removeprefix("-"), order.startswith("-")
    if len(found) <= max(FEW, count):
        keys: Any = list(found)
    elif not name:
        keys = _by_age(found, after=after, count=count, descending=descending)
    elif name in KEPT_ORDERS:
        keys = ask(
            lambda session: first_in(
                session.ordering(name),  # type: ignore[arg-type]
                found,
                after=after,
                count=count,
                descending=descending,
            )
        )
    else:
        keys = None
    return Dataset.objects.live().filter(pk__in=list(found) if keys is None else keys)


def _by_age(
    found: Ids | FrozenIds, *, after: int | None, count: int, descending: bool
) -> list[int]:
    if descending:
        end = len(found) if after is None else found.rank(after - 1)
        return list(found[max(0, end - count) : end])
    start = 0 if after is None else found.rank(after)
    return list(found[start : start + count])
