"""The walk against a product with one filter taken away: it must notice. All of them: `make test-mutations`."""

import os

import pytest

from tests.walk.estates import make_estate
from tests.walk.mutations import FILTERS, without
from tests.walk.test_walk import look_around

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unlimited")]

# Each of the others takes half a minute as well.
ALWAYS = ("fields of lineage",)
CHOSEN = FILTERS if os.environ.get("LAKEWARDEN_MUTATIONS") else ALWAYS


@pytest.mark.parametrize("name", CHOSEN)
def test_the_walk_notices_a_filter_that_is_gone(name: str) -> None:
    estate = make_estate(4, is_steward=False)

    with without(name):
        wrong = look_around(estate, with_admin=False)

    assert wrong, f"nobody noticed that `{name}` was gone"
