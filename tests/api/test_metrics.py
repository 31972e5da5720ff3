"""Prometheus metrics: for staff only, counted by route, never by path."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.factories.catalog import make_dataset
from tests.factories.governance import make_request
from tests.factories.identity import api_client, make_user, page_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return make_user("operator", is_staff=True)


def samples(text: str) -> dict[tuple[str, tuple], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(user) -> dict[tuple[str, tuple], float]:
    answer = api_client(user).get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    return samples(answer.content.decode())


def test_who_may_scrape(client, staff):
    assert client.get("/metrics").status_code == 401
    assert api_client(make_user()).get("/metrics").status_code == 403
    assert page_client(make_user()).get("/metrics").status_code == 403
    assert api_client(staff, scopes=["write"]).get("/metrics").status_code == 403
    assert api_client(staff, scopes=["read"]).get("/metrics").status_code == 200
    assert page_client(staff).get("/metrics").status_code == 200


def test_requests_are_counted_by_route(client, staff):
    before = scrape(staff)
    dataset = make_dataset()
    for path in (f"/datasets/{dataset.uuid}/", "/no/such/page", "/healthz", "/healthz"):
        client.get(path)
    after = scrape(staff)

    def grown(route: str, status: str) -> float:
        key = (
            "lakewarden_http_requests_total",
            (("method", "GET"), ("route", route), ("status", status)),
        )
        return after[key] - before.get(key, 0)

    assert grown("datasets/<uuid:uuid>/", "302") == 1
    assert grown("unmatched", "404") == 1
    assert grown("healthz", "200") == 2
    assert not [key for key in after if str(dataset.uuid) in str(key)]
    seconds = ("lakewarden_http_request_seconds_count", (("route", "healthz"),))
    assert after[seconds] - before.get(seconds, 0) == 2


def test_the_state_is_that_of_the_database(staff):
    dataset = make_dataset(kind="topic")
    make_dataset(kind="topic")
    make_request(make_user(is_superuser=True), dataset)
    state = scrape(staff)
    assert state["lakewarden_datasets", (("kind", "topic"),)] == 2
    assert state["lakewarden_access_requests", (("state", "pending"),)] == 1
    assert state["lakewarden_audit_unsealed_records", ()] >= 1


def test_an_unknown_method_is_no_label_of_its_own(client, staff):
    client.generic("BREW", "/healthz")
    assert not [key for key in scrape(staff) if "BREW" in str(key)]
