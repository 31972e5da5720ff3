"""A page of a set is the page that the database would cut from it, in every order, from every place."""

import random

import pytest

from catalog.models import Dataset
from governance.effective.ids import FrozenIds
from governance.effective.pages import page_rows
from tests.factories.catalog import make_dataset

pytestmark = pytest.mark.django_db(transaction=True)
ORDERS = ["", "-", "name", "-name", "namespace", "-namespace", "created_at", "updated_at"]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr("governance.effective.pages.FEW", 2)
    monkeypatch.setattr("governance.effective.orders._CHUNK", 3)


def by(order):
    sign, name = order[: order.startswith("-")], order.removeprefix("-")
    return [f"{sign}{name}", f"{sign}pk"] if name else [f"{sign}pk"]


def walk(found, order, *, size):
    """All pages, each cut from what `page_rows` gives behind the last row of the page before."""
    pages, after = [], None
    while True:
        rows = page_rows(FrozenIds(found), order=order, after=after, count=size).order_by(
            *by(order)
        )
        keys = list(rows.values_list("pk", flat=True))
        # what lies before the place is cut off by the cursor's condition
        wanted = expected(found, order)
        start = 0 if after is None else wanted.index(after) + 1
        page = [key for key in keys if key in wanted[start:]][:size]
        if not page:
            return pages
        pages += page
        after = page[-1]


def expected(found, order):
    rows = Dataset.objects.live().filter(pk__in=found)
    return list(rows.order_by(*by(order)).values_list("pk", flat=True))


@pytest.mark.parametrize("order", ORDERS)
def test_pages_are_those_of_the_database_while_rows_come_and_change_names(order):
    dice = random.Random(order)
    names = [f"{dice.choice('abc')}.{number}" for number in range(14)]
    rows = [make_dataset(name, namespace=dice.choice("xyz")) for name in names]
    found = [row.pk for row in dice.sample(rows, 9)]
    assert walk(found, order, size=2) == expected(found, order)
    Dataset.objects.filter(pk=found[0]).update(name="0.first", namespace="zz")
    found.append(make_dataset("b.late", namespace="y").pk)
    assert walk(found, order, size=2) == expected(found, order)
    Dataset.objects.filter(pk=found[3]).update(deleted_at="2026-01-01T00:00:00Z")
    assert walk(found, order, size=3) == expected(found, order)
