"""Breaking the glass: who may, what it opens and for how long, who is told, and who says whether it was right."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core import mail

from catalog.models import DatasetOwner
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError
from governance.auditing.reading import read_record
from governance.glass import answerable_people, reviews_to_close, visible_breakings
from governance.models import AuditRecord, BreakGlass, DatasetUserGrant
from governance.policy.types import Action
from governance.queries import decide_read, grants_given_on, principal_of
from governance.services.break_glass import break_glass, review_break_glass
from governance.services.glass_alerts import remind_of_reviews, tell_of_broken_glass
from governance.services.grants import describe, expire_grants, revoke_grant
from identity.models import User
from tests.factories.audit import payload_of
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant, make_mask, make_policy, make_world
from tests.factories.identity import make_service, make_user

pytestmark = pytest.mark.django_db
WHY = "the nightly load is broken, and a customer waits"


@pytest.fixture
def world():
    return make_world()


def broken(world, **more) -> BreakGlass:
    terms = {"by": principal_of(world.superuser), "reason": WHY, **more}
    return break_glass(terms.pop("target", world.passengers), **terms)


def close(row, user, verdict="justified", comment="seen in the incident's log"):
    return review_break_glass(row, by=principal_of(user), verdict=verdict, comment=comment)


def let_break(user) -> User:
    user.user_permissions.add(Permission.objects.get(codename="break_glass"))
    return User.objects.get(pk=user.pk)


def records(action: str) -> list[AuditRecord]:
    return [*AuditRecord.objects.filter(action=action).order_by("pk")]


def test_it_opens_at_once_on_record_and_ends_by_itself(world):
    root = principal_of(world.superuser)
    assert not decide_read(root, world.passengers).allowed
    row = broken(world, minutes=30)
    decision = decide_read(root, world.passengers)
    assert decision.allowed
    assert [each.kind for each in decision.reasons] == ["grant"]
    (record,) = records("glass.break")
    assert (read_record(record).actor, record.resource) == ("root", world.passengers.node_id)
    payload = payload_of(record)
    assert (payload["reason"], payload["allowed_by"], payload["grant"]) == (
        WHY,
        "superuser",
        str(row.grant),
    )
    assert payload_of(records("grant.create")[-1])["break_glass"] == str(row.uuid)
    assert row.expires_at - row.created_at == timedelta(minutes=30)
    assert row.review_due_at - row.created_at == timedelta(hours=72)
    DatasetUserGrant.objects.filter(uuid=row.grant).update(expires_at=utc_now())
    assert not decide_read(root, world.passengers).allowed
    assert expire_grants() == 1
    row.refresh_from_db()
    assert (row.ended_at, row.reviewed_at) == (None, None)


def test_without_a_number_it_holds_as_long_as_the_settings_allow_and_never_longer(world):
    assert broken(world).expires_at - utc_now() > timedelta(minutes=59)
    for minutes in (0, -5, 61):
        with pytest.raises(InvalidInputError, match="from 1 to 60"):
            broken(world, target=world.salaries, minutes=minutes)
    for reason in ("", "  ", "x" * 2001):
        with pytest.raises(InvalidInputError, match="`reason`"):
            broken(world, target=world.salaries, reason=reason)


def test_superusers_and_holders_of_the_permission_may_and_nobody_else(world):
    make_grant(world.analyst, world.salaries, Action.DISCOVER)
    for user in (world.steward, world.hr_steward, world.analyst):
        with pytest.raises((PermissionDeniedError, NotFoundError)):
            broken(world, by=principal_of(user), target=world.salaries)
    analyst = let_break(world.analyst)
    row = broken(world, by=principal_of(analyst), target=world.salaries)
    assert decide_read(principal_of(analyst), world.salaries).allowed
    assert (
        payload_of(records("glass.break")[0])["allowed_by"] == "permission governance.break_glass"
    )
    assert row.user == analyst
    # What one may not know of is not there, broken glass or not.
    with pytest.raises(NotFoundError, match="there is no such dataset"):
        broken(world, by=principal_of(let_break(world.outsider)), target=world.salaries)


def test_programs_and_weak_tokens_break_nothing(world):
    robot = let_break(make_service("robot"))
    make_grant(robot, world.passengers, Action.DISCOVER)
    weak = principal_of(world.superuser, scopes=["read", "write"])
    for by in (principal_of(robot), weak):
        with pytest.raises(PermissionDeniedError, match="you may not break the glass"):
            broken(world, by=by)
    assert broken(world, by=principal_of(world.superuser, scopes=["admin"])).user == world.superuser


def test_policies_still_narrow_and_a_denial_still_wins(world):
    make_mask("pii.email", "replace-with-null")
    broken(world)
    decision = decide_read(principal_of(world.superuser), world.passengers)
    masks = {each.name: each.mask for each in decision.obligations.columns}
    assert [name for name, mask in masks.items() if mask] == ["email"]
    make_policy({"name": "no", "applies_to": {"domain": "hr"}, "effect": {"deny": "read"}})
    with pytest.raises(PermissionDeniedError, match="policies refuse it") as refused:
        broken(world, target=world.salaries)
    assert refused.value.data["reasons"] == ["policy `no` denies"]
    assert BreakGlass.objects.count() == 1


def test_a_glass_is_broken_once_at_a_time(world):
    row = broken(world)
    with pytest.raises(ConflictError, match="broken this glass already"):
        broken(world)
    broken(world, target=world.salaries)
    grant = DatasetUserGrant.objects.get(uuid=row.grant)
    revoke_grant(grant, by=principal_of(world.superuser), reason="done")
    row.refresh_from_db()
    assert row.ended_at is not None
    assert not row.is_in_force
    broken(world)


def test_a_domain_opens_with_all_below_it_and_its_stewards_review(world):
    other = make_dataset("curated.flights", domain=world.sales)
    row = broken(world, target=world.sales)
    root = principal_of(world.superuser)
    reads = [decide_read(root, each).allowed for each in (world.passengers, other, world.salaries)]
    assert reads == [True, True, False]
    assert [*answerable_people(row)] == [world.steward]
    with pytest.raises(NotFoundError):
        close(row, world.hr_steward)
    close(row, world.steward)
    assert payload_of(records("glass.review")[0])["verdict"] == "justified"


def test_those_who_answer_for_the_data_review_and_never_who_broke_it(world):
    row = broken(world)
    assert [*reviews_to_close(principal_of(world.owner))] == [row]
    assert [*reviews_to_close(principal_of(world.steward))] == [row]
    second = make_user("second-root", is_superuser=True)
    for user in (world.superuser, second, world.analyst, world.hr_steward):
        assert [*reviews_to_close(principal_of(user))] == []
    for user, text in (
        (world.superuser, "nobody reviews their own"),
        (second, "those who own or steward"),
    ):
        with pytest.raises(PermissionDeniedError, match=text):
            close(row, user)
    for user in (world.analyst, world.hr_steward):
        with pytest.raises(NotFoundError):
            close(row, user)
    for wrong in ({"verdict": "fine"}, {"comment": " "}):
        with pytest.raises(InvalidInputError):
            close(row, world.owner, **wrong)
    closed = close(row, world.owner)
    assert (closed.verdict, closed.reviewed_by) == ("justified", world.owner)
    assert decide_read(principal_of(world.superuser), world.passengers).allowed
    with pytest.raises(ConflictError, match="closed already: justified"):
        close(row, world.steward)


def test_abuse_is_taken_back_at_once(world):
    row = broken(world)
    closed = close(row, world.owner, "abuse", "there was no incident")
    assert not decide_read(principal_of(world.superuser), world.passengers).allowed
    assert (closed.verdict, closed.is_in_force) == ("abuse", False)
    revoked = payload_of(records("grant.revoke")[0])
    assert (revoked["break_glass"], revoked["reason"]) == (
        str(row.uuid),
        "the breaking of the glass was abuse",
    )


def test_where_only_the_breaker_answers_other_administrators_review(world):
    second = make_user("second-root", is_superuser=True)
    dataset = make_dataset("lonely", domain=None)
    DatasetOwner.objects.create(dataset=dataset, user=world.superuser)
    # The owner reads without breaking anything; as one of the answerable they never review themselves.
    row = broken(world, target=dataset)
    assert [*reviews_to_close(principal_of(second))] == [row]
    assert [*reviews_to_close(principal_of(world.superuser))] == []
    close(row, second)


def test_a_grant_tells_which_breaking_gave_it(world):
    make_grant(world.analyst, world.passengers)
    row = broken(world)
    told = [describe(each) for each in grants_given_on(principal_of(world.owner), world.passengers)]
    by_glass = [each["break_glass"] for each in told]
    assert by_glass == [None, None, str(row.uuid)]


def test_each_sees_what_was_broken_of_theirs(world):
    mine, other = broken(world), broken(world, target=world.salaries)
    seen = {
        user.username: {*visible_breakings(principal_of(user))}
        for user in (world.superuser, world.owner, world.steward, world.hr_steward, world.analyst)
    }
    assert seen == {
        "root": {mine, other},
        "owner": {mine},
        "steward": {mine},
        "hr-steward": {other},
        "analyst": set(),
    }


def test_owners_and_stewards_are_written_to_once(world):
    User.objects.filter(pk=world.owner.pk).update(email="owner@example.org")
    User.objects.filter(pk=world.steward.pk).update(email="steward@example.org")
    User.objects.filter(pk=world.superuser.pk).update(email="root@example.org")
    row = broken(world)
    assert tell_of_broken_glass() == 1
    assert tell_of_broken_glass() == 0
    assert [each.to for each in mail.outbox] == [["owner@example.org"], ["steward@example.org"]]
    assert mail.outbox[0].subject == f"Glass broken: root reads {world.passengers}"
    assert WHY in mail.outbox[0].body
    assert mail.outbox[0].extra_headers["Message-ID"] == f"<glass-{row.uuid}.0@lakewarden>"
    # Nobody closes the review: once more, and to the other administrators as well.
    assert remind_of_reviews() == 0
    make_user("second-root", is_superuser=True, email="second@example.org")
    BreakGlass.objects.update(review_due_at=utc_now())
    assert [remind_of_reviews(), remind_of_reviews()] == [1, 0]
    assert [each.to[0] for each in mail.outbox[2:]] == [
        "owner@example.org",
        "second@example.org",
        "steward@example.org",
    ]
    assert [*BreakGlass.objects.overdue(utc_now())] == [row]
    close(row, world.owner)
    assert [*BreakGlass.objects.overdue(utc_now())] == []


def test_a_mail_server_that_is_down_is_tried_again(world, settings):
    User.objects.filter(pk=world.owner.pk).update(email="owner@example.org")
    broken(world)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert tell_of_broken_glass() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert tell_of_broken_glass() == 1
    assert [each.to for each in mail.outbox] == [["owner@example.org"]]
