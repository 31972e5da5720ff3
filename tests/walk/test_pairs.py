"""Every method of every URL, asked of what is hidden and of what never was: the answers and the queries are the same.

And asked of what the viewer knows of: what is not theirs to change stays as it is.
"""

import pytest

from tests.api.endpoints import all_endpoints
from tests.walk.answers import clients_of
from tests.walk.bodies import (
    BODIES,
    CLASHES,
    CONTENT_TYPES,
    DEARER,
    OFFERED,
    OFFERED_ON_OWN,
    OPEN,
    WITHOUT_BODY,
)
from tests.walk.changes import all_requests, findings
from tests.walk.worlds import make_estate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unlimited"),
    pytest.mark.timeout(900),  # many questions, on a machine that may be busy
]


def test_nobody_can_tell_what_is_hidden_from_what_never_was_nor_change_what_is_not_theirs() -> None:
    estate = make_estate(4, is_steward=False)
    clients = clients_of(estate)

    wrong = [line for each in all_requests(estate) for line in findings(each, clients)]

    assert not wrong, "\n".join(wrong)


def test_the_tables_name_what_is_asked() -> None:
    named = {
        *BODIES,
        *CLASHES,
        *CONTENT_TYPES,
        *DEARER,
        *OFFERED,
        *OFFERED_ON_OWN,
        *OPEN,
        *WITHOUT_BODY,
    }
    templates = {each.template for each in all_endpoints()}
    assert {each for each in named if each.split(" ", 1)[1] not in templates} == set()
