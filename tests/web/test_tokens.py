import pytest
from django.urls import reverse

from identity.models import ApiToken
from identity.services import authenticate_token
from tests.factories.identity import make_actors, make_token, make_user, page_client

pytestmark = pytest.mark.django_db


def test_a_token_is_shown_once_and_works():
    actors = make_actors()
    client = page_client(actors.owner)
    url = reverse("web:tokens")
    body = client.post(url, {"name": "notebook", "scopes": ["read"], "days": "7"})
    text = body.context["secret"]
    assert text in body.content.decode()
    assert authenticate_token(text).user == actors.owner
    assert text not in client.get(url).content.decode()


def test_a_token_is_revoked_by_its_user_only():
    actors = make_actors()
    make_token(actors.owner)
    token = ApiToken.objects.get()
    url = reverse("web:token-revoke", args=[token.pk])
    assert page_client(actors.team_mate).post(url).status_code == 404
    assert page_client(actors.outsider).post(url).status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None
    assert page_client(actors.owner).post(url).status_code == 302
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_no_scope_is_an_error():
    actors = make_actors()
    answer = page_client(actors.owner).post(reverse("web:tokens"), {"name": "x", "days": "7"})
    assert answer.context["form"].errors.keys() == {"scopes"}
    assert not ApiToken.objects.exists()


def test_scopes_of_superusers_are_offered_to_superusers_only():
    offered = {}
    for user in (make_user("ana"), make_user("root", is_superuser=True)):
        form = page_client(user).get(reverse("web:tokens")).context["form"]
        offered[user.username] = [scope for scope, _ in form.fields["scopes"].choices]
    assert offered == {
        "ana": ["read", "write", "lineage", "admin"],
        "root": ["read", "write", "lineage", "admin", "engine", "scim"],
    }
