"""Each page as owner, analyst (a team-mate with part of the rights), outsider and nobody."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import DatasetEdge
from governance.auditing.reading import read_record
from governance.models import AccessRequest, AuditRecord, RequestState
from tests.factories.catalog import make_dataset, make_job
from tests.factories.governance import make_grant, make_mask, make_request, make_world
from tests.factories.identity import page_client

pytestmark = pytest.mark.django_db

LISTS = ["home", "search", "models", "requests", "inbox", "tokens"]


@pytest.fixture
def world():
    return make_world()


def dataset_url(dataset, name="dataset") -> str:
    return reverse(f"web:{name}", args=[dataset.uuid])


@pytest.mark.parametrize("name", LISTS)
def test_lists_open_for_everybody_who_signed_in(name, world):
    url = reverse(f"web:{name}")
    for user in (world.owner, world.analyst, world.outsider):
        response = page_client(user).get(url)
        assert response.status_code == 200
        body = response.content.decode()
        assert body.count("<h1") == 1
        assert "· Lakewarden</title>" in body
        assert "<script" not in body
        assert response["Cache-Control"] == "private, no-store"
    assert Client().get(url)["Location"] == f"{reverse('web:sign-in')}?next={url}"


def test_the_dataset_page_is_there_for_those_who_may_know(world):
    url = dataset_url(world.passengers)
    assert page_client(world.owner).get(url).status_code == 200
    assert page_client(world.analyst).get(url).status_code == 200
    refused = page_client(world.outsider).get(url)
    unknown = page_client(world.outsider).get(dataset_url(world.passengers).replace("0", "1"))
    assert (refused.status_code, unknown.status_code) == (404, 404)
    assert refused.content == unknown.content


def test_a_refused_read_says_why_and_offers_a_request(world):
    body = page_client(world.analyst).get(dataset_url(world.passengers)).content.decode()
    assert "You may not read this data." in body
    assert "No grant, role or policy gives `read`" in body
    assert dataset_url(world.passengers, "request-new") in body


def test_who_may_only_discover_sees_a_name_and_nothing_else(world):
    make_grant(world.outsider, world.passengers, "discover")
    body = page_client(world.outsider).get(dataset_url(world.passengers)).content.decode()
    assert "curated.passengers" in body
    for hidden in ("email", "pii", "gold", "flights", "owner"):
        assert hidden not in body
    assert (
        page_client(world.outsider).get(dataset_url(world.passengers, "lineage")).status_code == 404
    )


def test_search_finds_and_counts_only_what_may_be_known(world):
    hits = {
        user.username: search(user, "") for user in (world.owner, world.analyst, world.outsider)
    }
    assert hits == {
        "owner": ["curated.passengers"],
        "analyst": ["curated.passengers"],
        "outsider": [],
    }
    assert search(world.superuser, "") == ["curated.passengers", "hr.salaries"]


def test_closed_metadata_does_not_lead_to_a_dataset(world):
    make_grant(world.outsider, world.passengers, "discover")
    assert search(world.outsider, "passengers") == ["curated.passengers"]
    assert search(world.outsider, "gold") == []
    assert search(world.outsider, tag="gold") == []
    assert search(world.analyst, tag="gold") == ["curated.passengers"]
    response = page_client(world.outsider).get(reverse("web:search"))
    assert response.context["facets"] == [
        ("kind", [{"value": "table", "count": 1}]),
        ("domain", [{"value": "sales", "count": 1}]),
        ("tag", []),
        ("owner", [{"value": "user:owner", "count": 1}]),
        ("namespace", [{"value": "lakewarden", "count": 1}]),
    ]


def test_a_misspelt_search_says_what_it_searched_instead(world):
    response = page_client(world.owner).get(reverse("web:search"), {"q": "pasengers"})
    assert response.context["corrected"] == "passengers"
    assert "Nothing has these words" in response.content.decode()
    response = page_client(world.outsider).get(reverse("web:search"), {"q": "pasengers"})
    assert response.context["corrected"] is None


def search(user, text="", **facets) -> list[str]:
    response = page_client(user).get(reverse("web:search"), {"q": text, **facets})
    return [row["dataset"].name for row in response.context["rows"]]


def test_lineage_stops_at_what_may_not_be_known(world):
    job, hidden_job = make_job("join-flights"), make_job("pay-out")
    raw = make_dataset("raw.passengers", domain=world.sales)
    DatasetEdge.objects.create(dataset=raw, job=job, direction="input")
    DatasetEdge.objects.create(dataset=world.salaries, job=job, direction="input")
    DatasetEdge.objects.create(dataset=world.passengers, job=job, direction="output")
    DatasetEdge.objects.create(dataset=world.salaries, job=hidden_job, direction="output")
    url = dataset_url(world.passengers, "lineage")
    response = page_client(world.steward).get(url, {"depth": "3"})
    body = response.content.decode()
    assert "raw.passengers" in body
    assert "salaries" not in body
    assert "pay-out" not in body
    assert "pay-out" in page_client(world.superuser).get(url, {"depth": "3"}).content.decode()
    assert page_client(world.outsider).get(url).status_code == 404


def test_asking_deciding_and_being_told(world):
    analyst = page_client(world.analyst)
    answer = analyst.post(
        dataset_url(world.passengers, "request-new"),
        {"purpose": "delays", "columns": ["email"], "row_filter": "origin = 'EWR'", "hours": "24"},
    )
    assert (answer.status_code, answer["Location"]) == (302, reverse("web:requests"))
    asked = AccessRequest.objects.get()
    assert (asked.requester, asked.columns, asked.row_filter, asked.state) == (
        world.analyst,
        ["email"],
        "origin = 'EWR'",
        RequestState.PENDING,
    )
    inbox = page_client(world.steward).get(reverse("web:inbox"))
    assert [each.asked for each in inbox.context["waiting"]] == [asked]
    assert inbox.context["waiting"][0].opening.labels == ["pii.email"]
    decided = page_client(world.steward).post(
        reverse("web:decide", args=[asked.uuid]), {"verdict": "approve", "comment": "fine"}
    )
    assert decided.status_code == 302
    asked.refresh_from_db()
    assert (asked.state, asked.decided_by, asked.decision_comment) == (
        RequestState.APPROVED,
        world.steward,
        "fine",
    )
    records = AuditRecord.objects.order_by("pk")
    assert [(read_record(each).actor, each.action) for each in records][-3:] == [
        ("analyst", "request.create"),
        ("steward", "request.approve"),
        ("steward", "grant.create"),
    ]


def test_a_wrong_row_filter_is_told_in_the_form(world):
    answer = page_client(world.analyst).post(
        dataset_url(world.passengers, "request-new"),
        {"purpose": "delays", "row_filter": "nowhere = 1", "hours": "24"},
    )
    assert answer.status_code == 200
    assert "nowhere" in str(answer.context["form"].non_field_errors())
    assert not AccessRequest.objects.exists()


@pytest.mark.parametrize("name", ["analyst", "hr_steward", "outsider"])
def test_a_request_is_decided_by_nobody_else(name, world):
    asked = make_request(world.analyst, world.passengers)
    client = page_client(getattr(world, name))
    assert client.get(reverse("web:inbox")).context["waiting"] == []
    url = reverse("web:decide", args=[asked.uuid])
    assert client.post(url, {"verdict": "approve"}).status_code == 404
    asked.refresh_from_db()
    assert asked.state == RequestState.PENDING


def test_a_denial_needs_a_reason(world):
    asked = make_request(world.analyst, world.passengers)
    url = reverse("web:decide", args=[asked.uuid])
    answer = page_client(world.steward).post(url, {"verdict": "deny"}, follow=True)
    assert "`comment` must tell the requester why" in answer.content.decode().replace("&#x27;", "'")
    page_client(world.steward).post(url, {"verdict": "deny", "comment": "no need"})
    body = page_client(world.analyst).get(reverse("web:requests")).content.decode()
    assert "denied" in body
    assert "no need" in body


def test_an_old_request_does_not_keep_a_name_alive(world):
    grant = make_grant(world.outsider, world.salaries, "discover")
    make_request(world.outsider, world.salaries)
    client = page_client(world.outsider)
    assert "hr.salaries" in client.get(reverse("web:requests")).content.decode()
    grant.delete()
    for page in ("requests", "home"):
        assert "hr.salaries" not in client.get(reverse(f"web:{page}")).content.decode()


def test_a_request_is_withdrawn_by_its_requester_only(world):
    asked = make_request(world.analyst, world.passengers)
    url = reverse("web:request-withdraw", args=[asked.uuid])
    assert page_client(world.outsider).post(url).status_code == 404
    assert page_client(world.analyst).post(url).status_code == 302
    asked.refresh_from_db()
    assert asked.state == RequestState.WITHDRAWN


def test_the_audit_log_is_for_superusers(world):
    url = reverse("web:audit")
    make_request(world.analyst, world.passengers)
    body = page_client(world.superuser).get(url, {"action": "request.create"}).content.decode()
    assert "a study of delays" in body
    assert "grant.create" not in body.split("<tbody>")[1]
    for user in (world.steward, world.owner, world.outsider):
        assert page_client(user).get(url).status_code == 404


def test_the_fields_show_their_labels(world):
    make_mask("pii.email", "replace-with-null")
    rows = page_client(world.owner).get(dataset_url(world.passengers)).context["fields"]
    assert [(row.field.name, row.declared) for row in rows] == [
        ("name", ("pii.name",)),
        ("email", ("pii.email",)),
        ("origin", ()),
        ("fare", ()),
    ]


@pytest.mark.parametrize("name", ["home", "search", "models", "requests", "inbox"])
def test_lists_take_the_same_queries_for_one_and_three(name, world):
    client = page_client(world.steward)
    url = reverse(f"web:{name}")
    make_request(world.analyst, world.passengers)
    make_dataset("models.one", domain=world.sales, kind="model")
    make_request(world.steward, make_dataset("mine.0", domain=world.sales))
    client.get(url)
    with CaptureQueriesContext(connection) as once:
        client.get(url)
    for number in range(2):
        make_dataset(f"models.more{number}", domain=world.sales, kind="model")
        make_request(world.steward, make_dataset(f"mine.{number + 1}", domain=world.sales))
        if name != "inbox":
            make_request(
                world.owner, make_dataset(f"t.{number}", owners=[world.owner], domain=world.sales)
            )
    with CaptureQueriesContext(connection) as thrice:
        client.get(url)
    assert len(thrice) == len(once)
