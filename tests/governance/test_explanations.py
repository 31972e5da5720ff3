"""Denials say what would have to change, labels by which way they came; by the API, the pages and the command line."""

from itertools import pairwise

import pytest
from django.core.management import call_command

from catalog.models import FieldEdge
from governance.explanations import label_origins
from governance.policy.types import Action
from governance.queries import principal_of
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant, make_policy, make_world
from tests.factories.identity import api_client, page_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def frozen(world):
    return make_policy(
        {"name": "freeze", "applies_to": {"domain": "sales"}, "effect": {"deny": "read"}}
    )


@pytest.fixture
def derived(world):
    """Two steps downstream of `email`; the step between is not for the analyst."""
    between = make_dataset("staging.addresses", fields=[("address", "string")])
    mart = make_dataset("mart.mails", fields=[("mail", "string"), ("day", "date")])
    way = [
        world.passengers.fields.get(name="email"),
        between.fields.get(),
        mart.fields.get(name="mail"),
    ]
    for source, target in pairwise(way):
        FieldEdge.objects.create(source=source, target=target, type="DIRECT")
    make_grant(world.analyst, mart, Action.VIEW_METADATA)
    return mart


def test_a_denial_says_what_would_allow(world, frozen):
    url = f"/api/v1/catalog/datasets/{world.passengers.uuid}/decisions"
    answer = api_client(world.analyst).get(url).json()["decisions"]
    assert answer["read"] == {
        "effect": "deny",
        "reasons": [{"kind": "policy", "text": "policy `freeze` denies"}],
        "would_allow": [
            {"kind": "policy", "text": "exempt the principal from policy `freeze`"},
            {"kind": "grant", "text": "grant `read` on the dataset"},
        ],
    }
    assert "would_allow" not in answer["discover"]
    assert api_client(world.outsider).get(url).status_code == 404


def test_the_request_page_says_it_too(world, frozen):
    url = f"/datasets/{world.passengers.uuid}/request/"
    text = page_client(world.analyst).get(url).content.decode()
    assert "<li>Policy `freeze` denies.</li>" in text
    assert "<li>Exempt the principal from policy `freeze`.</li>" in text
    assert "<li>Grant `read` on the dataset.</li>" in text
    hidden = page_client(world.outsider).get(url)
    assert (hidden.status_code, "freeze" in hidden.content.decode()) == (404, False)


def test_the_command_says_it_too(world, frozen, capsys):
    call_command("explain", "analyst", str(world.passengers), action="read")
    assert capsys.readouterr().out == (
        "read: deny\n"
        "  policy v1: policy `freeze` denies\n"
        "  would allow: exempt the principal from policy `freeze`\n"
        "  would allow: grant `read` on the dataset\n"
    )


def test_a_label_is_explained_by_its_path(world, derived):
    url = f"/api/v1/catalog/datasets/{derived.uuid}/labels"
    seen = [
        [(step["name"], step["field"]) for step in origin["steps"]]
        for origin in api_client(world.analyst).get(url).json()
    ]
    # the dataset between is left out: the analyst may not know of it
    assert seen == [[("lakewarden:curated.passengers", "email"), ("lakewarden:mart.mails", "mail")]]
    whole = label_origins(principal_of(world.superuser), derived)
    assert [(each.field, each.tag) for each in whole] == [("mail", "pii.email")]
    assert [step.name for step in whole[0].steps] == [
        "lakewarden:curated.passengers",
        "lakewarden:staging.addresses",
        "lakewarden:mart.mails",
    ]
    assert api_client(world.outsider).get(url).status_code == 404


def test_the_page_shows_the_path_as_far_as_it_may_be_known(world, derived):
    text = page_client(world.analyst).get(f"/datasets/{derived.uuid}/").content.decode()
    assert "<li><code>lakewarden:curated.passengers</code> <code>email</code></li>" in text
    assert "staging.addresses" not in text
