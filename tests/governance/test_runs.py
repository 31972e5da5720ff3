"""An explicit deny wins over being a superuser where jobs, runs and events show themselves, too."""

import pytest

from catalog.models import DatasetEdge
from governance.jobs import manageable_jobs
from governance.policy.types import Action
from governance.queries import principal_of, visible_datasets
from governance.runs import is_unhindered, sees_everything, visible_jobs
from tests.factories.catalog import make_dataset, make_job
from tests.factories.governance import make_policy, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def jobs(world):
    """One that writes salaries, one that writes both, one that uses nothing."""
    found = {name: make_job(name) for name in ("pay", "both", "idle")}
    shown = make_dataset("mart.shown")
    for name, dataset in (("pay", world.salaries), ("both", world.salaries), ("both", shown)):
        DatasetEdge.objects.create(dataset=dataset, job=found[name], direction="output")
    return found


def seen_by(user):
    principal = principal_of(user)
    rows = visible_jobs(principal, visible=visible_datasets(principal))
    return set(rows.values_list("name", flat=True))


def deny(action, **more):
    return make_policy(
        {"name": "freeze", "applies_to": {"domain": "hr"}, "effect": {"deny": action}} | more
    )


def test_without_denies_an_administrator_sees_all(world, jobs):
    assert sees_everything(principal_of(world.superuser))
    assert seen_by(world.superuser) == {"pay", "both", "idle"}
    assert seen_by(world.outsider) == set()


def test_a_deny_hides_what_uses_nothing_else(world, jobs):
    deny("discover")
    assert not sees_everything(principal_of(world.superuser))
    assert seen_by(world.superuser) == {"both", "idle"}


def test_a_deny_for_others_hides_nothing(world, jobs):
    deny("discover", subjects={"users": ["outsider"]})
    assert sees_everything(principal_of(world.superuser))


def test_what_may_not_be_managed_is_not_changed(world, jobs):
    principal = principal_of(world.superuser)
    ids = {job.pk: name for name, job in jobs.items()}
    assert len(manageable_jobs(principal, ids)) == 3
    deny("manage")
    assert not is_unhindered(principal, Action.MANAGE)
    assert {ids[each] for each in manageable_jobs(principal, ids)} == {"idle"}
    assert sees_everything(principal)
