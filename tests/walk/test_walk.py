"""Every URL, asked by random users in random estates: nothing changes when all that they may not know of is gone.

What a user may know of is the oracle's to say (`tests/governance/policy/oracle.py`). The same questions are asked twice,
the second time of an estate from which everything hidden was removed: names, counts, facets, suggestions, neighbours,
exports, texts of errors and ETags must be the same. And each filter, taken away alone, must make the walk fail:
a handful of them here, all with `make test-mutations`.
"""

import pytest

from tests.walk.answers import Clients, Notice, ask, ask_all, clients_of, differences, tells
from tests.walk.commands import command_questions
from tests.walk.estates import MINE, SECRET, Estate
from tests.walk.filters import watched
from tests.walk.mutations import ALWAYS, UNNOTICED, WITH_ALL
from tests.walk.questions import Question, admin_questions, all_questions
from tests.walk.removal import hidden_words, remove_hidden
from tests.walk.worlds import make_estate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unlimited"),
    pytest.mark.timeout(900),  # many questions, on a machine that may be busy
]

# The staff chooses tags from a list of all, which tells of no dataset (`tests/api/test_every_endpoint.py`).
TO_CHOOSE_FROM = "/admin/catalog/tag/"


def look_around(
    estate: Estate, questions: list[Question], *, without: frozenset[str] | None
) -> tuple[list[str], dict[str, bool]]:
    """What a viewer could tell of what is hidden, a line each; and of filters whether it is noticed that they are gone.

    `without` names the filters that are taken away; None is all that any question asks.
    """
    clients, words = clients_of(estate), hidden_words(estate)
    with watched() as filters:
        notice = Notice(filters, clients)
        wrong = _not_as_the_oracle(estate, clients)
        before = notice.watch(questions)
        wrong += [
            f"{each}: {found.status}" for each, found in before.items() if found.status >= 500
        ]
        wrong += [
            f"{question} tells `{each}`"
            for question, answer in before.items()
            if not question.template.startswith(TO_CHOOSE_FROM)
            for each in tells(question, answer, words)
        ]
        chosen = list(notice.asked_by) if without is None else sorted(without)
        for name in chosen:
            notice.try_without(name, before)
        remove_hidden(estate)
        ask(questions[0], clients)  # a page shows what the one before it left to be said
        wrong += differences(before, ask_all(questions, clients))
        return wrong, {name: notice.is_noticed(name, words) for name in chosen}


def _not_as_the_oracle(estate: Estate, clients: Clients) -> list[str]:
    """The walk must not pass because nothing is shown at all."""
    items, cursor = [], None
    while True:
        query = {"page_size": 5} | ({"cursor": cursor} if cursor else {})
        page = clients.program.get("/api/v1/catalog/datasets", query).json()
        items += page["items"]
        cursor = page["next_cursor"]
        if not cursor:
            break
    shown = {each["name"] for each in items}
    described = {each["name"] for each in items if each["description"] is not None}
    wanted = estate.names(estate.allowed("discover")), estate.names(estate.allowed("view_metadata"))
    return [] if (shown, described) == wanted else [f"shown {shown, described}, wanted {wanted}"]


def test_a_user_can_tell_nothing_of_what_is_hidden() -> None:
    estate = make_estate(4, is_steward=False)
    assert MINE in estate.allowed("administer")
    assert SECRET not in estate.allowed("trace")

    wrong, noticed = look_around(
        estate,
        [*all_questions(estate), *command_questions(estate)],
        without=None if WITH_ALL else frozenset(ALWAYS),
    )

    assert not wrong, "\n".join(wrong)
    told = {name for names in UNNOTICED.values() for name in names}
    assert {name for name, is_noticed in noticed.items() if not is_noticed} - told == set()


def test_a_steward_can_tell_nothing_of_what_is_hidden_in_the_admin_either() -> None:
    estate = make_estate(11, is_steward=True)

    wrong, _ = look_around(estate, list(admin_questions(estate)), without=frozenset())

    assert not wrong, "\n".join(wrong)
