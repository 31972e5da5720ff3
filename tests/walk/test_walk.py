"""Every URL, asked by random users in random estates: nothing changes when all that they may not know of is gone.

What a user may know of is the oracle's to say (`tests/governance/policy/oracle.py`). The same questions are asked twice,
the second time of an estate from which everything hidden was removed: names, counts, facets, suggestions, neighbours,
exports, texts of errors and ETags must be the same. And each filter, taken away alone, must make the walk fail:
a handful of them here, all with `make test-mutations` (`test_mutations.py`).
"""

import pytest

from tests.walk.commands import command_questions
from tests.walk.estates import MINE, SECRET
from tests.walk.looking import look_around
from tests.walk.mutations import ALWAYS, ALWAYS_IN_ADMIN
from tests.walk.questions import admin_questions, all_questions
from tests.walk.worlds import make_estate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unlimited"),
    pytest.mark.timeout(900),  # many questions, on a machine that may be busy
]


def test_a_user_can_tell_nothing_of_what_is_hidden() -> None:
    estate = make_estate(4, is_steward=False)
    assert MINE in estate.allowed("administer")
    assert SECRET not in estate.allowed("trace")

    wrong, noticed = look_around(
        estate,
        [*all_questions(estate), *command_questions(estate)],
        without=ALWAYS.__contains__,
    )

    assert not wrong, "\n".join(wrong)
    assert noticed == dict.fromkeys(ALWAYS, True)


def test_a_steward_can_tell_nothing_of_what_is_hidden_in_the_admin_either() -> None:
    estate = make_estate(11, is_steward=True)

    wrong, noticed = look_around(
        estate, list(admin_questions(estate)), without=ALWAYS_IN_ADMIN.__contains__
    )

    assert not wrong, "\n".join(wrong)
    assert noticed == dict.fromkeys(ALWAYS_IN_ADMIN, True)
