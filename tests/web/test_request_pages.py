"""Offers, more time, links and absences, as people click them."""

from datetime import timedelta

import pytest
from django.urls import reverse

from catalog.models import FieldEdge
from core.clock import utc_now
from governance.models import AccessRequest, Delegation
from governance.queries import principal_of
from governance.services.requests import approve_request, make_invitation
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant, make_request, make_world
from tests.factories.identity import page_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


def url(name, *args):
    return reverse(f"web:{name}", args=args)


def state():
    return AccessRequest.objects.order_by("pk").values_list("state", flat=True).last()


def test_less_is_offered_and_accepted(world):
    asked = make_request(world.analyst, world.passengers)
    page = page_client(world.owner).get(url("decide", asked.uuid)).content.decode()
    assert "Earlier decisions alike" in page
    assert "Count the rows" in page
    page_client(world.owner).post(
        url("decide", asked.uuid),
        {"verdict": "offer", "columns": ["origin"], "hours": "24", "comment": "for now"},
    )
    assert state() == "offered"
    mine = page_client(world.analyst).get(url("requests")).content.decode()
    assert "owner offers less: <code>origin</code>, all rows, for 1 day." in mine
    for user, status in ((world.outsider, 404), (world.owner, 404), (world.analyst, 302)):
        answer = page_client(user).post(url("request-answer", asked.uuid), {"answer": "accept"})
        assert answer.status_code == status
    assert state() == "approved"


def test_a_request_is_opened_by_those_it_waits_for(world):
    asked = make_request(world.analyst, world.passengers)
    users = (world.owner, world.steward, world.analyst, world.hr_steward, world.outsider)
    statuses = [page_client(user).get(url("decide", asked.uuid)).status_code for user in users]
    assert statuses == [200, 200, 404, 404, 404]


def test_more_time_is_asked_from_the_list(world):
    asked = approve_request(
        make_request(world.analyst, world.passengers), by=principal_of(world.owner)
    )
    page_client(world.analyst).post(url("request-extend", asked.uuid), {"hours": "24"})
    more = AccessRequest.objects.latest("pk")
    assert (more.extends, more.state) == (asked, "pending")
    waiting = page_client(world.owner).get(url("inbox")).context["waiting"]
    assert [column.opens for column in waiting[0].opening.columns] == [None] * 4


def test_a_link_shows_a_name_and_takes_a_request(world):
    text = make_invitation(
        world.passengers, by=principal_of(world.owner), lifetime=timedelta(days=1)
    )
    client = page_client(world.outsider)
    body = client.get(url("request-invited", text)).content.decode()
    assert "Request access to curated.passengers" in body
    for hidden in ("email", "origin", "gold", "lakewarden:"):
        assert hidden not in body.replace("origin = &#x27;EWR&#x27;", "").replace("same-origin", "")
    client.post(url("request-invited", text), {"purpose": "a study", "hours": "24"})
    assert (state(), AccessRequest.objects.get().requester) == ("pending", world.outsider)
    assert client.get(url("request-invited", text[:-3] + "abc")).status_code == 404


def test_an_absence_is_noted_and_ended(world):
    client = page_client(world.owner)
    period = {"starts_at": "2026-01-01", "ends_at": "2126-01-01"}
    assert "at most 366 days" in client.post(url("absences"), period).content.decode()
    assert Delegation.objects.count() == 0
    today = utc_now().date().isoformat()
    period = {"starts_at": today, "ends_at": today, "delegate": "nobody-here"}
    assert "There is no such user" in client.post(url("absences"), period).content.decode()
    client.post(url("absences"), period | {"delegate": "steward"})
    row = Delegation.objects.get()
    assert (row.person, row.delegate) == (world.owner, world.steward)
    for user, status in ((world.steward, 404), (world.owner, 302)):
        assert page_client(user).post(url("absence-end", row.uuid)).status_code == status
    row.refresh_from_db()
    assert row.ended_at is not None


def test_the_path_of_a_label_names_only_what_the_approver_may_see(world):
    hidden = make_dataset("hidden.people", domain=world.hr, fields=[("id", "string", ["secret"])])
    source = make_dataset(
        "raw.people", domain=world.sales, fields=[("home", "string", ["pii.home"])]
    )
    target = world.passengers.fields.get(name="origin")
    for each in (hidden, source):
        FieldEdge.objects.create(source=each.fields.get(), target=target)
    make_grant(world.analyst, world.passengers, "discover")
    make_request(world.analyst, world.passengers, columns=["origin"])
    (waiting,) = page_client(world.steward).get(url("inbox")).context["waiting"]
    assert [(each.name, each.path) for each in waiting.opening.columns[0].labels] == [
        ("pii.home", ["raw.people.home", "curated.passengers.origin"]),
        ("secret", ["curated.passengers.origin"]),
    ]
