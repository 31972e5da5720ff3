"""Where tables of the protocols' tests lie."""

import pytest

from storage.services.namespaces import create_namespace
from tests.factories.catalog import make_domain
from tests.factories.storage import make_tiers


@pytest.fixture
def domain(db):
    return make_domain("Flights")


@pytest.fixture
def place(domain, object_buckets, unique):
    """A namespace of the domain, with tiers at both buckets."""
    make_tiers()
    return create_namespace(levels=(unique,), properties={"lakewarden.domain": domain.slug})
