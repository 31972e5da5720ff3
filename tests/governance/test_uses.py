"""Counting recorded reads by the grants that opened them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import audit
from core.clock import utc_now
from governance.models import GrantUse, ReviewMark
from governance.services import uses
from governance.services.audit_subjects import erase_audit_subject
from governance.services.grants import take_back
from governance.services.uses import LOG, count_uses, forget_uses, uncounted
from identity.models import User
from tests.governance.campaign_world import CampaignWorld

pytestmark = pytest.mark.django_db


def told():
    return sorted(
        (str(row.grant), row.user.username, row.dataset.name, row.days, sorted(row.columns))
        for row in GrantUse.objects.all()
    )


def test_each_read_is_counted_once_under_each_grant_that_opened_it():
    world = CampaignWorld()
    today = utc_now().date().isoformat()
    for _ in range(3):
        world.read()
    world.read(columns=["mail"])
    world.read("peer", columns=["region"])
    world.count()
    assert (count_uses(), uncounted()) == (0, 0)
    sales = "curated.sales"
    assert told() == sorted(
        [
            (str(world.mine.uuid), "analyst", sales, {today: 4}, ["age", "mail", "region"]),
            (str(world.shared.uuid), "analyst", sales, {today: 4}, ["age", "mail", "region"]),
            (str(world.shared.uuid), "peer", sales, {today: 1}, ["region"]),
        ]
    )
    world.read(columns=["region"])
    world.count()
    row = GrantUse.objects.get(grant=world.mine.uuid)
    assert row.days == {today: 5}


def test_a_grant_of_other_columns_was_not_used_by_a_read():
    world = CampaignWorld()
    small = world.aged(world.users["peer"], world.dataset, columns=["age"])
    world.read("peer", columns=["region"])
    world.count()
    assert not GrantUse.objects.filter(grant=small.uuid).exists()
    world.read("peer", columns=["region", "age"])
    world.count()
    assert sorted(GrantUse.objects.get(grant=small.uuid).columns) == ["age"]


def test_a_table_that_was_opened_to_an_engine_is_used_and_which_columns_is_not_known():
    world = CampaignWorld()
    for columns in (None, ["region"]):
        audit.record(
            actor="analyst",
            action="table.load",
            resource=world.dataset.node_id,
            payload={
                "dataset": str(world.dataset.uuid),
                "grants": [str(world.mine.uuid)],
                "columns": columns,
                "reasons": ["grant of `read` on the dataset"],
            },
        )
    # a load from before grants were named
    audit.record(actor="peer", action="table.load", resource="r", payload={"reasons": ["a text"]})
    world.count()
    assert [(row[1], row[4]) for row in told()] == [("analyst", ["*", "region"])]


def test_a_denied_read_and_days_of_long_ago_do_not_count(monkeypatch):
    world = CampaignWorld()
    world.read()
    world.count()
    GrantUse.objects.update(
        days={"2020-01-01": 7}, columns={"mail": "2020-01-01", "age": "2020-01-01"}
    )
    world.read(columns=["region"])
    world.read("steward")
    world.count()
    today = utc_now().date().isoformat()
    row = GrantUse.objects.get(grant=world.mine.uuid)
    assert (row.days, row.columns) == ({today: 1}, {"region": today})
    assert not GrantUse.objects.filter(user=world.users["steward"]).exists()


def test_it_goes_through_the_log_in_batches_and_twice_alike(monkeypatch):
    monkeypatch.setattr(uses, "BATCH", 4)
    world = CampaignWorld()
    for _ in range(5):
        world.read()
    looked_at = world.count()
    before = told()
    ReviewMark.objects.filter(pk=LOG).delete()
    GrantUse.objects.all().delete()
    assert (count_uses(), told()) == (looked_at, before)


def test_it_asks_no_more_for_more_reads():
    world = CampaignWorld()
    queries = []
    for reads in (1, 6):
        for _ in range(reads):
            world.read()
        with CaptureQueriesContext(connection) as captured:
            world.count()
        counting = [each for each in captured if "grantuse" in each["sql"].lower()]
        queries.append(len(counting))
    assert queries[0] == queries[1]


def test_what_is_known_goes_with_the_grant_and_with_the_person():
    world = CampaignWorld()
    world.read()
    world.read("peer")
    world.count()
    take_back(world.mine.uuid, actor="system", reason="r")
    assert forget_uses() == 1
    root = User.objects.get(username="root")
    erase_audit_subject(by=root, username="analyst", reason="they asked")
    assert [row.user.username for row in GrantUse.objects.all()] == ["peer"]
    # what is erased cannot be counted again
    ReviewMark.objects.filter(pk=LOG).delete()
    GrantUse.objects.all().delete()
    world.count()
    assert [row.user.username for row in GrantUse.objects.all()] == ["peer"]


def test_the_last_use_is_the_latest():
    world = CampaignWorld()
    world.read()
    world.count()
    late = utc_now() + timedelta(days=1)
    GrantUse.objects.update(last_at=late)
    world.read()
    world.count()
    assert GrantUse.objects.get(grant=world.mine.uuid).last_at == late
