"""Two entries that turn out to be one: what hung on either hangs on the one that stays."""

import pytest

from catalog.models import Dataset, DatasetTelling, DataSource
from catalog.services.merging import merge_datasets
from tests.factories.catalog import make_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def orders() -> Dataset:
    return make_dataset("orders")


@pytest.fixture
def alias() -> Dataset:
    return make_dataset("orders-alias")


def test_the_source_of_the_alias_is_kept(orders, alias) -> None:
    source = DataSource.objects.create(name="warehouse", type="POSTGRESQL")
    source.datasets.add(alias)

    merge_datasets(source=alias, target=orders, actor="t")

    assert [*orders.data_sources.all()] == [source]


def test_a_dataset_stays_at_one_source(orders, alias) -> None:
    source = DataSource.objects.create(name="warehouse", type="POSTGRESQL")
    source.datasets.add(orders)
    DataSource.objects.create(name="lake", type="S3").datasets.add(alias)

    merge_datasets(source=alias, target=orders, actor="t")

    assert [*orders.data_sources.all()] == [source]


def test_the_later_word_on_a_facet_stands(orders, alias) -> None:
    for dataset, word, stamp in ((orders, "former", "4:2"), (alias, "later", "4:1")):
        dataset.facets = {"documentation": {"description": word}}
        dataset.facet_stamps = {"documentation": stamp}
        dataset.save()
    # the alias's word was told once more, after that of the other name
    DatasetTelling.objects.create(
        dataset=alias, hash=b"h" * 16, stamp="4:3", names=["documentation"]
    )

    merge_datasets(source=alias, target=orders, actor="t")

    orders.refresh_from_db()
    assert orders.facets == {"documentation": {"description": "later"}}
    assert orders.facet_stamps == {"documentation": "4:3"}
    assert not DatasetTelling.objects.exists()
