"""A running service, raw tables in it, and a service account that may refine them."""

import dataclasses
from types import SimpleNamespace
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission
from django.db import transaction

from governance.models import DomainUserGrant
from storage.services.namespaces import DOMAIN_PROPERTY
from storage.tables.catalog import LakewardenCatalog
from tests.factories.catalog import make_domain
from tests.factories.identity import make_actors, make_service
from tests.factories.storage import make_tiers


def grant_domain(user, domain, *actions: str) -> None:
    for action in actions:
        permission = Permission.objects.get(codename=f"{action}_domain")
        DomainUserGrant.objects.create(user=user, content_object=domain, permission=permission)


@pytest.fixture
def world(object_buckets, unique):
    """`owner` stewards a domain with the table `<unique>_raw.flights`; `service` may read and write there."""
    make_tiers()
    actors = make_actors()
    domain = make_domain(stewards=[actors.owner])
    service = make_service(responsible=actors.owner)
    grant_domain(service, domain, "read", "write")
    flights = pa.table(
        {
            "flight": pa.array(range(6), pa.int64()),
            "origin": ["EWR", "JFK", "EWR", "LGA", "JFK", "EWR"],
            "distance": [100.0, 200.0, 300.0, 400.0, 500.0, 600.0],
            "delay": pa.array([5, -3, None, 40, 20, 0], pa.int64()),
        }
    )
    raw = f"{unique}_raw"
    with transaction.atomic():
        catalog = LakewardenCatalog(owner=actors.owner)
        catalog.create_namespace(raw, {DOMAIN_PROPERTY: domain.slug})
        catalog.create_table(f"{raw}.flights", flights.schema).append(flights)
    return SimpleNamespace(
        actors=actors, owner=actors.owner, domain=domain, service=service, raw=raw, unique=unique
    )


@pytest.fixture
def running_service(live_server, settings, tmp_path):
    """The service over HTTP, where Spark finds it."""
    settings.LAKEWARDEN = dataclasses.replace(
        django_settings.LAKEWARDEN, url=urlsplit(live_server.url), data_dir=tmp_path
    )
    return live_server
