"""Who decides for whom while they are away."""

from datetime import timedelta

import pytest

from core.clock import utc_now
from core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from governance.models import (
    DatasetUserGrant,
    DomainUserGrant,
)
from governance.services.delegations import (
    delegate_decisions,
    end_delegation,
    start_delegations,
)
from governance.services.requests import (
    approve_request,
    deny_request,
)
from tests.governance.request_world import World, later


@pytest.fixture
def world(db):
    return World()


def away(world, person, delegate=None, *, target=None, days=5):
    return delegate_decisions(
        by=getattr(world, person),
        person=world.users[person],
        delegate=None if delegate is None else world.users[delegate],
        starts_at=utc_now() - timedelta(minutes=1),
        ends_at=later(days=days),
        target=target,
    )


def test_a_delegate_decides_in_the_name_of_who_is_away(world):
    world.rule()
    asked = world.ask()
    absence = away(world, "owner", "outsider", target=world.dataset)
    assert world.waits_for() == ["outsider", "owner"]
    approve_request(asked, by=world.outsider)
    vote = asked.votes.get()
    assert (vote.by, vote.in_name_of) == (world.users["outsider"], world.users["owner"])
    end_delegation(absence, by=world.owner)
    assert DatasetUserGrant.objects.filter(user=world.users["outsider"]).count() == 0
    with pytest.raises(ConflictError, match="over already"):
        end_delegation(absence, by=world.owner)


def test_a_delegate_without_a_right_of_their_own_needs_a_scope(world):
    world.rule()
    world.ask()
    away(world, "owner", "outsider")
    assert world.waits_for() == ["owner"]
    away(world, "owner", "second")
    assert world.waits_for() == ["owner", "second"]


def test_the_stage_of_who_is_away_goes_to_the_next_in_line(world):
    world.rule()
    asked = world.ask()
    away(world, "owner")
    assert world.waits_for() == ["owner", "second", "steward"]
    assert approve_request(asked, by=world.steward).state == "pending"
    assert world.waits_for() == ["second"]


def test_nobody_decides_for_their_delegate_nor_for_whom_they_stand_in(world):
    asked = world.ask(by="second")
    away(world, "steward", "second")
    assert world.waits_for() == ["owner"]
    with pytest.raises(PermissionDeniedError, match="too close to the requester"):
        approve_request(asked, by=world.steward)
    deny_request(asked, by=world.owner, comment="no")
    own = world.ask(by="steward")
    with pytest.raises(PermissionDeniedError, match="too close to the requester"):
        approve_request(own, by=world.second)


def test_the_right_of_a_delegate_begins_and_ends_with_the_period(world):
    row = delegate_decisions(
        by=world.steward,
        person=world.users["steward"],
        delegate=world.users["outsider"],
        starts_at=later(days=1),
        ends_at=later(days=2),
        target=world.domain,
    )
    assert (start_delegations(), DomainUserGrant.objects.count()) == (0, 0)
    row.starts_at = utc_now()
    row.save()
    assert (start_delegations(), start_delegations()) == (1, 0)
    grant = DomainUserGrant.objects.get()
    assert (grant.user, grant.expires_at) == (world.users["outsider"], row.ends_at)


def test_people_name_their_own_delegate_and_hand_out_no_right_they_lack(world):
    period = {"starts_at": utc_now(), "ends_at": later(days=1)}
    with pytest.raises(PermissionDeniedError, match="name their own delegate"):
        delegate_decisions(by=world.steward, person=world.users["owner"], delegate=None, **period)
    with pytest.raises(PermissionDeniedError):
        delegate_decisions(
            by=world.analyst,
            person=world.users["analyst"],
            delegate=world.users["outsider"],
            target=world.dataset,
            **period,
        )
    with pytest.raises(InvalidInputError, match="another person"):
        away(world, "owner", "owner")
    absence = away(world, "owner")
    with pytest.raises(NotFoundError):
        end_delegation(absence, by=world.steward)
