import pytest
from django.test import Client
from django.urls import reverse

from governance.auditing.reading import read_record
from governance.models import AuditRecord
from tests.factories.audit import payload_of
from tests.factories.identity import PASSWORD, make_user, page_client
from web.lockout import ACCOUNT_AT_ADDRESS_LIMIT, ADDRESS_LIMIT, count_failure, is_locked_out

pytestmark = pytest.mark.django_db


def sign_in(username: str, password: str, *, address: str = "10.0.0.1", client=None):
    client = client or Client()
    return client.post(
        reverse("web:sign-in"),
        {"username": username, "password": password},
        REMOTE_ADDR=address,
    )


def test_the_right_password_leads_home():
    make_user("ada")
    response = sign_in("ada", PASSWORD)
    assert (response.status_code, response["Location"]) == (302, reverse("web:home"))


def test_wrong_name_and_wrong_password_read_the_same():
    make_user("ada")
    texts = {str(sign_in(name, "wrong").context["form"].errors) for name in ("ada", "nobody")}
    assert len(texts) == 1
    assert "the name or the password is wrong" in texts.pop()


def test_too_many_failures_close_the_door_even_for_the_right_password():
    make_user("ada")
    for _ in range(ACCOUNT_AT_ADDRESS_LIMIT):
        assert sign_in("ada", "wrong").status_code == 200
    answer = sign_in("Ada ", PASSWORD)
    assert "too many failed attempts" in answer.content.decode()
    # Whoever signs in from elsewhere is not shut out by it.
    assert sign_in("ada", PASSWORD, address="10.0.0.2").status_code == 302


def test_success_clears_the_count():
    make_user("ada")
    for _ in range(ACCOUNT_AT_ADDRESS_LIMIT - 1):
        sign_in("ada", "wrong")
    assert sign_in("ada", PASSWORD).status_code == 302
    assert sign_in("ada", "wrong").status_code == 200
    assert sign_in("ada", PASSWORD).status_code == 302


def test_guessing_many_names_from_one_address_ends():
    for number in range(ADDRESS_LIMIT):
        assert not is_locked_out(username="ada", address="10.0.0.3")
        count_failure(username=f"user{number}", address="10.0.0.3")
    assert is_locked_out(username="ada", address="10.0.0.3")


def test_the_next_page_stays_on_this_site():
    make_user("ada")
    response = Client().post(
        reverse("web:sign-in"),
        {"username": "ada", "password": PASSWORD, "next": "https://elsewhere.example/"},
    )
    assert response["Location"] == reverse("web:home")


def test_signing_out_takes_a_post():
    make_user("ada")
    client = Client()
    sign_in("ada", PASSWORD, client=client)
    assert client.get(reverse("web:sign-out")).status_code == 405
    assert client.post(reverse("web:sign-out")).status_code == 302
    assert client.get(reverse("web:home")).status_code == 302


def told(verb: str) -> list[tuple[str, dict]]:
    records = AuditRecord.objects.filter(action=f"sign-in.{verb}").order_by("pk")
    return [(read_record(each).actor, payload_of(each)) for each in records]


def test_who_comes_and_goes_is_on_record():
    make_user("ada")
    client = Client()
    sign_in("ada", PASSWORD, client=client)
    client.post(reverse("web:sign-out"), REMOTE_ADDR="10.0.0.1")
    client.post(reverse("web:sign-out"), REMOTE_ADDR="10.0.0.1")
    assert told("success") == [("ada", {"via": "password", "address": "10.0.0.1"})]
    assert told("end") == [("ada", {"address": "10.0.0.1"})]


def test_the_admins_way_out_is_the_pages_own():
    client = page_client(make_user("root", is_staff=True, is_superuser=True))
    assert client.post("/admin/logout/")["Location"] == reverse("web:sign-in")
    assert told("end") == [("root", {"address": "127.0.0.1", "by_role": "superuser"})]


def test_failures_and_the_closing_of_the_door_are_on_record_without_what_was_typed():
    make_user("ada")
    for _ in range(ACCOUNT_AT_ADDRESS_LIMIT + 2):
        sign_in("ADA", "wrong")
    sign_in("a password in the wrong field", "x", address="10.0.0.2")
    wrong = {"reason": "wrong password", "address": "10.0.0.1"}
    assert told("failure") == [
        *[("ada", wrong)] * ACCOUNT_AT_ADDRESS_LIMIT,
        ("unknown", {"reason": "wrong password", "address": "10.0.0.2"}),
    ]
    assert told("lock-out") == [("ada", {"what": "password", "address": "10.0.0.1"})]
