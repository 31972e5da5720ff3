"""/api/v1/catalog/…: what each caller sees, may change, and how many statements it costs."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Dataset
from catalog.services.datasets import ensure_dataset, record_version, tag_dataset, tag_field
from catalog.services.openlineage import record_event
from governance.models import AuditRecord
from tests.catalog.world import dataset, run_event
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.identity import api_client, make_actors, make_user

pytestmark = pytest.mark.django_db

BASE = "/api/v1/catalog"
SCHEMA = [
    {"name": "email", "type": "string", "field_id": 1},
    {"name": "delay", "type": "int", "field_id": 2},
]


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def passengers(actors) -> Dataset:
    """Owned by the owner only, with fields, a version, tags and a run."""
    row = ensure_dataset(namespace="lakewarden", name="curated.passengers", description="who flew")
    record_version(dataset=row, schema=SCHEMA, snapshot_id=7, statistics={"rows": 3})
    row.owners.create(user=actors.owner)
    tag_dataset(row, tag="gold")
    tag_field(row.fields.get(name="email"), tag="pii.email")
    record_event(
        event=run_event(
            run="0198a3b1-7c1e-7d32-9a30-000000000009",
            job="curate",
            at="2026-01-01T10:00:00Z",
            outputs=[dataset("curated.passengers", namespace="lakewarden")],
            job_facets={"sql": {"query": "select 1"}},
        ),
        sender=None,
    )
    row.refresh_from_db()
    return row


def test_detail_shows_everything_to_the_owner_and_nothing_to_others(actors, passengers) -> None:
    url = f"{BASE}/datasets/{passengers.uuid}"
    body = api_client(actors.owner).get(url).json()
    assert body["name"] == "curated.passengers"
    assert body["may_view_metadata"] is True
    assert [(f["name"], f["tags"]) for f in body["fields"]] == [
        ("email", ["pii.email"]),
        ("delay", []),
    ]
    assert (body["tags"], body["statistics"]) == (["gold"], {"rows": 3})
    assert body["current_version"]["snapshot_id"] == "7"
    assert body["owners"] == [{"kind": "user", "name": actors.owner.username}]
    assert [run["state"] for run in body["latest_runs"]] == ["COMPLETED"]
    assert body["tiers"] == []
    for user in (actors.team_mate, actors.outsider):
        response = api_client(user).get(url)
        assert (response.status_code, response.json()["code"]) == (404, "not-found")
    assert Client().get(url).status_code == 401


GETS = ("", "/fields", "/versions", "/versions/1")


@pytest.mark.parametrize("path", GETS)
def test_every_read_of_a_dataset(actors, passengers, path) -> None:
    url = f"{BASE}/datasets/{passengers.uuid}{path}"
    statuses = [
        api_client(user).get(url).status_code
        for user in (actors.owner, actors.team_mate, actors.outsider)
    ]
    assert statuses == [200, 404, 404]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("patch", ""),
        ("put", "/tags/new"),
        ("delete", "/tags/gold"),
        ("put", "/owners/users/{mate}"),
    ],
)
def test_every_write_to_a_dataset(actors, passengers, method, path) -> None:
    url = f"{BASE}/datasets/{passengers.uuid}" + path.format(mate=actors.team_mate.username)

    def send(user):
        call = getattr(api_client(user), method)
        return call(url, {"description": "new"}, content_type="application/json").status_code

    assert [send(actors.outsider), send(actors.team_mate)] == [404, 404]
    before = AuditRecord.objects.count()
    assert send(actors.owner) in {200, 204}
    assert AuditRecord.objects.count() > before


def test_lost_update_is_refused(actors, passengers) -> None:
    client = api_client(actors.owner)
    url = f"{BASE}/datasets/{passengers.uuid}"
    etag = client.get(url)["ETag"]

    def send(text):
        return client.patch(
            url, {"description": text}, content_type="application/json", headers={"If-Match": etag}
        )

    assert send("first").json()["description"] == "first"
    assert (send("second").status_code, send("second").json()["code"]) == (
        412,
        "precondition-failed",
    )
    assert Dataset.objects.get(pk=passengers.pk).description == "first"


def test_moving_takes_who_administers_the_domain(actors, passengers) -> None:
    mine, other = make_domain("Mine", stewards=[actors.owner]), make_domain("Other")
    client = api_client(actors.owner)
    url = f"{BASE}/datasets/{passengers.uuid}"

    def move(slug):
        return client.patch(url, {"domain": slug}, content_type="application/json").status_code

    assert move(other.slug) == 404
    assert move(mine.slug) == 200
    assert client.get(f"{BASE}/datasets", {"domain": "mine"}).json()["items"][0]["domain"] == "mine"


def test_lists_and_filters(actors, passengers) -> None:
    make_dataset("raw.secret")
    url = f"{BASE}/datasets"
    names = [row["name"] for row in api_client(actors.owner).get(url).json()["items"]]
    assert names == ["curated.passengers"]
    for user in (actors.team_mate, actors.outsider):
        assert api_client(user).get(url).json() == {
            "items": [],
            "next_cursor": None,
            "total": 0,
        }
    client = api_client(make_user(is_superuser=True))
    for params, expected in [
        ({"tag": "pii.email"}, ["curated.passengers"]),
        ({"kind": "topic"}, []),
        ({"q": "secret"}, ["raw.secret"]),
        ({"namespace": "lakewarden"}, ["curated.passengers", "raw.secret"]),
    ]:
        found = client.get(url, params).json()["items"]
        assert [row["name"] for row in found] == expected
    page = client.get(url, {"page_size": 1}).json()
    rest = client.get(url, {"page_size": 1, "cursor": page["next_cursor"]}).json()
    assert [page["items"][0]["name"], rest["items"][0]["name"]] == [
        "curated.passengers",
        "raw.secret",
    ]
    assert rest["next_cursor"] is None


def count_queries(client, url, **params) -> int:
    client.get(url, params)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url, params).status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    "path", ["catalog/datasets", "search", "catalog/domains", "catalog/tags", "catalog/jobs"]
)
def test_same_statements_for_one_and_three_rows(actors, passengers, path) -> None:
    client = api_client(make_user(is_superuser=True))
    passengers.domain = make_domain("First", stewards=[actors.owner])
    passengers.save()
    one = count_queries(client, f"/api/v1/{path}")
    for number in (1, 2):
        domain = make_domain(f"More {number}", stewards=[actors.owner])
        row = make_dataset(
            fields=["a", "b"], owners=[actors.owner], tags=[f"t{number}"], domain=domain
        )
        record_event(
            event=run_event(
                run=f"run {number}",
                job=f"job {number}",
                at="2026-01-01T10:00:00Z",
                inputs=[dataset(row.name, namespace=row.namespace)],
            ),
            sender=None,
        )
    assert count_queries(client, f"/api/v1/{path}") == one


def test_a_job_without_datasets_shows_itself_to_who_sent_its_newest_run(actors) -> None:
    told = run_event(
        run="0198a3b1-7c1e-7d32-9a30-00000000000a", job="clean", at="2026-01-01T10:00:00Z"
    )
    record_event(event=told, sender=actors.team_mate)

    shown = api_client(actors.team_mate).get(f"{BASE}/jobs").json()["items"]

    assert [(job["name"], job["latest_run"]["state"]) for job in shown] == [("clean", "COMPLETED")]
    for user in (actors.owner, actors.outsider):
        assert api_client(user).get(f"{BASE}/jobs").json()["items"] == []
        assert api_client(user).get(f"{BASE}/jobs/{shown[0]['uuid']}").status_code == 404


def test_jobs_and_runs_show_themselves_by_their_datasets(actors, passengers) -> None:
    job = api_client(actors.owner).get(f"{BASE}/jobs").json()["items"][0]
    run = job["latest_run"]["uuid"]
    for path in (f"jobs/{job['uuid']}", f"jobs/{job['uuid']}/runs", f"runs/{run}"):
        statuses = [
            api_client(user).get(f"{BASE}/{path}").status_code
            for user in (actors.owner, actors.team_mate, actors.outsider)
        ]
        assert statuses == [200, 404, 404]
    detail = api_client(actors.owner).get(f"{BASE}/jobs/{job['uuid']}").json()
    assert detail["outputs"] == ["dataset:lakewarden:curated.passengers"]
    assert detail["facets"] == {"sql": {"query": "select 1"}}
    assert api_client(actors.team_mate).get(f"{BASE}/jobs").json()["items"] == []


def test_facets_of_a_job_that_also_uses_what_is_hidden_are_not_shown(actors, passengers) -> None:
    record_event(
        event=run_event(
            run="later",
            job="curate",
            at="2026-01-02T10:00:00Z",
            inputs=[dataset("hidden")],
            outputs=[dataset("curated.passengers", namespace="lakewarden")],
        ),
        sender=None,
    )
    client = api_client(actors.owner)
    job = client.get(f"{BASE}/jobs").json()["items"][0]
    detail = client.get(f"{BASE}/jobs/{job['uuid']}").json()
    assert (detail["facets"], detail["inputs"]) == ({}, [])


def test_search_counts_and_facets_tell_only_what_may_be_seen(actors, passengers) -> None:
    make_dataset("raw.passengers", fields=[("email", "string", ["pii.email"])], tags=["gold"])
    url = "/api/v1/search"
    for text in ("passengers", "email", "gold", "flew", "passen"):
        body = api_client(actors.owner).get(url, {"q": text}).json()
        assert (body["total"], [row["name"] for row in body["items"]]) == (
            1,
            ["curated.passengers"],
        )
        assert body["facets"]["tag"] == [
            {"value": "gold", "count": 1},
            {"value": "pii.email", "count": 1},
        ]
        for user in (actors.team_mate, actors.outsider):
            assert api_client(user).get(url, {"q": text}).json() == {
                "items": [],
                "total": 0,
                "facets": {"kind": [], "domain": [], "tag": [], "owner": [], "namespace": []},
                "estimates": [],
                "corrected": None,
                "next_cursor": None,
                "totalCount": 0,
                "results": [],
            }
    body = api_client(actors.owner).get(url, {"q": "flew"}).json()
    assert "«flew»" in body["items"][0]["snippet"]
    tags = api_client(actors.owner).get(f"{BASE}/tags").json()["items"]
    assert [(tag["name"], tag["datasets"]) for tag in tags] == [("gold", 1), ("pii.email", 1)]
    assert api_client(actors.outsider).get(f"{BASE}/tags").json()["items"] == []


def test_lists_and_search_narrow_by_owner_and_count_exactly(actors, passengers) -> None:
    for number in range(4):
        make_dataset(f"raw.t{number}", owners=[actors.team], kind="view")
    name = actors.owner.username
    client = api_client(actors.owner)
    assert client.get(f"{BASE}/datasets", {"owner": f"user:{name}"}).json()["total"] == 1
    page = client.get(f"{BASE}/datasets", {"kind": "view", "page_size": 3}).json()
    assert (page["total"], len(page["items"])) == (4, 3)
    rest = client.get(f"{BASE}/datasets", {"kind": "view", "cursor": page["next_cursor"]}).json()
    assert [row["name"] for row in page["items"] + rest["items"]] == [
        f"raw.t{number}" for number in range(4)
    ]
    assert (rest["total"], rest["next_cursor"]) == (4, None)
    found = client.get("/api/v1/search", {"owner": f"group:{actors.team.name}"}).json()
    assert (found["total"], found["facets"]["namespace"]) == (
        4,
        [{"value": "lakewarden", "count": 4}],
    )
    for bad in ({"owner": "nobody"}, {"cursor": "eHg"}, {"q": "x" * 301}):
        assert client.get(f"{BASE}/datasets", bad).status_code == 400
    hidden = api_client(actors.outsider).get(f"{BASE}/datasets", {"owner": f"user:{name}"})
    assert hidden.json() == {"items": [], "next_cursor": None, "total": 0}


def test_suggestions_are_of_what_the_caller_may_know_of(actors, passengers) -> None:
    url = "/api/v1/search/suggestions"
    assert api_client(actors.owner).get(url, {"q": "passen"}).json() == {
        "items": [{"kind": "dataset", "text": "curated.passengers", "uuid": str(passengers.uuid)}],
        "next_cursor": None,
    }
    tag = {"kind": "tag", "text": "pii.email", "uuid": None}
    assert api_client(actors.owner).get(url, {"q": "pii.e"}).json()["items"] == [tag]
    for user in (actors.team_mate, actors.outsider):
        assert api_client(user).get(url, {"q": "passen"}).json()["items"] == []


def test_domains_are_made_by_who_administers(actors) -> None:
    top = make_domain("Top", stewards=[actors.owner])
    url = f"{BASE}/domains"

    def send(user, **values):
        body = {"name": "Below", **values}
        return api_client(user).post(url, body, content_type="application/json")

    assert send(actors.outsider, parent=top.slug).status_code == 404
    assert send(actors.owner).status_code == 403
    made = send(actors.owner, parent=top.slug)
    assert (made.status_code, made.json()["parent"]) == (201, "top")
    assert send(actors.owner, parent=top.slug).status_code == 409


def test_openapi_document_and_its_page() -> None:
    client = api_client(make_user())
    document = client.get("/api/v1/schema", {"format": "json"}).json()
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/lineage" in document["paths"]
    assert "/api/v1/catalog/datasets" in document["paths"]
    page = client.get("/api/v1/docs", headers={"Accept": "text/html"})
    assert b"/api/v1/catalog/datasets" in page.content
    assert b"http" not in page.content.split(b"</style>")[0]
    assert Client().get("/api/v1/schema").status_code == 401
