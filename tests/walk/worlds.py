"""A whole estate, with its rows."""

import random

from tests.walk.cursors import others_cursors
from tests.walk.estates import Estate, plain_estate
from tests.walk.plants import add_plants, collect_values
from tests.walk.rows import make_datasets, make_lineage, make_people, make_rights, make_vocabulary


def make_estate(seed: int, *, is_steward: bool) -> Estate:
    """An estate of which the viewer knows some part; a steward stewards another domain, and comes into the admin."""
    dice = random.Random(seed)
    estate = plain_estate(dice, is_steward=is_steward)
    make_people(estate, is_steward=is_steward)
    make_datasets(estate)
    make_rights(estate)
    make_lineage(estate, dice)
    make_vocabulary(estate, dice)
    add_plants(estate)
    estate.values = collect_values(estate) | others_cursors()
    return estate
