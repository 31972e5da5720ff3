"""Every filter of the product taken away once, alone: reads, pages, commands, the admin or a change must notice.

Takes long, so it runs by `make test-mutations` alone, in as many pieces as one likes: `LAKEWARDEN_MUTATIONS=2/8` is
the second of eight. Every run of the tests takes away the few of `mutations.ALWAYS…`.
"""

import pytest

from tests.walk.answers import scattered
from tests.walk.commands import command_questions
from tests.walk.filters import watched
from tests.walk.looking import look_around, try_changes
from tests.walk.mutations import ALWAYS, ALWAYS_IN_ADMIN, ALWAYS_IN_CHANGES, PIECE, UNNOTICED
from tests.walk.questions import admin_questions, all_questions
from tests.walk.worlds import make_estate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unlimited"),
    pytest.mark.timeout(14_400),
]
takes_long = pytest.mark.skipif(not PIECE, reason="minutes to hours: `make test-mutations`")
KNOWN = {name for names in UNNOTICED.values() for name in names}


def is_chosen(name: str) -> bool:
    """Whether the filter is of the piece that runs."""
    part, _, parts = PIECE.partition("/")
    return int(scattered(name), 16) % int(parts or 1) == int(part) - 1


@pytest.fixture(scope="module")
def noticed() -> dict[str, bool]:
    """By filter, whether some test before noticed that it was gone."""
    return {}


def _note(noticed: dict[str, bool], wrong: list[str], found: dict[str, bool]) -> None:
    assert not wrong, "\n".join(wrong)
    for name, is_noticed in found.items():
        noticed[name] = noticed.get(name, False) or is_noticed


@takes_long
def test_without_a_filter_of_changes(noticed: dict[str, bool]) -> None:
    estate = make_estate(4, is_steward=False)
    _note(noticed, *try_changes(estate, without=is_chosen))


@takes_long
def test_without_a_filter_of_reads(noticed: dict[str, bool]) -> None:
    estate = make_estate(4, is_steward=False)
    questions = [*all_questions(estate), *command_questions(estate)]
    _note(noticed, *look_around(estate, questions, without=is_chosen))


@takes_long
def test_without_a_filter_of_the_admin(noticed: dict[str, bool]) -> None:
    estate = make_estate(11, is_steward=True)
    _note(noticed, *look_around(estate, list(admin_questions(estate)), without=is_chosen))


@takes_long
def test_each_filter_that_is_gone_is_noticed(noticed: dict[str, bool]) -> None:
    unnoticed = {name for name, is_noticed in noticed.items() if not is_noticed}
    assert not unnoticed - KNOWN, "\n".join(sorted(unnoticed - KNOWN))


def test_the_tables_name_filters_that_are_there() -> None:
    with watched() as filters:
        named = {*KNOWN, *ALWAYS, *ALWAYS_IN_ADMIN, *ALWAYS_IN_CHANGES}
        assert named - filters.names == set()
