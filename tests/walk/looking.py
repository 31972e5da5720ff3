"""Asking everything of an estate, once as it is and once without what is hidden, and once without each filter."""

from collections.abc import Callable

from tests.walk.answers import Clients, Notice, ask, ask_all, clients_of, differences, tells
from tests.walk.changes import ChangeNotice, all_requests
from tests.walk.estates import Estate
from tests.walk.filters import watched
from tests.walk.offers import wrong_offers
from tests.walk.questions import Question
from tests.walk.removal import hidden_words, remove_hidden

# The staff chooses tags from a list of all, which tells of no dataset (`tests/api/test_every_endpoint.py`).
TO_CHOOSE_FROM = "/admin/catalog/tag/"
# Which filters are taken away, of those that are asked.
Chosen = Callable[[str], bool]


def look_around(
    estate: Estate, questions: list[Question], *, without: Chosen
) -> tuple[list[str], dict[str, bool]]:
    """What a viewer could tell of what is hidden, a line each; and of filters whether it is noticed that they are gone."""
    clients, words = clients_of(estate), hidden_words(estate)
    with watched() as filters:
        notice = Notice(filters, clients, judge=lambda *given: wrong_offers(*given, estate))
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
        wrong += [line for each in before.items() for line in wrong_offers(*each, estate)]
        chosen = [name for name in notice.asked_by if without(name)]
        for name in chosen:
            notice.try_without(name, before)
        remove_hidden(estate)
        ask(questions[0], clients)  # a page shows what the one before it left to be said
        wrong += differences(before, ask_all(questions, clients))
        return wrong, {name: notice.is_noticed(name, words) for name in chosen}


def try_changes(estate: Estate, *, without: Chosen) -> tuple[list[str], dict[str, bool]]:
    """The same of requests about what is hidden, what never was, and what is not the viewer's to change."""
    with watched() as filters:
        notice = ChangeNotice(filters, clients_of(estate))
        wrong = notice.watch(all_requests(estate))
        chosen = [name for name in notice.asked_by if without(name)]
        return wrong, {name: notice.is_noticed(name) for name in chosen}


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
