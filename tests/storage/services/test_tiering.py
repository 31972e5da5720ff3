"""Policies, plans, runs: what they say, what they cost, and who may."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from catalog.services.datasets import add_owner
from core.errors import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError
from core.jobs import current_app
from governance.auditing.reading import read_record
from governance.models import AuditRecord
from governance.policy.types import Action
from storage.models import CollectionObject, DataFile, Movement, StorageLocation, Tier, TierPolicy
from storage.queries import NotTierableError, tier_summary
from storage.services.locations import ensure_default_locations_and_tiers, tier_of
from storage.services.tiering import (
    create_tier_policy,
    delete_tier_policy,
    plan_tiering,
    request_tiering,
    start_tiering,
    update_tier_policy,
)
from storage.tasks import apply_tier_policies, resume_movements, run_movements
from storage.tiering.plan import TierConditionError
from tests.factories.audit import payload_of
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant
from tests.factories.identity import make_actors
from tests.storage.services.conftest import MONTHS, add_policy

OLD_MONTHS = {"partition": {"month": {"lt": 4}}}


@pytest.fixture
def sent(monkeypatch) -> list:
    sent: list = []
    monkeypatch.setattr(
        current_app,
        "send_task",
        lambda name, *, kwargs, queue, **_: sent.append((name, kwargs, queue)),
    )
    return sent


@pytest.fixture
def actors(collection):
    """`owner` owns the collection, `team_mate` may read it, `outsider` has nothing."""
    actors = make_actors()
    add_owner(collection, owner=actors.owner)
    make_grant(actors.team_mate, collection, Action.READ)
    return actors


def test_the_default_tiers_are_made_once(tiers, object_buckets):
    again = ensure_default_locations_and_tiers()
    assert [tier.pk for tier in again] == [tier.pk for tier in tiers]
    assert [(tier.name, tier.rank) for tier in Tier.objects.all()] == [("hot", 0), ("cold", 20)]
    assert StorageLocation.objects.count() == 2
    assert AuditRecord.objects.filter(action="location.create").count() == 2


def test_prices_that_an_operator_set_stay(tiers):
    Tier.objects.filter(name="cold").update(keep_price="0.5")
    ensure_default_locations_and_tiers()
    assert str(Tier.objects.get(name="cold").keep_price) == "0.50000000"


def test_settings_that_point_elsewhere_are_a_conflict(tiers):
    StorageLocation.objects.filter(name="cold").update(root="s3://was-elsewhere")
    with pytest.raises(ConflictError, match="s3://was-elsewhere"):
        ensure_default_locations_and_tiers()


def test_the_tier_of_a_uri(tiers):
    hot, cold = tiers
    assert tier_of(f"{hot.location.root}/a/b") == hot
    assert tier_of(f"{cold.location.root}/a") == cold
    assert tier_of(f"{cold.location.root.replace('s3://', 's3a://')}/a") == cold


def test_a_plan_counts_files_bytes_and_cost(table, tiers):
    _, cold = tiers
    sizes = dict(DataFile.objects.filter(table=table).values_list("partition__month", "size"))
    DataFile.objects.filter(table=table).update(size=1 << 30)
    add_policy(table.dataset, OLD_MONTHS, cold)
    report = plan_tiering(table.dataset).as_report()
    assert len(sizes) == MONTHS
    assert report == {
        "files": 6,
        "bytes": 6 << 30,
        "moves": 3,
        "bytes_to_move": 3 << 30,
        "tiers": {
            "before": {"hot": {"files": 6, "bytes": 6 << 30}},
            "after": {
                "cold": {"files": 3, "bytes": 3 << 30},
                "hot": {"files": 3, "bytes": 3 << 30},
            },
        },
        "cost": {
            "currency": "USD",
            "before_a_month": {"keep": "0.13800000", "read": "0.00000000", "total": "0.13800000"},
            "after_a_month": {"keep": "0.10650000", "read": "0.00000000", "total": "0.10650000"},
            "move_once": "0.00003000",
            "saved_a_month": "0.03150000",
            "months_to_break_even": "0.00",
        },
    }


def test_a_dry_run_moves_nothing(table, tiers, sent, django_capture_on_commit_callbacks):
    _, cold = tiers
    add_policy(table.dataset, OLD_MONTHS, cold)
    with django_capture_on_commit_callbacks(execute=True):
        run = start_tiering(dataset=table.dataset, dry_run=True)
    assert (run.report["moves"], run.movements.count(), sent) == (3, 0, [])


def test_a_run_is_handed_to_the_workers(table, tiers, sent, django_capture_on_commit_callbacks):
    _, cold = tiers
    add_policy(table.dataset, OLD_MONTHS, cold)
    with django_capture_on_commit_callbacks(execute=True):
        run = start_tiering(dataset=table.dataset, grace_seconds=0)
    ids = list(run.movements.order_by("pk").values_list("pk", flat=True))
    assert sent == [("storage.run_movements", {"movement_ids": ids}, "tiering")]
    run_movements(movement_ids=ids)
    resume_movements()
    assert set(run.movements.values_list("state", flat=True)) == {"done"}
    assert tier_summary(table.dataset) == {
        name: {
            "files": 3,
            "bytes": sum(
                DataFile.objects.filter(table=table, tier__name=name).values_list("size", flat=True)
            ),
        }
        for name in ("hot", "cold")
    }


def test_policies_are_applied_by_schedule(table, collection, tiers, sent):
    _, cold = tiers
    add_policy(table.dataset, OLD_MONTHS, cold)
    add_policy(collection, {"idle_days": 10_000}, cold)
    disabled = make_dataset(kind="collection")
    TierPolicy.objects.create(dataset=disabled, target=cold, enabled=False)
    not_tierable = make_dataset(kind="topic")
    add_policy(not_tierable, {}, cold)
    apply_tier_policies()
    assert Movement.objects.filter(table=table).count() == 3
    assert Movement.objects.filter(held_object__dataset=collection).count() == 0


def test_what_has_no_bytes_cannot_be_tiered(tiers):
    with pytest.raises(NotTierableError):
        start_tiering(dataset=make_dataset(kind="topic"))


@pytest.mark.parametrize("seconds", [-1, 7 * 24 * 3600 + 1])
def test_a_grace_out_of_range_is_refused(table, seconds):
    with pytest.raises(InvalidInputError):
        start_tiering(dataset=table.dataset, grace_seconds=seconds)


def test_the_owner_keeps_policies(collection, tiers, actors):
    policy = create_tier_policy(
        user=actors.owner, dataset=collection, condition={"keys": ["*.png"]}, target="cold"
    )
    update_tier_policy(user=actors.owner, policy=policy, enabled=False, target="hot")
    policy.refresh_from_db()
    assert (policy.enabled, policy.target.name, policy.condition) == (
        False,
        "hot",
        {"keys": ["*.png"]},
    )
    delete_tier_policy(user=actors.owner, policy=policy)
    assert TierPolicy.objects.count() == 0
    records = AuditRecord.objects.filter(action__startswith="tier_policy").order_by("pk")
    assert [(read_record(row).actor, row.action) for row in records] == [
        (actors.owner.username, f"tier_policy.{verb}") for verb in ("create", "update", "delete")
    ]
    assert payload_of(records[0])["target"] == "cold"


@pytest.mark.parametrize(
    ("who", "error"), [("team_mate", PermissionDeniedError), ("outsider", NotFoundError)]
)
def test_others_neither_keep_policies_nor_move(collection, tiers, actors, who, error):
    _, cold = tiers
    user = getattr(actors, who)
    policy = add_policy(collection, {}, cold)
    for call in (
        lambda: create_tier_policy(user=user, dataset=collection, condition={}, target="cold"),
        lambda: update_tier_policy(user=user, policy=policy, enabled=False),
        lambda: delete_tier_policy(user=user, policy=policy),
        lambda: request_tiering(user=user, dataset=collection, dry_run=True),
    ):
        with pytest.raises(error):
            call()
    assert (TierPolicy.objects.get().enabled, Movement.objects.count()) == (True, 0)


def test_a_wrong_policy_is_refused(collection, tiers, actors):
    with pytest.raises(TierConditionError):
        create_tier_policy(user=actors.owner, dataset=collection, condition={"x": 1}, target="cold")
    with pytest.raises(NotFoundError, match="there is no tier `lukewarm`"):
        create_tier_policy(user=actors.owner, dataset=collection, condition={}, target="lukewarm")


def test_the_admin_refuses_a_wrong_policy_too(collection, tiers):
    _, cold = tiers
    with pytest.raises(ValidationError, match="must be one of partition"):
        TierPolicy(dataset=collection, condition={"x": 1}, target=cold).full_clean()


def test_the_command_plans_and_moves(collection, tiers, capsys):
    _, cold = tiers
    add_policy(collection, {"keys": ["p/[0-3].png"]}, cold)
    name = f"{collection.namespace}:{collection.name}"
    call_command("tier", name, "--dry-run")
    assert CollectionObject.objects.filter(tier=cold).count() == 0
    call_command("tier", name, "--grace", "0")
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "files move" in line] == ["4 of 6 files move, 28 bytes"] * 2
    assert lines[-1] == "sources removed: 4 of 4"
    assert CollectionObject.objects.filter(tier=cold).count() == 4
    assert set(Movement.objects.values_list("state", flat=True)) == {"done"}


def test_the_command_says_what_it_does_not_know(db):
    with pytest.raises(CommandError, match="there is no dataset `nothing`"):
        call_command("tier", "nothing")
