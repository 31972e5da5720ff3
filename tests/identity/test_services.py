from datetime import timedelta

import pytest
from django.contrib.auth.models import AbstractUser

from core.clock import utc_now
from core.errors import InvalidInputError, UnauthenticatedError
from governance.auditing.reading import read_records
from governance.models import AuditRecord
from identity.models import ApiToken
from identity.services import authenticate_token, end_access, issue_token, revoke_token
from tests.factories.audit import payload_of
from tests.factories.identity import make_token, make_user

pytestmark = pytest.mark.django_db


def issue(user, **kwargs):
    arguments = {"name": "t", "scopes": ["read"], "lifetime": timedelta(days=1), **kwargs}
    return issue_token(user=user, **arguments)


def test_a_token_authenticates_its_user_and_is_kept_as_a_hash_only():
    user = make_user()
    token, text = issue(user)
    assert authenticate_token(text).user == user
    stored = ApiToken.objects.values().get(pk=token.pk)
    assert text not in str(stored)
    assert stored["hint"] == text[:8]


def test_an_expired_token_is_refused():
    _, text = issue(make_user())
    with pytest.raises(UnauthenticatedError):
        authenticate_token(text, now=utc_now() + timedelta(days=2))


def test_a_revoked_token_and_one_of_an_inactive_user_are_refused():
    user = make_user()
    token, text = issue(user)
    revoke_token(token)
    with pytest.raises(UnauthenticatedError):
        authenticate_token(text)
    _, other = issue(user)
    user.is_active = False
    user.save()
    with pytest.raises(UnauthenticatedError):
        authenticate_token(other)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"lifetime": timedelta(0)},
        {"lifetime": timedelta(days=1000)},
        {"raw": "short"},
    ],
)
def test_what_a_token_may_not_be(wrong):
    with pytest.raises(InvalidInputError):
        issue(make_user(), **wrong)


def test_the_last_use_is_kept_to_the_minute():
    user = make_user()
    token, text = issue(user)
    start = utc_now()
    authenticate_token(text, now=start)
    authenticate_token(text, now=start + timedelta(seconds=30))
    token.refresh_from_db()
    assert token.last_used_at == start
    authenticate_token(text, now=start + timedelta(seconds=90))
    token.refresh_from_db()
    assert token.last_used_at == start + timedelta(seconds=90)


def test_an_upgrade_ends_no_session_and_ending_them_ends_all():
    user = make_user("ana")
    plain = user.get_session_auth_hash()
    assert plain == AbstractUser._get_session_auth_hash(user)
    token = make_token(user)
    end_access(user)
    assert user.get_session_auth_hash() != plain
    with pytest.raises(UnauthenticatedError):
        authenticate_token(token)
    again = user.get_session_auth_hash()
    end_access(user)
    assert user.get_session_auth_hash() not in (plain, again)


def test_the_use_of_a_token_that_has_ended_is_on_record_once_a_minute():
    ada = make_user("ada")
    expired, text = issue(ada)
    later = expired.expires_at + timedelta(seconds=1)
    for seconds in (0, 30, 61):
        with pytest.raises(UnauthenticatedError):
            authenticate_token(text, now=later + timedelta(seconds=seconds))
    revoked, other = issue(ada, name="other")
    revoke_token(revoked)
    for unusable in (other, "lkw_nobody-has-ever-had-this-one-here"):
        with pytest.raises(UnauthenticatedError):
            authenticate_token(unusable)
    records = AuditRecord.objects.filter(action="token.refuse").order_by("pk")
    assert [(told.actor, told.resource) for told in read_records(records)] == [
        ("ada", "user:ada")
    ] * 3
    told = [(payload_of(each)["name"], payload_of(each)["reason"]) for each in records]
    assert told == [("t", "expired"), ("t", "expired"), ("other", "revoked")]
    assert text not in str([payload_of(each) for each in records])
