"""Plain calls of django-guardian say what the kernel says, and leave the records that every grant leaves."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from guardian.core import ObjectPermissionChecker
from guardian.shortcuts import (
    assign_perm,
    get_group_perms,
    get_groups_with_perms,
    get_objects_for_group,
    get_objects_for_user,
    get_perms,
    get_user_perms,
    get_users_with_perms,
    remove_perm,
)

from catalog.models import Dataset, Domain
from core.clock import utc_now
from core.errors import InvalidInputError
from governance.effective.store import STORE
from governance.facts import ACTION_BY_VERB
from governance.models import AuditRecord, DatasetUserGrant, FactLog
from governance.policy.types import Action
from governance.queries import decide_on, principal_of, visible_datasets
from identity.models import User
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.governance import make_grant, make_policy, make_world
from tests.factories.identity import make_group, make_user
from tests.governance.effective.test_sets import Clock, Town

TRANSACTIONAL = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world():
    return make_world()


def records(action):
    rows = AuditRecord.objects.filter(action=action).order_by("pk")
    return [(row.actor, row.resource) for row in rows]


@pytest.mark.django_db
def test_what_is_assigned_is_a_grant_with_its_record_and_its_fact(world):
    before = (len(records("grant.create")), FactLog.objects.count())
    given = assign_perm("catalog.read_dataset", world.analyst, world.passengers)
    again = assign_perm("read_dataset", world.analyst, world.passengers)
    assert (given, given.expires_at, given.row_filter, given.columns) == (again, None, None, None)
    assert records("grant.create")[before[0] :] == [("system", world.passengers.node_id)]
    assert FactLog.objects.count() == before[1] + 1
    assert decide_on(principal_of(world.analyst), Action.READ, world.passengers).allowed


@pytest.mark.django_db
def test_assigning_widens_a_rectangle_and_removing_takes_every_one(world):
    make_grant(world.analyst, world.passengers, row_filter="fare > 1", columns=["fare"])
    assign_perm("read_dataset", world.analyst, world.passengers)
    decision = decide_on(principal_of(world.analyst), Action.READ, world.passengers)
    assert (decision.obligations.row_filter, len(decision.obligations.columns)) == (None, 4)
    gone = remove_perm("catalog.read_dataset", world.analyst, world.passengers)
    assert gone == (2, {"governance.DatasetUserGrant": 2})
    assert records("grant.revoke") == [("system", world.passengers.node_id)] * 2
    assert not world.analyst.has_perm("catalog.read_dataset", world.passengers)
    assert world.analyst.has_perm("catalog.view_dataset", world.passengers)


@pytest.mark.django_db
def test_many_at_once_are_recorded_one_by_one(world):
    people, datasets = [world.analyst, world.outsider], [world.passengers, world.salaries]
    assign_perm("discover_dataset", people, world.passengers)
    assign_perm("discover_dataset", world.analyst, datasets)
    assert len(records("grant.create")) == 4  # with the one of the world
    assert remove_perm("discover_dataset", people, world.passengers)[0] == 2
    assert remove_perm("discover_dataset", world.analyst, Dataset.objects.all())[0] == 1


@pytest.mark.django_db
def test_what_the_kernel_does_not_know_is_not_assigned(world):
    for permission, target in (
        ("change_dataset", world.passengers),
        ("administer_dataset", world.passengers),
        ("read_dataset", world.sales),
    ):
        with pytest.raises(InvalidInputError, match="is not granted on a"):
            assign_perm(permission, world.analyst, target)


@pytest.mark.django_db
def test_an_expired_grant_is_no_permission(world):
    grant = make_grant(world.outsider, world.passengers)
    assert get_perms(world.outsider, world.passengers) == [
        "discover_dataset",
        "read_dataset",
        "view_dataset",
    ]
    DatasetUserGrant.objects.filter(pk=grant.pk).update(expires_at=utc_now() - timedelta(seconds=1))
    assert get_perms(world.outsider, world.passengers) == []
    assert not world.outsider.has_perm("catalog.read_dataset", world.passengers)
    assert list(get_objects_for_user(world.outsider, "catalog.read_dataset")) == []
    assert world.outsider not in get_users_with_perms(world.passengers)


@pytest.mark.django_db
def test_an_explicit_deny_wins_in_every_call(world):
    assign_perm("read_dataset", world.analyst, world.passengers)
    make_policy({"name": "freeze", "applies_to": {"domain": "sales"}, "effect": {"deny": "read"}})
    assert not world.analyst.has_perm("catalog.read_dataset", world.passengers)
    assert get_perms(world.analyst, world.passengers) == ["discover_dataset", "view_dataset"]
    assert list(get_objects_for_user(world.analyst, "catalog.read_dataset")) == []
    assert get_users_with_perms(world.passengers, attach_perms=True)[world.analyst] == [
        "discover_dataset",
        "view_dataset",
    ]
    assert list(get_users_with_perms(world.passengers, only_with_perms_in=["read_dataset"])) == []


@pytest.mark.django_db
def test_superusers_bypass_nothing(world):
    root = world.superuser
    assert not root.has_perm("catalog.read_dataset", world.passengers)
    assert root.has_perm("catalog.manage_dataset", world.passengers)
    assert list(get_objects_for_user(root, "catalog.read_dataset")) == []
    make_policy({"name": "hide", "applies_to": {"domain": "sales"}, "effect": {"deny": "discover"}})
    assert get_perms(root, world.passengers) == []
    assert list(get_objects_for_user(root, "catalog.discover_dataset")) == [world.salaries]
    # what is not about an object, or not about the kernel's objects, is Django's
    assert (root.has_perm("auth.add_group"), root.has_perm("auth.add_group", make_group())) == (
        True,
        True,
    )


@pytest.mark.django_db
def test_a_domain_s_permissions_hold_below_it(world):
    inner = make_domain("Retail", parent=world.sales)
    shop = make_dataset("shop", domain=inner)
    group = make_group("sellers")
    member = make_user(groups=[group])
    assign_perm("read_domain", group, world.sales)
    assert member.has_perm("catalog.read_domain", inner)
    assert member.has_perm("catalog.read_dataset", shop)
    assert set(get_objects_for_user(member, "catalog.read_domain")) == {world.sales, inner}
    assert set(get_objects_for_user(member, "read_dataset", Dataset)) == {shop, world.passengers}
    assert set(get_objects_for_user(member, "read_dataset", Dataset, use_groups=False)) == set()
    assert set(
        get_objects_for_group(group, "read_dataset", Dataset.objects.filter(name="shop"))
    ) == {shop}
    assert set(get_groups_with_perms(shop)) == {group}
    assert member in get_users_with_perms(shop)
    assert member not in get_users_with_perms(shop, with_group_users=False)
    assert (list(get_user_perms(member, shop)), set(get_group_perms(member, shop))) == (
        [],
        {"discover_dataset", "view_dataset", "read_dataset"},
    )


@pytest.mark.django_db
def test_several_permissions_all_or_any(world):
    assign_perm("write_dataset", world.analyst, world.salaries)
    names = ["catalog.write_dataset", "catalog.view_dataset"]
    assert list(get_objects_for_user(world.analyst, names)) == [world.salaries]
    either = get_objects_for_user(world.analyst, names, any_perm=True)
    assert set(either) == {world.salaries, world.passengers}
    assert list(get_objects_for_user(world.analyst, "catalog.change_dataset")) == []


@TRANSACTIONAL
@pytest.mark.parametrize("seed", range(1))
def test_every_call_says_what_the_kernel_says_in_a_town_that_changes(seed, monkeypatch):
    STORE.forget()
    clock = Clock(monkeypatch)
    monkeypatch.setattr("governance.object_permissions.utc_now", lambda: clock.now)
    town = Town(seed, clock)
    seen = 0
    for _ in range(15):
        town.step()
        user = User.objects.get(pk=town.dice.choice(town.users).pk)
        principal = principal_of(user)
        held = {}
        for verb, action in ACTION_BY_VERB.items():
            allowed = set(visible_datasets(principal, action=action))
            assert set(get_objects_for_user(user, f"catalog.{verb}_dataset")) == allowed
            for each in allowed:
                held.setdefault(each.pk, set()).add(f"{verb}_dataset")
        dataset = town.some(Dataset)
        rights = held.get(dataset.pk, set())
        assert set(get_perms(user, dataset)) == rights
        assert set(user.get_all_permissions(dataset)) == rights
        checker = ObjectPermissionChecker(user)
        for verb in ACTION_BY_VERB:
            name = f"{verb}_dataset"
            assert user.has_perm(f"catalog.{name}", dataset) is (name in rights)
            assert checker.has_perm(name, dataset) is (name in rights)
        among = get_users_with_perms(dataset, attach_perms=True, with_superusers=True)
        assert set(among.get(user, ())) == rights
        seen += len(held)
    assert seen
    STORE.forget()


@pytest.mark.django_db
def test_a_group_is_asked_as_a_nameless_member():
    group, domain = make_group(), make_domain(stewards=[make_user()])
    dataset = make_dataset(domain=domain)
    make_grant(group, dataset, Action.WRITE)
    checker = ObjectPermissionChecker(group)
    assert checker.get_perms(dataset) == ["discover_dataset", "view_dataset", "write_dataset"]
    assert get_groups_with_perms(dataset, attach_perms=True) == {
        group: ["discover_dataset", "view_dataset", "write_dataset"]
    }
    assert Group.objects.count() >= 1
    assert list(get_objects_for_group(group, "discover_domain", Domain)) == []
