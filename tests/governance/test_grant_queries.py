"""Which grants are shown: one's own while the kernel shows their dataset, and those on what one may approve."""

from datetime import timedelta

import pytest

from core.clock import utc_now
from core.errors import NotFoundError, PermissionDeniedError
from governance.models import DatasetUserGrant, Policy, PolicyVersion
from governance.policy.types import Action
from governance.queries import (
    get_grant,
    get_visible_domain,
    grants_given_on,
    grants_held,
    principal_of,
)
from governance.services import grant_access
from governance.services.grants import describe
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.identity import make_actors, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def domain(actors):
    return make_domain("Flights", stewards=[actors.owner])


@pytest.fixture
def dataset(actors, domain):
    return make_dataset("flights", owners=[actors.owner], domain=domain, fields=["carrier"])


def give(actors, subject, target, **narrowing):
    return grant_access(
        by=principal_of(actors.owner),
        subject=subject,
        target=target,
        action=Action.READ,
        **narrowing,
    )


def shown_to_each(actors, ask):
    """What owner, team-mate and outsider are answered: rows, or the name of the error."""
    answers = {}
    for name in ("owner", "team_mate", "outsider"):
        try:
            answers[name] = ask(principal_of(getattr(actors, name)))
        except (NotFoundError, PermissionDeniedError) as error:
            answers[name] = type(error).__name__
    return answers


def test_each_holds_their_own_and_their_groups_grants(actors, dataset, domain):
    mine = give(actors, actors.team_mate, dataset)
    below = give(actors, actors.team_mate, domain)
    theirs = give(actors, actors.outsider, dataset)
    assert shown_to_each(actors, grants_held) == {
        "owner": [],
        "team_mate": [mine, below],
        "outsider": [theirs],
    }


def test_a_group_grant_is_held_by_its_members(actors, dataset):
    member = make_user(groups=[actors.team])
    DatasetUserGrant.objects.all().delete()
    steward = principal_of(make_user(is_superuser=True))
    row = grant_access(by=steward, subject=actors.team, target=dataset, action=Action.READ)
    assert grants_held(principal_of(member)) == [row]


def test_a_grant_is_no_side_door_to_what_a_policy_hides(actors, dataset):
    row = give(actors, actors.outsider, dataset)
    outsider = principal_of(actors.outsider)
    assert grants_held(outsider) == [row]
    policy = Policy.objects.create(name="hide")
    document = {
        "name": "hide",
        "applies_to": {"name": ["flights"]},
        "subjects": {"users": [actors.outsider.username]},
        "effect": "deny",
    }
    PolicyVersion.objects.create(policy=policy, number=1, status="published", document=document)
    assert grants_held(outsider) == []


def test_an_expired_grant_is_none(actors, dataset):
    soon = utc_now() + timedelta(hours=1)
    row = give(actors, actors.outsider, dataset, expires_at=soon)
    assert grants_given_on(principal_of(actors.owner), dataset) == [row]
    DatasetUserGrant.objects.update(expires_at=utc_now() - timedelta(seconds=1))
    assert grants_held(principal_of(actors.outsider)) == []
    assert grants_given_on(principal_of(actors.owner), dataset) == []


@pytest.mark.parametrize(("asked", "other"), [("dataset", "domain"), ("domain", "dataset")])
def test_grants_are_listed_to_the_approvers_of_their_target(actors, dataset, domain, asked, other):
    targets = {"dataset": dataset, "domain": domain}
    give(actors, actors.team_mate, targets[other])
    row = give(actors, actors.team_mate, targets[asked])
    assert shown_to_each(actors, lambda who: grants_given_on(who, targets[asked])) == {
        "owner": [row],
        "team_mate": "PermissionDeniedError",
        "outsider": "NotFoundError",
    }


def test_a_domain_is_found_by_those_who_may_know_it(actors, dataset, domain):
    give(actors, actors.team_mate, dataset)
    assert shown_to_each(actors, lambda who: get_visible_domain(who, "flights")) == {
        "owner": domain,
        "team_mate": domain,
        "outsider": "NotFoundError",
    }


@pytest.mark.parametrize("target", ["dataset", "domain"])
def test_one_grant_is_found_by_those_who_may_know_its_target(actors, dataset, domain, target):
    row = give(actors, actors.team_mate, {"dataset": dataset, "domain": domain}[target])
    assert shown_to_each(actors, lambda who: get_grant(who, row.uuid)) == {
        "owner": row,
        "team_mate": row,
        "outsider": "NotFoundError",
    }


def test_ones_own_grant_is_found_when_its_dataset_is_hidden(actors, dataset):
    row = give(actors, actors.outsider, dataset)
    DatasetUserGrant.objects.update(expires_at=utc_now() - timedelta(seconds=1))
    assert get_grant(principal_of(actors.outsider), row.uuid) == row


def test_describing_grants_costs_a_fixed_number_of_queries(
    actors, dataset, django_assert_num_queries
):
    principal = principal_of(actors.team_mate)
    for columns in (None, ["carrier"], ["carrier"]):
        give(actors, actors.team_mate, dataset, columns=columns)
        with django_assert_num_queries(11):
            listed = [describe(row) for row in grants_held(principal)]
    assert len(listed) == 3
