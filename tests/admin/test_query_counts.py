"""Lists take as many queries for three rows as for one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Dataset, Domain, Field
from governance.models import AccessRequest, DatasetUserGrant
from identity.models import User
from storage.models import TierPolicy
from tests.admin.test_reach import changelist
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.governance import make_grant, make_request, make_world
from tests.factories.identity import make_user, page_client
from tests.factories.storage import make_tiers

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "model", [Dataset, Field, AccessRequest, DatasetUserGrant, Domain, User, TierPolicy]
)
def test_a_list_of_three_costs_what_a_list_of_one_costs(model):
    world = make_world()
    client = page_client(world.steward)
    make_request(world.analyst, world.passengers)
    TierPolicy.objects.create(dataset=world.passengers, target=make_tiers()[1])
    counts = []
    for number in range(2):
        client.get(changelist(model))
        with CaptureQueriesContext(connection) as captured:
            client.get(changelist(model))
        counts.append(len(captured))
        for each in range(2):
            more = make_dataset(f"more.{number}-{each}", domain=world.sales, fields=["a"])
            make_grant(world.analyst, more)
            make_request(world.analyst, more)
            make_domain(parent=world.sales)
            make_user()
            TierPolicy.objects.create(dataset=more, target=make_tiers()[1])
    assert counts[0] == counts[1]
