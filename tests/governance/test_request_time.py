"""Links that end, reminders, escalation, messages."""

import pytest
from django.core import mail

from core.errors import (
    InvalidInputError,
    NotFoundError,
)
from governance.models import (
    AccessRequest,
    NoticeKind,
    RequestNotice,
)
from governance.services.notices import send_notices
from governance.services.requests import (
    approve_request,
    make_invitation,
    open_invitation,
    watch_requests,
    withdraw_request,
)
from governance.tasks import send_notices_task
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_policy
from tests.governance.request_world import DAY, World, later


@pytest.fixture
def world(db):
    return World()


def test_a_link_holds_as_long_as_its_sender_may_approve_and_no_policy_denies(world):
    text = make_invitation(world.dataset, by=world.owner, lifetime=DAY)
    found = open_invitation(text, by=world.outsider)
    asked = world.ask(by="outsider", invitation=found)
    assert (asked.state, asked.invited_by) == ("pending", world.users["owner"])
    withdraw_request(asked, by=world.outsider)
    make_policy(
        {
            "name": "never",
            "applies_to": {"domain": "sales"},
            "subjects": {"users": ["outsider"]},
            "effect": {"deny": "discover"},
        }
    )
    with pytest.raises(NotFoundError, match="there is no such invitation"):
        open_invitation(text, by=world.outsider)
    open_invitation(text, by=world.analyst)
    world.dataset.owners.all().delete()
    for by in (world.outsider, world.analyst):
        with pytest.raises(NotFoundError, match="there is no such invitation"):
            open_invitation(text, by=by)


def test_a_link_is_for_one_dataset_and_not_for_ever(world, monkeypatch):
    found = open_invitation(
        make_invitation(world.dataset, by=world.owner, lifetime=DAY), by=world.outsider
    )
    with pytest.raises(NotFoundError):
        world.ask(by="outsider", dataset=make_dataset("other"), invitation=found)
    with pytest.raises(InvalidInputError, match="at most 30 days"):
        make_invitation(world.dataset, by=world.owner, lifetime=31 * DAY)
    text = make_invitation(world.dataset, by=world.owner, lifetime=DAY)
    monkeypatch.setattr(
        "governance.services.requests.invite.utc_now", lambda: later(days=1, seconds=1)
    )
    with pytest.raises(NotFoundError):
        open_invitation(text, by=world.outsider)


def test_reminders_and_escalation_come_once_and_open_the_stage_to_the_next(world):
    world.rule()
    asked = world.ask()
    assert (watch_requests(), watch_requests()) == (0, 0)
    AccessRequest.objects.update(created_at=later(hours=-25))
    assert (watch_requests(), watch_requests(), world.waits_for()) == (1, 0, ["owner"])
    AccessRequest.objects.update(created_at=later(hours=-49))
    assert (watch_requests(), watch_requests()) == (1, 0)
    assert world.waits_for() == ["owner", "second", "steward"]
    kinds = RequestNotice.objects.filter(request=asked).values_list("kind", "number")
    assert sorted(kinds) == [("escalation", 0), ("reminder", 0), ("waiting", 0)]


def test_messages_go_once_to_those_in_charge_and_name_no_person(world):
    world.rule()
    asked = world.ask(purpose="about Mrs Smith")
    assert (send_notices_task(), send_notices_task()) == (1, 0)
    message = mail.outbox.pop()
    assert (message.to, message.subject) == (
        ["owner@example.org"],
        "Lakewarden: access to curated.sales waits for a decision",
    )
    assert "/inbox/" in message.body
    assert not {"analyst", "Smith"} & set(message.body.replace(".", " ").split())
    approve_request(asked, by=world.owner)
    approve_request(asked, by=world.steward)
    send_notices()
    assert [(each.to, each.body.splitlines()[0]) for each in mail.outbox] == [
        (["analyst@example.org"], "Your request for access to curated.sales is approved.")
    ]
    assert RequestNotice.objects.filter(sent_at=None).count() == 0


def test_a_server_that_cannot_be_reached_loses_no_message(world, settings):
    world.ask()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with pytest.raises(OSError, match="refused"):
        send_notices()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert (send_notices(), len(mail.outbox)) == (1, 3)


def test_the_coming_end_is_told_once(world):
    asked = approve_request(world.ask(), by=world.owner)
    AccessRequest.objects.update(expires_at=later(days=2), decided_at=later(days=-8))
    assert (watch_requests(), watch_requests()) == (1, 0)
    assert asked.notices.filter(kind=NoticeKind.ENDING).count() == 1
