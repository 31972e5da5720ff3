"""A namespace of its own in the real object store."""

import pytest

from storage.services.namespaces import create_namespace
from storage.tables.catalog import LakewardenCatalog


@pytest.fixture
def namespace(db, object_buckets, unique):
    return create_namespace(levels=(unique,))


@pytest.fixture
def catalog() -> LakewardenCatalog:
    return LakewardenCatalog()
