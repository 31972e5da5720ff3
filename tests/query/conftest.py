"""A governed table of passengers in the real store, and the people around it."""

import pytest

from catalog.models import Dataset
from storage.services.files import sync_table_files
from storage.services.namespaces import create_namespace
from storage.tables.catalog import LakewardenCatalog
from tests.factories.catalog import make_domain
from tests.factories.identity import make_actors
from tests.factories.storage import make_tiers
from tests.query.passengers import ROWS, SCHEMA


@pytest.fixture
def place(db, object_buckets, unique):
    make_tiers()
    domain = make_domain("Passengers")
    return create_namespace(levels=(unique,), properties={"lakewarden.domain": domain.slug})


@pytest.fixture
def catalog() -> LakewardenCatalog:
    return LakewardenCatalog()


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def dataset(catalog, place, actors) -> Dataset:
    catalog.owner = actors.owner
    table = catalog.create_table((*place.levels, "passengers"), SCHEMA)
    table.append(ROWS)
    dataset = Dataset.objects.get(name=f"{place}.passengers")
    sync_table_files(dataset.iceberg_table)
    return dataset
