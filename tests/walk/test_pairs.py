"""Every method of every URL, asked of what is hidden and of what never was: the answers and the queries are the same."""

import pytest

from tests.api.endpoints import all_endpoints
from tests.walk.answers import clients_of
from tests.walk.bodies import BODIES, CLASHES, CONTENT_TYPES, DEARER, OPEN, WITHOUT_BODY
from tests.walk.pairs import READS, Outcome, Pair, all_pairs, is_known, outcomes
from tests.walk.worlds import make_estate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unlimited"),
    pytest.mark.timeout(900),  # many questions, on a machine that may be busy
]


# Our own API's, and Iceberg's.
NOT_OFFERED_STATUSES = (405, 406)


def test_nobody_can_tell_what_is_hidden_from_what_never_was() -> None:
    estate = make_estate(4, is_steward=False)
    clients, wrong = clients_of(estate), []
    for pair in all_pairs(estate):
        answers = outcomes(pair, clients)
        if answers[0].status not in NOT_OFFERED_STATUSES:
            wrong += _findings(pair, *answers)

    assert not wrong, "\n".join(wrong)


def _findings(pair: Pair, hidden: Outcome, missing: Outcome) -> list[str]:
    """What is wrong with a pair of answers, a line each."""
    found = []
    if not is_known(pair):
        found.append(f"say in BODIES or WITHOUT_BODY what `{pair.key}` takes ({hidden.status})")
    if hidden.status >= 500:
        found.append(f"{pair}: {hidden.status}")
    if pair.method not in READS and hidden.status < 400 and pair.key not in OPEN:
        found.append(f"{pair}: {hidden.status}, though it is hidden")
    if hidden.said != missing.said and pair.key not in CLASHES:
        found.append(f"{pair}: {hidden.said} and {missing.said}")
    elif hidden.queries != missing.queries and pair.key not in {**CLASHES, **DEARER}:
        found.append(
            f"{pair}: {hidden.queries_beside(missing)} and {missing.queries_beside(hidden)}"
        )
    return found


def test_the_tables_name_what_is_asked() -> None:
    named = {*BODIES, *CLASHES, *CONTENT_TYPES, *DEARER, *OPEN, *WITHOUT_BODY}
    templates = {each.template for each in all_endpoints()}
    assert {each for each in named if each.split(" ", 1)[1] not in templates} == set()
