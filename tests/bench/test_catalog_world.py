"""The world of the benchmarks follows the models: a column that it does not fill breaks every figure of lists and search."""

import pytest
from django.db import connection

from bench._catalog_world import build
from catalog.models import Dataset, Field
from governance.facts import principal_of
from governance.queries import visible_datasets
from identity.models import User


@pytest.mark.django_db
def test_a_small_world_can_be_built_and_asked() -> None:
    with connection.cursor() as cursor:
        # the triggers of a table with checks to come cannot be switched
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        world = build(cursor, datasets=60, say=lambda _: None)

    user = User.objects.get(pk=world.user)
    assert (Dataset.objects.count(), Field.objects.count()) == (60, 300)
    assert user.groups.count() == 5
    assert 0 < visible_datasets(principal_of(user)).count() <= 60
