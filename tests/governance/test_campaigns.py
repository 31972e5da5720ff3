"""Campaigns of re-certification: scope, who decides, what it does, and what time does."""

import csv
import io
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.clock import utc_now
from core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from governance.campaigns import describe_items, get_campaign, items_to_certify, visible_campaigns
from governance.models import AuditRecord, Campaign, CampaignItem, DatasetUserGrant, WebhookDelivery
from governance.policy.types import Action
from governance.queries import decide_read, principal_of
from governance.services.campaigns import (
    cancel_campaign,
    close_campaign,
    keep_grant,
    narrow_to,
    open_campaign,
    report_lines,
    revoke_certified,
    send_campaign_notices,
    watch_campaigns,
)
from governance.services.campaigns.begin import add_months
from governance.services.delegations import delegate_decisions
from governance.services.grants import take_back
from governance.services.webhooks import register_endpoint
from tests.factories.audit import payload_of
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.governance import make_grant, make_policy
from tests.factories.identity import make_user
from tests.governance.campaign_world import CampaignWorld
from tests.governance.request_world import later

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return CampaignWorld()


def asked(campaign):
    return {row.grant for row in campaign.items.all()}


def away(world, person, delegate=None, target=None):
    return delegate_decisions(
        by=getattr(world, person),
        person=world.users[person],
        delegate=None if delegate is None else world.users[delegate],
        starts_at=utc_now() - timedelta(minutes=1),
        ends_at=later(days=9),
        target=target,
    )


def test_what_is_in_scope(world):
    young = make_grant(world.users["analyst"], world.dataset, Action.WRITE)
    metadata = DatasetUserGrant.objects.get(permission__codename="view_dataset")
    below = make_domain("Leads", parent=world.domain)
    leads = make_dataset("curated.leads", fields=[("mail", "string", ["pii.email"])], domain=below)
    lead = world.aged(world.users["peer"], leads, columns=["mail"])
    blind = world.aged(world.users["peer"], world.dataset, columns=["age"])
    old = {world.mine.uuid, world.shared.uuid, world.machine.uuid, lead.uuid, blind.uuid}
    assert asked(world.start()) == old | {young.uuid, metadata.uuid}
    assert asked(world.start(older_than_days=100)) == old
    labelled = {world.mine.uuid, world.shared.uuid, world.machine.uuid, lead.uuid}
    assert asked(world.start(labels=["pii.*"], older_than_days=100)) == labelled
    assert asked(world.start(labels=["public"], older_than_days=100)) == old - {lead.uuid}
    assert asked(world.start(domain="leads")) == {lead.uuid}
    world.read(columns=["region"])
    world.count()
    assert asked(world.start(unused_for_days=30)) == {world.machine.uuid, lead.uuid, blind.uuid}
    assert asked(world.start(by="root", domain="", older_than_days=100)) == old | {
        world.elsewhere.uuid
    }


def test_who_holds_campaigns_and_sees_them(world):
    row = world.start()
    assert [list(visible_campaigns(getattr(world, name))) for name in ("second", "owner")] == [
        [row],
        [],
    ]
    assert visible_campaigns(world.root).get() == row
    with pytest.raises(PermissionDeniedError):
        world.start(by="owner")
    with pytest.raises(NotFoundError, match="no such domain"):
        world.start(by="outsider")
    with pytest.raises(PermissionDeniedError, match="only administrators"):
        world.start(domain="")
    for name in ("owner", "outsider", "analyst"):
        with pytest.raises(NotFoundError, match="no such campaign"):
            get_campaign(getattr(world, name), row.uuid)
        for step in (close_campaign, cancel_campaign):
            with pytest.raises((PermissionDeniedError, NotFoundError)):
                step(row, by=getattr(world, name))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"days": 0},
        {"every_months": 61},
        {"reviewer": "group"},
        {"reviewer": "group", "reviewer_group": "nobodies"},
        {"reviewer_group": "team"},
        {"reviewer": "requester"},
        {"undecided": "keep"},
        {"labels": [""]},
    ],
)
def test_what_no_campaign_can_be(world, wrong):
    with pytest.raises(InvalidInputError):
        world.start(**wrong)
    assert not Campaign.objects.exists()


def test_those_who_answer_for_the_data_decide_and_nobody_else(world):
    world.start()
    assert world.certifiers(world.mine) == ["owner"]
    assert world.certifiers(world.machine) == ["outsider"]
    # a domain has no owner, so its stewards are next in line
    assert world.certifiers(world.shared) == ["second", "steward"]
    item = world.item(world.mine)
    with pytest.raises(PermissionDeniedError, match="their own grants"):
        keep_grant(item, by=world.analyst)
    with pytest.raises(NotFoundError, match="no such item"):
        keep_grant(item, by=world.peer)
    with pytest.raises(NotFoundError, match="no such item"):
        revoke_certified(item, by=world.outsider, comment="no")
    with pytest.raises(PermissionDeniedError, match="does not wait for you"):
        revoke_certified(item, by=world.steward, comment="no")
    assert keep_grant(item, by=world.owner, comment="works on it").state == "kept"
    assert keep_grant(world.item(world.machine), by=world.outsider).state == "kept"


def test_nobody_certifies_what_their_group_holds_or_their_delegate(world):
    world.users["steward"].groups.add(world.team)
    world.start(reviewer="steward")
    assert world.certifiers(world.shared) == ["second"]
    away(world, "second", "analyst", world.dataset)
    assert world.certifiers(world.mine) == ["steward"]
    with pytest.raises(PermissionDeniedError, match="their own grants"):
        keep_grant(world.item(world.mine), by=world.analyst)


def test_delegation_and_absence_hold(world):
    world.start()
    away(world, "owner", "peer", world.dataset)
    assert world.certifiers(world.mine) == ["owner", "peer"]
    item = keep_grant(world.item(world.mine), by=world.peer)
    assert (item.decided_by, item.in_name_of) == (world.users["peer"], world.users["owner"])
    away(world, "outsider")
    assert world.certifiers(world.machine) == ["outsider", "second", "steward"]


def test_a_group_reviews(world):
    privacy = type(world.team).objects.create(name="privacy")
    world.users["second"].groups.add(privacy)
    world.users["peer"].groups.add(privacy)
    world.start(reviewer="group", reviewer_group="privacy")
    # whom the kernel does not let approve decides nothing
    assert world.certifiers(world.mine) == ["second"]


def test_a_token_that_cannot_approve_decides_nothing(world):
    world.start()
    weak = principal_of(world.users["outsider"], scopes=["read"])
    assert not items_to_certify(weak).exists()
    with pytest.raises(NotFoundError):
        keep_grant(world.item(world.machine), by=weak)


def test_less_is_left_at_once(world):
    world.start()
    item = world.item(world.mine)
    take_back(world.shared.uuid, actor="system", reason="")
    with pytest.raises(InvalidInputError, match="which `columns`"):
        narrow_to(item, by=world.owner)
    with pytest.raises(InvalidInputError, match="does not have"):
        narrow_to(item, by=world.owner, columns=["salary"])
    with pytest.raises(InvalidInputError, match="in the future"):
        narrow_to(item, by=world.owner, expires_at=world.mine.expires_at)
    ends = later(days=5)
    narrow_to(item, by=world.owner, columns=["region", "age"], expires_at=ends, comment="less")
    world.mine.refresh_from_db()
    assert (world.mine.columns, world.mine.expires_at) == (["age", "region"], ends)
    opened = decide_read(world.analyst, world.dataset).obligations
    assert [each.name for each in opened.columns] == ["region", "age"]
    again = world.start()
    with pytest.raises(InvalidInputError, match="must be fewer"):
        narrow_to(world.item(world.mine, again), by=world.owner, columns=["age", "region"])
    told = payload_of(AuditRecord.objects.get(action="campaign.narrow"))
    assert told["outcome"] == {"columns": ["age", "region"], "expires_at": ends.isoformat()}
    narrowed = payload_of(AuditRecord.objects.get(action="grant.narrow"))
    assert (narrowed["before"]["columns"], narrowed["columns"]) == (None, ["age", "region"])
    assert narrowed["reason"] == "campaign yearly: less"


def test_what_is_revoked_ends_at_once_and_what_is_gone_closes_itself(world):
    world.start()
    take_back(world.shared.uuid, actor="system", reason="")
    with pytest.raises(InvalidInputError, match="`comment`"):
        revoke_certified(world.item(world.mine), by=world.owner, comment=" ")
    assert decide_read(world.analyst, world.dataset).allowed
    assert (
        revoke_certified(world.item(world.mine), by=world.owner, comment="left").state == "revoked"
    )
    assert not decide_read(world.analyst, world.dataset).allowed
    take_back(world.machine.uuid, actor="system", reason="")
    item = world.item(world.machine)
    assert keep_grant(item, by=world.outsider).state == "gone"
    assert world.item(world.shared).state == "open"
    watch_campaigns()
    assert world.item(world.shared).state == "gone"


def test_a_later_decision_than_the_first_is_refused(world):
    world.start()
    item = world.item(world.shared)
    keep_grant(item, by=world.steward)
    with pytest.raises(ConflictError, match="kept already"):
        revoke_certified(item, by=world.second, comment="no")


@pytest.mark.parametrize(
    ("undecided", "after", "certifiers"),
    [
        ("revoke", "lapsed", []),
        ("extend", "extended", ["owner"]),
        ("escalate", "escalated", ["owner", "second", "steward"]),
    ],
)
def test_what_nobody_decides_is_revoked_in_the_end(world, undecided, after, certifiers):
    row = world.start(undecided=undecided, days=2, grace_days=3)
    keep_grant(world.item(world.shared), by=world.steward)
    watch_campaigns(now=later(days=1))
    assert world.item(world.mine).state == "open"
    watch_campaigns(now=later(days=2))
    assert (world.item(world.mine).state, world.certifiers(world.mine)) == (after, certifiers)
    watch_campaigns(now=later(days=4))
    assert decide_read(world.robot, world.dataset).allowed is (after != "lapsed")
    watch_campaigns(now=later(days=6))
    row.refresh_from_db()
    assert (world.item(world.mine).state, row.state) == ("lapsed", "closed")
    assert not DatasetUserGrant.objects.filter(uuid=world.mine.uuid).exists()
    assert type(world.shared).objects.filter(pk=world.shared.pk).exists()
    assert watch_campaigns(now=later(days=6)) == 0


def test_a_campaign_ends_early_or_without_a_consequence(world):
    row = close_campaign(world.start(undecided="extend"), by=world.second)
    assert row.state == "open"
    watch_campaigns()
    row.refresh_from_db()
    assert (row.state, world.item(world.mine).state) == ("closed", "lapsed")
    with pytest.raises(ConflictError, match="the campaign is closed"):
        close_campaign(row, by=world.steward)
    other = world.start(by="root", domain="")
    cancel_campaign(other, by=world.root, comment="a mistake")
    assert {item.state for item in other.items.all()} == {"cancelled"}
    assert DatasetUserGrant.objects.filter(uuid=world.elsewhere.uuid).exists()
    told = payload_of(AuditRecord.objects.get(action="campaign.cancel"))
    assert (told["comment"], told["items"]) == ("a mistake", other.items.count())


def test_a_series_goes_on_and_ends_when_nobody_may_hold_it(world):
    row = world.start(every_months=6)
    keep_grant(world.item(world.shared), by=world.steward)
    close_campaign(row, by=world.steward)
    watch_campaigns()
    row.refresh_from_db()
    following = row.next
    assert (following.state, following.opens_at) == ("planned", add_months(row.opened_at, 6))
    with pytest.raises(ConflictError):
        close_campaign(following, by=world.steward)
    Campaign.objects.filter(pk=following.pk).update(opens_at=utc_now())
    watch_campaigns()
    following.refresh_from_db()
    assert following.state == "open"
    last = world.start(name="later", opens_at=later(days=3))
    assert last.state == "planned"
    world.domain.stewards.filter(user=world.users["steward"]).delete()
    watch_campaigns(now=later(days=4))
    last.refresh_from_db()
    assert last.state == "cancelled"


def test_a_planned_campaign_is_opened_by_who_may(world):
    row = world.start(opens_at=later(days=3))
    with pytest.raises(NotFoundError):
        open_campaign(row, by=world.outsider)
    assert open_campaign(row, by=world.second).items.count() == 4
    with pytest.raises(ConflictError):
        open_campaign(row, by=world.second)


def test_months_are_calendar_months():
    last = datetime(2027, 8, 31, 12, tzinfo=UTC)
    assert add_months(last, 6) == datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert add_months(last, 5) == datetime(2028, 1, 31, 12, tzinfo=UTC)


def test_reviewers_are_told_once_a_round(world, django_capture_on_commit_callbacks):
    world.start(days=10, remind_days=3)
    assert (send_campaign_notices(), send_campaign_notices()) == (1, 0)
    found = {message.to[0]: message.subject for message in mail.outbox}
    one, two = (f"Lakewarden: {n} grants wait for your decision" for n in (1, 2))
    assert found == {
        "outsider@example.org": one,
        "owner@example.org": two,
        "second@example.org": one,
        "steward@example.org": one,
    }
    assert "sales" not in mail.outbox[0].body.replace("yearly", "")
    watch_campaigns(now=later(days=6))
    assert send_campaign_notices() == 0
    watch_campaigns(now=later(days=8))
    watch_campaigns(now=later(days=8))
    mail.outbox.clear()
    assert (send_campaign_notices(), len(mail.outbox)) == (1, 4)


def test_other_systems_are_told(world):
    register_endpoint(by=world.root, url="https://93.184.216.34/", types=["lakewarden.campaign*"])
    row = world.start()
    keep_grant(world.item(world.mine), by=world.owner)
    events = [each.event for each in WebhookDelivery.objects.order_by("pk")]
    assert [each["type"] for each in events] == [
        "lakewarden.campaign.create",
        "lakewarden.campaign.open",
        "lakewarden.campaign_item.keep",
    ]
    assert events[1]["data"] == {"campaign": str(row.uuid), "state": "open"}


def test_what_is_known_of_the_use(world):
    world.start()
    for _ in range(2):
        world.read()
    world.count()
    views = {
        view.item.grant: view
        for view in describe_items(CampaignItem.objects.all(), viewer=world.steward)
    }
    mine, shared = views[world.mine.uuid], views[world.shared.uuid]
    assert (mine.usage.reads_30, mine.usage.reads_90, mine.usage.readers) == (2, 2, 1)
    assert mine.columns == (("region", ()), ("mail", ("pii.email",)), ("age", ()))
    assert (mine.suggestion.advice, mine.suggestion.columns) == ("narrow", ("region", "age"))
    assert mine.suggestion.reasons == (
        "1 of 3 columns were not read in 90 days: mail",
        "bears pii.email",
        "0 of 1 people in the same groups read this in 90 days",
    )
    assert shared.suggestion.reasons[-1] == "1 of 2 members of the group used it"
    assert views[world.machine.uuid].suggestion.advice == "revoke"


def test_who_may_not_know_the_dataset_learns_no_name_of_it(world):
    world.start()
    (view,) = describe_items([world.item(world.machine)], viewer=world.outsider)
    assert (view.target, view.is_shown, view.columns) == (
        "a dataset that you may not know of",
        False,
        (),
    )
    assert "pii" not in " ".join(view.suggestion.reasons)
    below = world.aged(world.users["robot"], world.domain)
    (view,) = describe_items([world.item(below, world.start())], viewer=world.outsider)
    assert (view.target, view.is_shown) == ("a domain that you may not know of", False)


def test_members_of_several_groups_are_counted_once_in_each(world):
    other = type(world.team).objects.create(name="other")
    world.users["peer"].groups.add(other)
    grant = world.aged(other, world.domain)
    world.start()
    items = [world.item(world.shared), world.item(grant)]
    reasons = [view.suggestion.reasons[-1] for view in describe_items(items, viewer=world.steward)]
    assert reasons == [f"0 of {count} members of the group used it" for count in (2, 1)]


def test_the_report_is_evidence(world):
    row = world.start()
    world.read()
    world.count()
    keep_grant(world.item(world.mine), by=world.owner, comment="=needed")
    lines = [orjson.loads(each) for each in report_lines(row, by=world.steward)]
    assert len(lines) == 4
    line = next(each for each in lines if each["grant"] == str(world.mine.uuid))
    assert (line["holder"], line["state"], line["decided_by"], line["reads_90_days"]) == (
        "user:analyst",
        "kept",
        "owner",
        1,
    )
    assert (line["columns_read"], line["advice"]) == (["age", "region"], "narrow")
    text = "".join(report_lines(row, by=world.steward, form="csv"))
    table = list(csv.DictReader(io.StringIO(text)))
    assert [each["grant"] for each in table] == [each["grant"] for each in lines]
    assert next(each["comment"] for each in table if each["state"] == "kept") == "'=needed"
    assert AuditRecord.objects.filter(action="campaign.report").count() == 2


def test_a_denying_policy_hides_items_from_the_holder_of_the_campaign(world):
    row = world.start(by="root")
    make_policy(
        {
            "name": "closed",
            "applies_to": {"tags": ["public"]},
            "subjects": {"users": ["second"]},
            "effect": {"deny": "discover"},
        }
    )
    found = {orjson.loads(each)["grant"] for each in report_lines(row, by=world.second)}
    assert found == {str(world.shared.uuid)}
    assert world.certifiers(world.shared) == ["second", "steward"]


def test_it_asks_no_more_for_more_items(world):
    world.start()
    counts = []
    for number in range(2):
        with CaptureQueriesContext(connection) as captured:
            rows = items_to_certify(world.owner)
            describe_items(rows, viewer=world.owner)
        counts.append(len(captured))
        for each in range(4):
            world.aged(make_user(f"more-{number}-{each}"), world.dataset)
        world.start(older_than_days=100)
    assert counts[0] == counts[1]
