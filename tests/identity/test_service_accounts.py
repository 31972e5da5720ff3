"""Accounts of programs: their owners, what those may do, and what happens when they leave."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from core.errors import (
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from governance.auditing.reading import read_record
from governance.models import AuditRecord
from identity.models import ApiToken, User
from identity.queries import orphaned_accounts
from identity.services import authenticate_token, issue_token
from identity.services.service_accounts import (
    deactivate_account,
    mark_orphans,
    revoke_account_token,
    rotate_token,
    set_owner,
)
from tests.factories.audit import payload_of
from tests.factories.identity import (
    api_client,
    make_actors,
    make_service,
    make_user,
    page_client,
)

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
URL = "/api/v1/service-accounts"


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def robot(actors):
    """A program that the owner answers for."""
    return make_service("robot", responsible=actors.owner)


def token_of(account, **terms) -> tuple[ApiToken, str]:
    wanted = {"name": "nightly", "scopes": ["read"], "lifetime": timedelta(days=30), **terms}
    return issue_token(user=account, **wanted)


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def test_its_owner_rotates_a_token_and_nobody_else(actors, robot):
    token, old = token_of(robot)
    for stranger in (actors.team_mate, actors.outsider):
        with pytest.raises(NotFoundError, match="no such service account"):
            rotate_token(token, by=stranger)
    made, text = rotate_token(token, by=actors.owner)
    assert authenticate_token(text).user == robot
    with pytest.raises(UnauthenticatedError):
        authenticate_token(old)
    assert (made.name, made.scopes) == ("nightly", ["read"])
    assert abs((made.expires_at - made.created_at) - timedelta(days=30)) < timedelta(seconds=1)
    record = AuditRecord.objects.get(action="token.rotate")
    assert (read_record(record).actor, payload_of(record)["replaces"]) == (
        actors.owner.username,
        old[:8],
    )
    with pytest.raises(NotFoundError, match="no such token in force"):
        rotate_token(token, by=actors.owner)


def test_a_group_answers_as_a_person_does(actors):
    robot = make_service(responsible_group=actors.team)
    token, text = token_of(robot)
    with pytest.raises(NotFoundError):
        revoke_account_token(token, by=actors.outsider)
    revoke_account_token(token, by=actors.team_mate)
    with pytest.raises(UnauthenticatedError):
        authenticate_token(text)


def test_owners_rotate_no_scope_that_superusers_give(actors, robot):
    root = make_user(is_superuser=True)
    token, _ = token_of(robot, scopes=["scim"], issuer=root)
    with pytest.raises(PermissionDeniedError, match="made by superusers"):
        rotate_token(token, by=actors.owner)
    assert rotate_token(token, by=root)[0].scopes == ["scim"]


def test_its_owner_ends_it_with_all_its_tokens(actors, robot):
    _, text = token_of(robot)
    with pytest.raises(NotFoundError):
        deactivate_account(robot, by=actors.outsider)
    deactivate_account(robot, by=actors.owner)
    deactivate_account(robot, by=actors.owner)
    with pytest.raises(UnauthenticatedError):
        authenticate_token(text)
    assert AuditRecord.objects.filter(action="service-account.deactivate").count() == 1


def test_ownership_is_handed_on_to_active_people_only(actors, robot):
    gone = make_user()
    deactivate(gone)
    gone.refresh_from_db()
    for wrong in (gone, make_service()):
        with pytest.raises(InvalidInputError, match="active account"):
            set_owner(robot, by=actors.owner, responsible=wrong)
    with pytest.raises(InvalidInputError, match="a person or a group"):
        set_owner(robot, by=actors.owner, responsible=None)
    set_owner(robot, by=actors.owner, responsible=None, group=actors.team)
    record = AuditRecord.objects.get(action="service-account.set-owner")
    assert payload_of(record) == {
        "before": {"user": actors.owner.username, "group": None},
        "after": {"user": None, "group": actors.team.name},
    }


def test_who_leaves_leaves_an_orphan_that_is_told_of_once(actors, robot):
    root = make_user("root", is_superuser=True, email="root@example.org")
    held = make_service("held", responsible=actors.owner, responsible_group=actors.team)
    assert (mark_orphans(), [*orphaned_accounts()]) == (0, [])
    deactivate(actors.owner)
    assert [*orphaned_accounts()] == [robot]
    assert [mark_orphans(), mark_orphans()] == [1, 0]
    assert [(each.to, each.subject) for each in mail.outbox] == [
        (["root@example.org"], "Service account without an owner: robot")
    ]
    assert (
        read_record(AuditRecord.objects.get(action="service-account.orphan")).resource
        == "user:robot"
    )
    robot.refresh_from_db()
    assert robot.orphaned_at is not None
    # The last of the group leaves as well.
    deactivate(actors.team_mate)
    assert [*orphaned_accounts().order_by("username")] == [held, robot]
    set_owner(robot, by=root, responsible=root)
    assert mark_orphans() == 1
    assert [*orphaned_accounts()] == [held]
    robot.refresh_from_db()
    assert robot.orphaned_at is None
    # Who comes back owns again, and the mark goes.
    User.objects.update(is_active=True)
    assert mark_orphans() == 0
    assert not User.objects.exclude(orphaned_at=None).exists()


def test_a_mail_server_that_is_down_leaves_the_orphan_to_the_next_time(actors, robot, settings):
    make_user("root", is_superuser=True, email="root@example.org")
    deactivate(actors.owner)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert mark_orphans() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mark_orphans() == 1


def test_the_api_is_for_owners_and_superusers(actors, robot):
    token, old = token_of(robot)
    make_service("other", responsible=actors.team_mate)
    root = make_user("root", is_superuser=True)
    listed = {
        user.username: [each["username"] for each in page_client(user).get(URL).json()["items"]]
        for user in (actors.owner, actors.outsider, root)
    }
    assert listed == {
        actors.owner.username: ["robot"],
        actors.outsider.username: [],
        "root": ["robot", "other"],
    }
    owner, outsider = page_client(actors.owner), page_client(actors.outsider)
    (shown,) = owner.get(f"{URL}/robot/tokens").json()
    assert (shown["id"], shown["name"], "token" in shown) == (token.pk, "nightly", False)
    for path in ("robot", "robot/tokens"):
        assert outsider.get(f"{URL}/{path}").status_code == 404
    rotate = f"{URL}/robot/tokens/{token.pk}/rotate"
    weak = api_client(actors.owner, scopes=["read", "write"])
    assert [outsider.post(rotate).status_code, weak.post(rotate).status_code] == [404, 403]
    made = owner.post(rotate)
    assert made.status_code == 201
    assert authenticate_token(made.json()["token"]).user == robot
    revoke = f"{URL}/robot/tokens/{made.json()['id']}"
    assert owner.delete(f"{URL}/other/tokens/{token.pk}").status_code == 404
    assert owner.delete(revoke).status_code == 204
    changed = owner.patch(f"{URL}/robot", {"responsible_group": actors.team.name}, **JSON)
    assert (changed.json()["responsible"], changed.json()["responsible_group"]) == (
        actors.owner.username,
        actors.team.name,
    )
    assert owner.patch(f"{URL}/robot", {"responsible": "nobody"}, **JSON).status_code == 400
    assert page_client(actors.team_mate).post(f"{URL}/robot/deactivate").json() == {
        "username": "robot",
        "is_active": False,
        "responsible": actors.owner.username,
        "responsible_group": actors.team.name,
        "orphaned_at": None,
    }
    assert old


def test_orphans_are_listed(actors, robot):
    root = make_user("root", is_superuser=True)
    assert page_client(root).get(URL, {"orphaned": "1"}).json()["items"] == []
    deactivate(actors.owner)
    found = page_client(root).get(URL, {"orphaned": "1"}).json()["items"]
    assert [each["username"] for each in found] == ["robot"]


def test_the_command(actors, robot):
    token, old = token_of(robot)
    owner = actors.owner.username

    def run(*words: str) -> str:
        out = StringIO()
        call_command("service_account", *words, stdout=out)
        return out.getvalue()

    listed = run("list").splitlines()
    assert listed[0] == f"robot (active): {owner}"
    assert listed[1].startswith(f"  token {token.pk} nightly until ")
    text = run("rotate", "robot", str(token.pk), "--by", owner).strip()
    assert authenticate_token(text).user == robot
    run("own", "robot", "--by", owner, "--group", actors.team.name)
    assert run("list").splitlines()[0] == f"robot (active): {actors.team.name}"
    with pytest.raises(CommandError, match="no such service account"):
        run("deactivate", "robot", "--by", actors.outsider.username)
    run("deactivate", "robot", "--by", owner)
    assert run("list").splitlines()[0] == f"robot (inactive): {actors.team.name}"
    assert run("list", "--orphaned") == ""
    with pytest.raises(UnauthenticatedError):
        authenticate_token(old)
