"""Rules and stages on real rows: who is asked when, what passes by itself, what is offered instead."""

import pytest

from catalog.services.datasets import delete_dataset
from core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    UnprocessableError,
)
from governance.models import (
    AccessRequest,
    AuditRecord,
    DatasetUserGrant,
    RequestRule,
)
from governance.policy.types import Action
from governance.queries import decide_read
from governance.services.grants import grant_access, revoke_grant
from governance.services.requests import (
    answer_offer,
    approve_request,
    deny_request,
    extend_request,
    offer_less,
    withdraw_request,
)
from governance.services.rules import retire_rule, save_rule
from governance.tasks import watch_requests_task
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant
from tests.factories.identity import make_group
from tests.governance.request_world import BOTH, DAY, World


@pytest.fixture
def world(db):
    return World()


def actions():
    names = AuditRecord.objects.order_by("pk").values_list("action", flat=True)
    return [each for each in names if each.startswith("request.")]


def test_stages_are_asked_in_their_order_and_the_last_makes_the_grant(world):
    world.rule()
    asked = world.ask()
    assert world.waits_for() == ["owner"]
    with pytest.raises(PermissionDeniedError, match="no stage of this request waits for you"):
        approve_request(asked, by=world.steward)
    half = approve_request(asked, by=world.owner, comment="fine by me")
    assert (
        half.state,
        world.waits_for(),
        DatasetUserGrant.objects.filter(request=asked).count(),
    ) == (
        "pending",
        ["second", "steward"],
        0,
    )
    with pytest.raises(PermissionDeniedError, match="no stage"):
        approve_request(asked, by=world.owner)
    done = approve_request(asked, by=world.second)
    assert (done.state, decide_read(world.analyst, world.dataset).allowed) == ("approved", True)
    assert [(v.stage, v.by.username) for v in done.votes.all()] == [(0, "owner"), (1, "second")]
    assert actions() == ["request.create", "request.agree", "request.approve"]


def test_one_refusal_ends_it(world):
    world.rule(order="parallel")
    asked = world.ask()
    assert world.waits_for() == ["owner", "second", "steward"]
    approve_request(asked, by=world.owner)
    assert deny_request(asked, by=world.steward, comment="too wide").state == "denied"


def test_an_open_request_keeps_the_stages_it_was_made_with(world):
    rule = world.rule()
    asked = world.ask()
    assert world.rule().version == 1
    world.rule(stages=[{"by": "approver"}])
    rule.refresh_from_db()
    assert (rule.version, [s["kind"] for s in asked.stages["stages"]]) == (2, ["owner", "steward"])
    assert world.waits_for() == ["owner"]
    retire_rule(rule, by=world.root)
    with pytest.raises(ConflictError, match="retired already"):
        retire_rule(rule, by=world.root)
    deny_request(asked, by=world.owner, comment="ask again")
    assert world.ask().plan.stages[0].kind == "approver"


def test_two_of_a_group_agree_and_only_those_whom_the_kernel_lets(world):
    privacy = make_group("privacy")
    for name in ("owner", "second", "outsider"):
        world.users[name].groups.add(privacy)
    world.rule(stages=[{"by": "group", "group": "privacy", "needed": 2}])
    asked = world.ask()
    assert world.waits_for() == ["owner", "second"]
    with pytest.raises(NotFoundError):
        approve_request(asked, by=world.outsider)
    assert approve_request(asked, by=world.owner).state == "pending"
    assert approve_request(asked, by=world.second).state == "approved"


def test_rivals_do_not_decide_for_each_other(world):
    traders = make_group("traders")
    for name in ("steward", "analyst"):
        world.users[name].groups.add(traders)
    world.rule(stages=[{"by": "steward"}], conflicts={"groups": ["traders"]})
    asked = world.ask()
    assert world.waits_for() == ["second"]
    with pytest.raises(PermissionDeniedError, match="too close to the requester"):
        approve_request(asked, by=world.steward)


AUTOMATIC = {
    "stages": [
        {
            "by": "owner",
            "automatic_when": {"tags": ["public"], "unlabelled": True, "at_most_days": 30},
        }
    ]
}


def test_what_a_rule_lets_pass_is_granted_at_once(world):
    world.rule(**AUTOMATIC)
    assert world.ask(columns=["mail"], by="analyst").state == "pending"
    withdraw_request(AccessRequest.objects.get(), by=world.analyst)
    asked = world.ask(columns=["region"])
    assert (asked.state, asked.decided_by, asked.decision_comment) == (
        "approved",
        None,
        "approved by rule: both",
    )
    decision = decide_read(world.analyst, world.dataset)
    assert [rule.name for rule in decision.obligations.columns] == ["region"]


def test_nobody_approves_for_themselves_by_a_rule_of_their_own(world):
    save_rule(BOTH | AUTOMATIC, by=world.steward)
    assert world.ask(by="steward", columns=["region"]).state == "pending"


def test_who_sees_no_columns_passes_no_stage_by_itself(world):
    world.rule(**AUTOMATIC)
    make_grant(world.users["outsider"], world.dataset, Action.DISCOVER)
    assert world.ask(by="outsider", columns=["no-such-column"]).state == "pending"


def test_a_rule_whose_domain_was_renamed_still_binds(world):
    world.rule()
    world.domain.slug = "trade"
    world.domain.save()
    assert [each.rule for each in world.ask().plan.stages] == ["both", "both"]


def test_who_writes_rules(world):
    assert save_rule(BOTH, by=world.steward).version == 1
    wide = BOTH | {"name": "wide", "applies_to": {"tags": ["public"]}}
    for who, document in (("owner", BOTH), ("steward", wide), ("outsider", BOTH)):
        with pytest.raises(PermissionDeniedError, match="only an administrator writes this rule"):
            save_rule(document, by=getattr(world, who))
    with pytest.raises(UnprocessableError, match="there is no group `nobody`"):
        world.rule(stages=[{"by": "group", "group": "nobody"}])
    with pytest.raises(UnprocessableError, match="there is no domain `north`"):
        world.rule(applies_to={"domain": ["north"]})
    assert RequestRule.objects.count() == 1


def test_an_offer_is_never_more_and_counts_when_it_is_accepted(world):
    asked = world.ask(columns=["region", "age"], row_filter="age > 18")
    for wrong, message in (
        ({"columns": ["mail"]}, "`mail` was not asked for"),
        ({"columns": []}, "at least one is needed"),
        ({"duration": 11 * DAY}, "at most what was asked"),
        ({}, "must be less than what was asked"),
        ({"columns": ["age", "region"]}, "must be less than what was asked"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            offer_less(asked, by=world.owner, **wrong)
    offered = offer_less(
        asked, by=world.owner, columns=["region"], row_filter="region = 'EWR'", duration=DAY
    )
    assert (offered.state, world.waits_for()) == ("offered", [])
    with pytest.raises(NotFoundError):
        answer_offer(asked, by=world.owner, accept=True)
    assert answer_offer(asked, by=world.analyst, accept=False).state == "pending"
    offer_less(asked, by=world.owner, row_filter="region = 'EWR'", duration=DAY)
    done = answer_offer(asked, by=world.analyst, accept=True)
    grant = DatasetUserGrant.objects.get(request=asked)
    assert (done.state, grant.row_filter, grant.columns, grant.granted_by) == (
        "approved",
        "(age > 18) AND (region = 'EWR')",
        ["age", "region"],
        world.users["owner"],
    )
    assert done.expires_at - done.decided_at <= DAY


def test_a_filter_cannot_break_out_of_what_was_asked(world):
    asked = world.ask(row_filter="age > 18")
    with pytest.raises(InvalidInputError):
        offer_less(asked, by=world.owner, row_filter="TRUE) OR (TRUE")


def test_an_offer_of_somebody_who_lost_the_right_is_no_agreement(world):
    asked = world.ask()
    offer_less(asked, by=world.owner, columns=["region"])
    world.dataset.owners.all().delete()
    after = answer_offer(asked, by=world.analyst, accept=True)
    assert (after.state, after.votes.count(), after.terms().columns) == ("pending", 0, ["region"])
    approve_request(asked, by=world.steward)
    assert DatasetUserGrant.objects.get(request=asked).columns == ["region"]


def test_more_time_begins_where_the_first_ends_and_not_after_a_revocation(world):
    first = approve_request(world.ask(), by=world.owner)
    more = extend_request(first, by=world.analyst, duration=DAY)
    assert approve_request(more, by=world.steward).expires_at == first.expires_at + DAY
    third = extend_request(first, by=world.analyst, duration=DAY)
    revoke_grant(DatasetUserGrant.objects.get(request=first), by=world.owner)
    with pytest.raises(ConflictError, match="what it prolongs is revoked: ask anew"):
        approve_request(third, by=world.steward)
    with pytest.raises(ConflictError, match="the request is revoked already"):
        extend_request(first, by=world.analyst, duration=DAY)


def test_what_nobody_can_decide_any_more_is_cancelled(world):
    asked = world.ask()
    other = world.ask(dataset=make_dataset("b", owners=[world.users["owner"]]), by="owner")
    delete_dataset(world.dataset, actor="system")
    world.users["owner"].is_active = False
    world.users["owner"].save()
    watch_requests_task()
    watch_requests_task()
    for row, why in ((asked, "the dataset was dropped"), (other, "the account is not active")):
        row.refresh_from_db()
        assert (row.state, row.decision_comment) == ("cancelled", why)
    assert actions() == ["request.create", "request.create", "request.cancel", "request.cancel"]


def test_a_grant_given_beside_a_request_is_untouched_by_it(world):
    grant = grant_access(
        by=world.owner, subject=world.users["analyst"], target=world.dataset, action=Action.READ
    )
    deny_request(world.ask(), by=world.steward, comment="you read it already")
    assert DatasetUserGrant.objects.filter(pk=grant.pk).exists()
