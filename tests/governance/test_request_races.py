"""Two people at once, each on a connection of their own: one step is made."""

import threading

import pytest
from django.db import connection

from core.errors import (
    ConflictError,
)
from governance.models import (
    DatasetUserGrant,
)
from governance.services.grants import revoke_grant
from governance.services.requests import (
    answer_offer,
    approve_request,
    offer_less,
    withdraw_request,
)
from tests.governance.request_world import World


def race(*steps):
    """Each step on a thread and connection of its own, let go together; what each came to."""
    start, outcomes = threading.Barrier(len(steps)), {}

    def run(number, step):
        start.wait()
        try:
            outcomes[number] = str(step().state)
        except ConflictError as error:
            outcomes[number] = error.message
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(steps)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes[0], outcomes[1]


@pytest.mark.django_db(transaction=True)
def test_of_two_steps_at_once_one_is_made():
    world = World()
    steward, owner, analyst = world.steward, world.owner, world.analyst
    for _ in range(3):
        asked = world.ask()
        outcomes = race(
            lambda asked=asked: approve_request(asked, by=owner),
            lambda asked=asked: withdraw_request(asked, by=analyst),
        )
        asked.refresh_from_db()
        grants = DatasetUserGrant.objects.filter(request=asked)
        assert (outcomes, grants.count()) in (
            (("approved", "the request is approved already"), 1),
            (("the request is withdrawn already", "withdrawn"), 0),
        )
        for grant in grants:
            revoke_grant(grant, by=owner)
        asked = world.ask()
        offer_less(asked, by=steward, columns=["region"])
        outcomes = race(
            lambda asked=asked: answer_offer(asked, by=analyst, accept=True),
            lambda asked=asked: withdraw_request(asked, by=analyst),
        )
        grants = DatasetUserGrant.objects.filter(request=asked)
        assert (outcomes, grants.count()) in (
            (("approved", "the request is approved already"), 1),
            (("the request is withdrawn already", "withdrawn"), 0),
        )
        for grant in grants:
            revoke_grant(grant, by=owner)


@pytest.mark.django_db(transaction=True)
def test_two_stages_at_once_make_one_grant():
    world = World()
    world.rule(order="parallel")
    asked, owner, steward = world.ask(), world.owner, world.steward
    outcomes = race(
        lambda: approve_request(asked, by=owner), lambda: approve_request(asked, by=steward)
    )
    assert sorted(outcomes) == ["approved", "pending"]
    assert DatasetUserGrant.objects.filter(request=asked).count() == 1
