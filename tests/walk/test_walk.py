"""Every URL, asked by random users in random estates: nothing changes when all that they may not know of is gone.

What a user may know of is the oracle's to say (`tests/governance/policy/oracle.py`). The same questions are asked twice,
the second time of an estate from which everything hidden was removed: names, counts, facets, suggestions, neighbours,
exports, texts of errors and ETags must be the same.
"""

import pytest

from tests.walk.answers import ask_all, clients_of, differences
from tests.walk.estates import Estate, hidden_words, make_estate, remove_hidden
from tests.walk.questions import admin_questions, all_questions

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unlimited")]


def look_around(estate: Estate, *, with_admin: bool) -> list[str]:
    """What a viewer could tell of what is hidden, a line each."""
    clients = clients_of(estate)
    questions = list(all_questions(estate))
    if with_admin:
        questions += admin_questions(estate)
    before = ask_all(questions, clients)
    wrong = [
        f"{question}: {answer.status}"
        for question, answer in before.items()
        if answer.status >= 500
    ]
    wrong += _not_as_the_oracle(estate, clients)
    wrong += [
        f"{question} tells `{each}`"
        for question, answer in before.items()
        for each in hidden_words(estate)
        if each in answer.body and each not in str(question)
    ]
    remove_hidden(estate)
    return wrong + differences(before, ask_all(questions, clients))


def _not_as_the_oracle(estate: Estate, clients) -> list[str]:
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


@pytest.mark.parametrize("seed", [4])
def test_a_user_can_tell_nothing_of_what_is_hidden(seed: int) -> None:
    estate = make_estate(seed, is_steward=False)
    visible = estate.allowed("discover")
    assert 3 <= len(visible) <= len(estate.datasets) - 2

    wrong = look_around(estate, with_admin=False)

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("seed", [11])
def test_a_steward_can_tell_nothing_of_what_is_hidden_in_the_admin_either(seed: int) -> None:
    estate = make_estate(seed, is_steward=True)

    wrong = look_around(estate, with_admin=True)

    assert not wrong, "\n".join(wrong)
