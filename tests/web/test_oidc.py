"""Signing in through a real OpenID Connect provider, which runs as a process of its own."""

import dataclasses
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from config.env import OidcSettings
from core.errors import ConflictError
from governance.auditing.reading import read_record
from governance.models import AuditRecord
from identity.models import ExternalIdentity, User
from identity.services.external import unlink_external
from identity.services.provisioning import Person, provision_user, remove_user
from tests.factories.audit import audited_by, payload_of
from tests.factories.identity import PASSWORD, make_group, make_service, make_user, page_client
from tests.subprocesses import ROOT, free_port
from web.lockout import ACCOUNT_AT_ADDRESS_LIMIT

pytestmark = pytest.mark.django_db
START = "/sign-in/provider/"
NOBODY = "there is no account here that you may use"
UNCONFIRMED = "the identity provider did not confirm who you are"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    port = free_port()
    log = tmp_path_factory.mktemp("oidc") / "provider.log"
    command = [sys.executable, "-W", "ignore", "-m", "tests.web.pkce_provider", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            if process.poll() is not None:
                pytest.fail(log.read_text()[-3000:])
            try:
                # The first answer makes the provider's key, which may take a while.
                requests.get(f"{url}/jwks", timeout=30)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def configure(settings, issuer):
    """Sets the provider up; `more` are its settings."""

    def use(**more):
        given = {
            "issuer": issuer,
            "client_id": "lakewarden",
            "client_secret": "a-secret-of-the-test",
            "label": "Example",
            "scopes": "openid profile email",
            "username_claim": "preferred_username",
            "groups_claim": None,
            "groups": {},
            "link_claim": "sub",
            "create_users": False,
            **more,
        }
        settings.LAKEWARDEN = dataclasses.replace(
            django_settings.LAKEWARDEN, oidc=OidcSettings(**given)
        )

    use()
    return use


@pytest.fixture
def person(issuer):
    """Tells the provider about a person; gives their subject."""

    def tell(subject="00u1", **claims):
        requests.put(f"{issuer}/users/{subject}", json=claims, timeout=5).raise_for_status()
        return subject

    return tell


def authorize(client: Client, subject: str, *, path: str = START) -> str:
    """From our sign-in page to the provider and back: the URL that the provider sends the browser to."""
    to_provider = client.get(path)
    assert to_provider.status_code == 302, to_provider.content
    answer = requests.post(
        to_provider["Location"], data={"sub": subject}, allow_redirects=False, timeout=5
    )
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def come_back(client: Client, url: str):
    parts = urlsplit(url)
    return client.get(f"{parts.path}?{parts.query}")


def sign_in(subject: str, *, path: str = START):
    client = Client()
    return client, come_back(client, authorize(client, subject, path=path))


def message_of(client: Client) -> str:
    context = client.get(reverse("web:sign-in")).context
    return " ".join(str(each) for each in context["messages"])


def test_without_a_provider_there_is_no_such_page(client, settings):
    assert settings.LAKEWARDEN.oidc is None
    for name in ("web:oidc-start", "web:oidc-callback"):
        assert client.get(reverse(name)).status_code == 404
    assert "Sign in with" not in client.get(reverse("web:sign-in")).content.decode()


def test_the_way_there_carries_state_nonce_and_challenge(configure, client, issuer):
    page = client.get(reverse("web:sign-in")).content.decode()
    assert "Sign in with Example" in page
    location = client.get(START)["Location"]
    assert location.startswith(f"{issuer}/oauth2/authorize?")
    query = {key: values[0] for key, values in parse_qs(urlsplit(location).query).items()}
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert len(query["state"]) >= 20
    assert len(query["nonce"]) >= 20
    root = django_settings.LAKEWARDEN.url
    assert query["redirect_uri"] == f"{root.scheme}://{root.netloc}{reverse('web:oidc-callback')}"


def test_a_new_person_gets_an_account_where_the_settings_say_so(configure, person):
    subject = person(
        preferred_username="ada", given_name="Ada", email="a@example.org", email_verified=True
    )
    client, answer = sign_in(subject)
    assert answer["Location"] == reverse("web:sign-in")
    assert message_of(client) == NOBODY
    assert not User.objects.filter(username="ada").exists()
    configure(create_users=True)
    client, answer = sign_in(subject, path=f"{START}?next=/tokens/")
    assert answer["Location"] == "/tokens/"
    assert client.get("/tokens/").status_code == 200
    user = User.objects.get(username="ada")
    assert (user.email, user.first_name, user.has_usable_password()) == (
        "a@example.org",
        "Ada",
        False,
    )
    # The second time it is found by its subject, whatever it is called then.
    person(preferred_username="somebody-else")
    sign_in(subject)
    assert User.objects.count() == 1
    assert AuditRecord.objects.filter(action="user.link-identity").count() == 1


def test_neither_a_name_nor_an_address_takes_over_an_account(configure, person):
    configure(create_users=True)
    root = make_user("root", email="root@example.org", is_superuser=True)
    make_service("robot")
    for number, name in enumerate(("root", "ROOT", "robot")):
        subject = person(
            f"mallory{number}",
            preferred_username=name,
            email="root@example.org",
            email_verified=False,
        )
        client, _ = sign_in(subject)
        assert message_of(client) == NOBODY
    assert not root.identities.exists()
    person("mallory9", preferred_username="mallory", email="root@example.org")
    sign_in("mallory9")
    assert User.objects.get(username="mallory").email == ""


def test_an_account_of_scim_is_found_by_its_external_id(configure, person):
    ada = provision_user(actor="okta", person=Person("ada", external_id="00u7"))
    subject = person("00u7", preferred_username="whatever")
    client, answer = sign_in(subject)
    assert answer["Location"] == reverse("web:home")
    assert client.get(reverse("web:tokens")).context["user"] == ada
    assert ExternalIdentity.objects.get().user == ada
    remove_user(actor="okta", user=ada)
    client, _ = sign_in(subject)
    assert message_of(client) == NOBODY
    assert client.get(reverse("web:home")).status_code == 302


def test_an_external_id_of_two_is_nobodys(configure, person):
    for name in ("ada", "eve"):
        provision_user(actor="okta", person=Person(name, external_id="same"))
    client, _ = sign_in(person("same"))
    assert message_of(client) == NOBODY


def test_groups_follow_the_claim_as_far_as_they_are_mapped(configure, person):
    configure(
        create_users=True,
        groups_claim="groups",
        groups={"idp-analysts": "analysts", "idp-stewards": "stewards", "idp-gone": "gone"},
    )
    for name in ("analysts", "stewards", "local"):
        make_group(name)
    subject = person(
        "00u3", preferred_username="ada", groups=["idp-analysts", "idp-gone", "local", "other"]
    )
    sign_in(subject)
    user = User.objects.get(username="ada")
    assert sorted(user.groups.values_list("name", flat=True)) == ["analysts"]
    user.groups.add(make_group("local"))
    person("00u3", preferred_username="ada", groups=["idp-stewards"])
    sign_in(subject)
    assert sorted(user.groups.values_list("name", flat=True)) == ["local", "stewards"]
    # A claim that is no list names nothing: whoever lost the claim loses the groups.
    person("00u3", preferred_username="ada", groups="idp-analysts")
    sign_in(subject)
    assert sorted(user.groups.values_list("name", flat=True)) == ["local"]


def test_an_answer_is_taken_once_and_in_its_own_session_only(configure, person):
    configure(create_users=True)
    subject = person(preferred_username="ada")
    victim, attacker = Client(), Client()
    answer = authorize(attacker, subject)
    # Another's answer, sent to the victim's browser, does not sign the victim in as the attacker.
    assert come_back(victim, answer)["Location"] == reverse("web:sign-in")
    assert message_of(victim) == UNCONFIRMED
    assert come_back(attacker, answer)["Location"] == reverse("web:home")
    again = Client()
    again.get(START)
    assert come_back(again, answer)["Location"] == reverse("web:sign-in")
    refused = Client()
    refused.get(START)
    come_back(refused, f"{START}back/?error=access_denied&error_description=<b>bad</b>")
    assert message_of(refused) == UNCONFIRMED


def test_a_code_without_its_verifier_is_worth_nothing(configure, person):
    configure(create_users=True)
    client = Client()
    answer = authorize(client, person(preferred_username="ada"))
    session = client.session
    state = parse_qs(urlsplit(answer).query)["state"][0]
    stored = session[f"_state_oidc_{state}"]
    stored["data"]["code_verifier"] = "x" * 48
    session[f"_state_oidc_{state}"] = stored
    session.save()
    assert come_back(client, answer)["Location"] == reverse("web:sign-in")
    assert not User.objects.exists()


def test_another_nonce_another_audience_and_another_issuer_are_refused(configure, person):
    configure(create_users=True)
    subject = person(preferred_username="ada")
    client = Client()
    answer = authorize(client, subject)
    session = client.session
    state = parse_qs(urlsplit(answer).query)["state"][0]
    stored = session[f"_state_oidc_{state}"]
    stored["data"]["nonce"] = "another"
    session[f"_state_oidc_{state}"] = stored
    session.save()
    assert come_back(client, answer)["Location"] == reverse("web:sign-in")
    # The token is issued to the client that asked for it; to us, by another name, it says nothing.
    other = Client()
    answer = authorize(other, subject)
    configure(create_users=True, client_id="somebody-else")
    assert come_back(other, answer)["Location"] == reverse("web:sign-in")
    assert not User.objects.exists()


def test_a_document_of_another_issuer_is_not_followed(configure, issuer, client):
    configure(issuer=issuer.replace("127.0.0.1", "localhost") + "/")
    assert client.get(START)["Location"] == reverse("web:sign-in")
    assert message_of(client) == "the identity provider's document names another issuer"


def test_a_provider_that_is_down_is_no_failure_of_ours(configure, client):
    configure(issuer=f"http://127.0.0.1:{free_port()}")
    assert client.get(START)["Location"] == reverse("web:sign-in")
    assert message_of(client) == UNCONFIRMED


def test_the_next_page_stays_on_this_site(configure, person):
    configure(create_users=True)
    subject = person(preferred_username="ada")
    _, answer = sign_in(subject, path=f"{START}?next=https://elsewhere.example/")
    assert answer["Location"] == reverse("web:home")


def test_a_second_factor_stands_behind_the_provider_too(configure, person):
    from tests.web.test_second_factor import enrolled

    ada = provision_user(actor="okta", person=Person("ada", external_id="00u9"))
    enrolled(ada)
    client, answer = sign_in(person("00u9"))
    assert answer["Location"] == reverse("web:sign-in-code")
    assert client.get(reverse("web:tokens")).status_code == 302


def linked(client: Client, subject: str, **form):
    """From the page of the account to the provider and back."""
    to_provider = client.post(reverse("web:identity-link"), {"password": PASSWORD, **form})
    if not to_provider.get("Location", "").startswith("http"):
        return to_provider
    answer = requests.post(
        to_provider["Location"], data={"sub": subject}, allow_redirects=False, timeout=5
    )
    return come_back(client, answer.headers["Location"])


def test_an_account_is_linked_by_who_shows_its_password(configure, person):
    ada = make_user("ada")
    client, subject = page_client(ada), person("00u7", preferred_username="whoever")
    assert linked(client, subject, password="wrong").status_code == 400
    assert not ExternalIdentity.objects.exists()
    assert linked(client, subject)["Location"] == reverse("web:identities")
    assert linked(client, subject)["Location"] == reverse("web:identities")
    (row,) = ExternalIdentity.objects.filter(user=ada)
    assert row.subject == "00u7"
    records = AuditRecord.objects.filter(action="user.link-identity")
    assert [read_record(each).actor for each in records] == ["ada"]
    _, answer = sign_in(subject)
    assert answer["Location"] == reverse("web:home")
    (success,) = AuditRecord.objects.filter(action="sign-in.success")
    assert (read_record(success).actor, payload_of(success)["via"]) == ("ada", "identity provider")
    # And taken away again, by the password once more.
    unlink = reverse("web:identity-unlink", args=[row.pk])
    page = client.get(reverse("web:identities")).content.decode()
    assert "00u7" in page
    assert page_client(make_user()).post(unlink, {"password": PASSWORD}).status_code == 404
    assert client.post(unlink, {"password": "wrong"}).status_code == 400
    assert client.post(unlink, {"password": PASSWORD})["Location"] == reverse("web:identities")
    assert not ExternalIdentity.objects.exists()
    assert audited_by("ada").filter(action="user.unlink-identity").count() == 1
    client, _ = sign_in(subject)
    assert message_of(client) == NOBODY


def test_a_person_of_the_provider_is_one_account_here(configure, person):
    subject = person("00u8")
    linked(page_client(make_user("ada")), subject)
    bob = page_client(make_user("bob"))
    assert linked(bob, subject)["Location"] == reverse("web:sign-in")
    assert [each.user.username for each in ExternalIdentity.objects.all()] == ["ada"]
    failure = AuditRecord.objects.get(action="sign-in.failure")
    assert (read_record(failure).actor, payload_of(failure)["reason"]) == (
        "bob",
        "identity provider: ConflictError",
    )


def test_linking_takes_the_second_factor_and_guessing_ends(configure, person):
    from tests.web.test_second_factor import enrolled, now_code

    ada, subject = make_user("ada"), person("00u6")
    secret, _ = enrolled(ada)
    client = page_client(User.objects.get(pk=ada.pk))
    assert linked(client, subject).status_code == 400
    assert linked(client, subject, code="000000").status_code == 400
    assert linked(client, subject, code=now_code(secret))["Location"] == reverse("web:identities")
    for _ in range(ACCOUNT_AT_ADDRESS_LIMIT):
        linked(client, subject, password="wrong", code="1")
    assert linked(client, subject, code=now_code(secret)).status_code == 403
    assert audited_by("ada").filter(action="sign-in.lock-out").count() == 1


def test_a_link_is_not_finished_by_another_nor_much_later(configure, person, monkeypatch):
    ada, bob, subject = make_user("ada"), make_user("bob"), person("00u5")
    client = page_client(ada)
    begun = client.post(reverse("web:identity-link"), {"password": PASSWORD})["Location"]
    answer = requests.post(begun, data={"sub": subject}, allow_redirects=False, timeout=5)
    session = client.session
    session["oidc-link"] |= {"user": bob.pk}
    session.save()
    come_back(client, answer.headers["Location"])
    monkeypatch.setattr("web.linking.LINK_SECONDS", -1)
    linked(client, subject)
    assert not ExternalIdentity.objects.exists()


def test_the_only_way_in_is_not_taken_away(configure, person):
    configure(create_users=True)
    client, _ = sign_in(person("00u4", preferred_username="ada"))
    row = ExternalIdentity.objects.get()
    assert "your only way in" in client.get(reverse("web:identities")).content.decode()
    unlink = reverse("web:identity-unlink", args=[row.pk])
    assert client.post(unlink, {"password": "x"}).status_code == 400
    with pytest.raises(ConflictError, match="could not sign in any more"):
        unlink_external(row, user=row.user)
