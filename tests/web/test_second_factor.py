"""The second factor: enrolled, asked for after the password, never taken twice."""

import dataclasses
import re
import time
from datetime import timedelta

import pyotp
import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError
from governance.auditing.reading import read_record
from governance.models import AuditRecord
from identity.models import RecoveryCode, SecondFactor
from identity.services import second_factor as services
from tests.factories.audit import audited_by, payload_of, payload_text
from tests.factories.identity import PASSWORD, api_client, make_service, make_user, page_client
from web.lockout import ACCOUNT_AT_ADDRESS_LIMIT

pytestmark = pytest.mark.django_db
PAGE, CODE = "/second-factor/", "/sign-in/code/"


def enrolled(user) -> tuple[str, list[str]]:
    """(secret, recovery codes) of a user who enrolled a minute ago, so that the code of now is not used."""
    secret = services.new_secret()
    before = utc_now() - timedelta(seconds=90)
    code = pyotp.TOTP(secret).at(before)
    return secret, services.enrol(user, secret=secret, code=code, now=before)


def now_code(secret: str) -> str:
    return pyotp.TOTP(secret).at(time.time())


def sign_in(user, **more):
    client = Client()
    body = {"username": user.username, "password": PASSWORD, **more}
    return client, client.post(reverse("web:sign-in"), body)


def test_enrolling_shows_a_qr_code_and_ends_other_sessions_only():
    user = make_user("ada")
    elsewhere, client, program = page_client(user), page_client(user), api_client(user)
    page = client.get(PAGE)
    secret = page.context["secret"]
    assert re.search(r"<svg [^>]*>.*</svg>", page.content.decode(), re.DOTALL)
    assert secret in services.provisioning_uri(user, secret)
    wrong = client.post(PAGE, {"code": "000000"})
    assert "the code is wrong" in wrong.content.decode()
    done = client.post(PAGE, {"code": now_code(secret)})
    codes = done.context["codes"]
    assert len(set(codes)) == 10
    assert all(code in done.content.decode() for code in codes)
    assert client.get(PAGE).context["left"] == 10
    assert elsewhere.get(PAGE).status_code == 302
    assert program.get("/api/v1/me").status_code == 200
    assert audited_by("ada").filter(action="second-factor.enrol").count() == 1


def test_nothing_of_it_is_readable_in_the_database():
    user = make_user("ada")
    secret, codes = enrolled(user)
    stored = bytes(SecondFactor.objects.get().secret)
    assert secret.encode() not in stored
    digests = b"".join(
        bytes(each) for each in RecoveryCode.objects.values_list("digest", flat=True)
    )
    assert not any(code.encode() in digests for code in codes)
    records = b"".join(payload_text(each) for each in AuditRecord.objects.all())
    assert secret.encode() not in records
    assert not any(code.encode() in records for code in codes)


def test_the_password_alone_is_not_enough_any_more():
    user = make_user("ada", is_staff=True)
    secret, _ = enrolled(user)
    client, answer = sign_in(user, next="/tokens/")
    assert answer["Location"] == CODE
    for page in ("/tokens/", "/admin/"):
        assert client.get(page).status_code == 302
    assert client.get(CODE).status_code == 200
    answer = client.post(CODE, {"code": f" {now_code(secret)[:3]} {now_code(secret)[3:]} "})
    assert answer["Location"] == "/tokens/"
    assert client.get("/tokens/").status_code == 200
    assert client.get("/admin/").status_code == 200


def test_a_code_is_taken_once():
    user = make_user("ada")
    secret, _ = enrolled(user)
    code = now_code(secret)
    assert services.is_right_code(user, code)
    assert not services.is_right_code(user, code)
    client, _ = sign_in(user)
    assert "used already" in client.post(CODE, {"code": code}).content.decode()
    assert client.get("/tokens/").status_code == 302


def test_codes_of_the_neighbouring_steps_are_right_and_older_ones_are_not():
    user = make_user("ada")
    secret, _ = enrolled(user)
    now = utc_now() + timedelta(hours=1)
    app = pyotp.TOTP(secret)
    codes = {seconds: app.at(now + timedelta(seconds=seconds)) for seconds in (-60, -30, 30, 60)}
    answers = {
        seconds: services.is_right_code(user, code, now=now) for seconds, code in codes.items()
    }
    assert answers == {-60: False, -30: True, 30: True, 60: False}


def test_a_recovery_code_is_taken_once_and_recorded():
    user = make_user("ada")
    _, codes = enrolled(user)
    client, _ = sign_in(user)
    assert client.post(CODE, {"code": codes[0].upper()})["Location"] == "/"
    client, _ = sign_in(user)
    assert client.post(CODE, {"code": codes[0]}).status_code == 200
    assert RecoveryCode.objects.count() == 9
    assert AuditRecord.objects.filter(action="second-factor.recovery-code").count() == 1
    other = make_user("eve")
    enrolled(other)
    assert not services.is_right_code(other, codes[1])


def test_guessing_codes_ends():
    user = make_user("ada")
    secret, _ = enrolled(user)
    client, _ = sign_in(user)
    for _ in range(ACCOUNT_AT_ADDRESS_LIMIT):
        client.post(CODE, {"code": "000000"})
    answer = client.post(CODE, {"code": now_code(secret)})
    assert "too many failed attempts" in answer.content.decode()
    # Nor does the password give new tries.
    client, answer = sign_in(user)
    assert answer["Location"] == CODE
    assert "too many" in client.post(CODE, {"code": now_code(secret)}).content.decode()


def test_the_first_factor_is_forgotten_after_a_while_and_with_the_account(monkeypatch):
    user = make_user("ada")
    secret, _ = enrolled(user)
    client, _ = sign_in(user)
    session = client.session
    session["sign-in-pending"] |= {"at": int(time.time()) - 301}
    session.save()
    assert client.post(CODE, {"code": now_code(secret)})["Location"] == reverse("web:sign-in")
    client, _ = sign_in(user)
    user.is_active = False
    user.save()
    assert client.post(CODE, {"code": now_code(secret)})["Location"] == reverse("web:sign-in")
    assert Client().get(CODE)["Location"] == reverse("web:sign-in")


def test_new_codes_and_removal_take_a_code():
    user = make_user("ada")
    secret, codes = enrolled(user)
    client, _ = sign_in(user)
    client.post(CODE, {"code": codes[0]})
    for action in ("codes", "remove"):
        assert client.post(f"{PAGE}{action}/", {"code": "000000"}).status_code == 400
        assert client.post(f"{PAGE}{action}/", {}).status_code == 400
    renewed = client.post(f"{PAGE}codes/", {"code": codes[1]}).context["codes"]
    assert not services.is_right_code(user, codes[2])
    assert services.is_right_code(user, renewed[0])
    assert client.post(f"{PAGE}remove/", {"code": now_code(secret)}).status_code == 302
    assert not SecondFactor.objects.exists()
    _, answer = sign_in(user)
    assert answer["Location"] == "/"


@pytest.fixture
def needed(settings):
    settings.LAKEWARDEN = dataclasses.replace(django_settings.LAKEWARDEN, staff_second_factor=True)


def test_staff_without_one_reach_its_enrolment_only(needed):
    user = make_user("ada", is_staff=True, is_superuser=True)
    client, answer = sign_in(user)
    assert answer["Location"] == "/"
    for page in ("/", "/admin/", "/tokens/"):
        assert client.get(page)["Location"] == PAGE
    refused = client.get("/api/v1/users")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission-denied")
    # Programs have tokens, and people who are no staff choose.
    assert api_client(user).get("/api/v1/users").status_code == 200
    assert page_client(make_user()).get("/tokens/").status_code == 200
    secret = client.get(PAGE).context["secret"]
    assert client.post(PAGE, {"code": now_code(secret)}).status_code == 200
    assert client.get("/admin/").status_code == 200
    code = services.renew_codes(user, code=pyotp.TOTP(secret).at(time.time() + 30))[0]
    assert client.post(f"{PAGE}remove/", {"code": code}).status_code == 403
    assert SecondFactor.objects.filter(user=user).exists()


def test_a_lost_one_is_taken_away_by_superusers_only():
    root, staff, ada = (
        make_user("root", is_staff=True, is_superuser=True),
        make_user("staff", is_staff=True),
        make_user("ada"),
    )
    enrolled(ada)
    url = reverse("admin:identity_user_changelist")
    body = {"action": "reset_second_factor", "_selected_action": [ada.pk]}
    page_client(staff).post(url, body)
    assert SecondFactor.objects.exists()
    page_client(root).post(url, body)
    assert not SecondFactor.objects.exists()
    record = AuditRecord.objects.get(action="second-factor.reset")
    assert (read_record(record).actor, read_record(record).resource) == ("root", "user:ada")


def test_one_user_has_one_and_service_accounts_none():
    user = make_user("ada")
    enrolled(user)
    with pytest.raises(ConflictError):
        enrolled(user)
    with pytest.raises(InvalidInputError):
        enrolled(make_service())
    assert not services.is_right_code(make_user("eve"), "000000")
    assert not services.is_right_code(user, "\N{ARABIC-INDIC DIGIT ZERO}" * 6)


def test_a_changed_key_of_the_service_opens_nothing(settings):
    user = make_user("ada")
    secret, codes = enrolled(user)
    settings.SECRET_KEY = "another " * 8
    assert not services.is_right_code(user, now_code(secret))
    assert not services.is_right_code(user, codes[0])


def test_what_was_shown_and_what_was_guessed_is_on_record():
    user = make_user("ada")
    secret, _ = enrolled(user)
    client, _ = sign_in(user)
    for _ in range(ACCOUNT_AT_ADDRESS_LIMIT - 1):
        client.post(CODE, {"code": "000000"})
    client.post(CODE, {"code": now_code(secret)})
    told = [
        (each.action, payload_of(each))
        for each in AuditRecord.objects.filter(action__startswith="sign-in").order_by("pk")
    ]
    address = {"address": "127.0.0.1"}
    wrong = ("sign-in.failure", {"reason": "wrong code", **address})
    success = ("sign-in.success", {"via": "password and second factor", **address})
    assert told == [*[wrong] * (ACCOUNT_AT_ADDRESS_LIMIT - 1), success]
