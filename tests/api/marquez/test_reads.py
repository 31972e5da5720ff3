"""Names with slashes, windows, query counts, the vocabulary of counts, and the real server."""

import json
import urllib.request
from itertools import pairwise
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.marquez.paths import ways_to_cut
from catalog.lineage.events import Name
from catalog.models import Dataset, DatasetSymlink, Job, Namespace
from catalog.queries.job_pages import NEWEST_RUNS
from catalog.services.datasets import add_owner
from catalog.services.openlineage import record_event
from tests.catalog.world import dataset, run_event
from tests.factories.catalog import make_dataset
from tests.factories.identity import api_client, make_token, make_user

pytestmark = pytest.mark.django_db


def path_of(*parts: str) -> str:
    return "/api/v1/" + "/".join(quote(part, safe="") for part in parts)


@pytest.fixture
def client(db):
    return api_client(make_user("root", is_superuser=True))


def test_ways_to_cut():
    assert ways_to_cut("a", "b", separator="datasets") == [Name("a", "b")]
    assert ways_to_cut("s3://x", "y/datasets/z", separator="datasets") == [
        Name("s3://x", "y/datasets/z"),
        Name("s3://x/datasets/y", "z"),
    ]


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("kafka://host:9092", "topic"),
        ("s3://bucket", "/a//b/c=1"),
        ("file", "/data/wh/orders"),
        ("s3://b/datasets/x", "y"),
        ("s3://b", "x/datasets/y/datasets"),
        ("s3://b", "delta/versions"),
        ("s3://b", "versions"),
        ("s3://b", "a/tags/b"),
        ("s3://b", "50%/ü?#&+ x"),
    ],
)
def test_any_name_is_found(client, namespace, name):
    make_dataset(name, namespace=namespace, fields=["x"])
    found = client.get(path_of("namespaces", namespace, "datasets", name))
    assert found.json()["id"] == {"namespace": namespace, "name": name}
    versions = client.get(path_of("namespaces", namespace, "datasets", name, "versions"))
    assert versions.json() == {"versions": [], "totalCount": 0}
    tagged = client.post(path_of("namespaces", namespace, "datasets", name, "tags", "gold"))
    assert tagged.json()["tags"] == ["gold"]
    if "/datasets/" in namespace:  # the one kind of namespace whose own pages no path can name
        return
    listed = client.get(path_of("namespaces", namespace, "datasets")).json()
    assert [each["name"] for each in listed["datasets"]] == [name]
    assert client.get(path_of("namespaces", namespace)).json()["name"] == namespace
    assert client.get(path_of("sources", namespace)).json()["name"] == namespace


def test_a_dataset_below_another_of_the_shorter_name(client):
    """The path says both: the versions of the shorter name are answered."""
    short = make_dataset("delta", namespace="s3://b", fields=["x"])
    make_dataset("delta/versions", namespace="s3://b", fields=["x"])
    found = client.get(path_of("namespaces", "s3://b", "datasets", "delta/versions")).json()
    assert found == {"versions": [], "totalCount": 0}
    short.delete()
    found = client.get(path_of("namespaces", "s3://b", "datasets", "delta/versions")).json()
    assert found["name"] == "delta/versions"


def test_another_name_of_the_dataset(client):
    row = make_dataset("own", namespace="db")
    DatasetSymlink.objects.create(dataset=row, namespace="hive", name="other")
    found = client.get(path_of("namespaces", "hive", "datasets", "other")).json()
    assert found["id"] == {"namespace": "db", "name": "own"}


@pytest.mark.parametrize("name", ["load/versions", "load/runs", "x/jobs/y"])
def test_jobs_of_any_name(client, name):
    body = {"type": "BATCH", "inputs": [{"namespace": "db", "name": "t"}], "outputs": []}
    made = client.put(path_of("namespaces", "etl", "jobs", name), body, "application/json")
    assert made.json()["name"] == name
    assert client.get(path_of("namespaces", "etl", "jobs", name)).json() == made.json()
    run = client.post(path_of("namespaces", "etl", "jobs", name, "runs"), {}, "application/json")
    assert run.status_code == 201
    assert client.delete(path_of("namespaces", "etl", "jobs", name)).status_code == 200
    assert Job.objects.get(runs=run.json()["id"]).name == name


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "offset=-1", "offset=9999999"]
)
def test_windows_are_bounded(client, query):
    for path in (
        "namespaces",
        "sources",
        "jobs",
        "tags",
        "events/lineage",
        "namespaces/n/datasets",
    ):
        answer = client.get(f"/api/v1/{path}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")


@pytest.mark.parametrize("period", ["", "period=MONTH", "period=WEEK&timezone=Nowhere/Land"])
def test_periods_are_named(client, period):
    assert client.get(f"/api/v1/stats/datasets?{period}").status_code == 400


def test_counts_over_a_day(client):
    record_event(event=small_event(1, kind="START"), sender=None)
    spans = client.get("/api/v1/stats/datasets?period=DAY").json()
    assert (len(spans), spans[-1]["count"], spans[0]["count"]) == (24, 2, 0)
    assert all(a["endInterval"] == b["startInterval"] for a, b in pairwise(spans))
    events = client.get("/api/v1/stats/lineage-events?period=WEEK&timezone=Asia/Tokyo").json()
    assert (len(events), sum(each["start"] for each in events)) == (7, 0)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("namespaces/n", {}),
        ("sources/s", {"type": "PG"}),
        ("sources/s", {"type": "PG", "connectionUrl": "pg://u:a/b@h"}),
        ("namespaces/n/datasets/d", {"type": "VIEW", "physicalName": "p", "sourceName": "s"}),
        ("namespaces/n/datasets/d", {"type": "DB_TABLE", "physicalName": "p", "sourceName": "s", "tags": ["!"]}),
        ("namespaces/n/jobs/j", {"type": "NIGHTLY"}),
        ("namespaces/n/jobs/j", {"type": "BATCH", "inputs": [{"name": "x"}]}),
        ("tags/!", {}),
    ],
)  # fmt: skip
def test_bad_bodies_are_answered(client, path, body):
    answer = client.put(f"/api/v1/{path}", body, "application/json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert Namespace.objects.count() == Dataset.objects.count() == Job.objects.count() == 0


def small_event(number: int, *, kind: str = "COMPLETE") -> dict:
    return run_event(
        run=f"0198a3b1-7c1e-7d32-9a30-{number:012d}",
        job=f"job{number}",
        kind=kind,
        at=f"2026-01-01T{number:02d}:00:00Z",
        inputs=[dataset(f"in{number}", fields=["x", "y"])],
        outputs=[dataset(f"out{number}", fields=["x", "y"])],
        run_facets={"tool": {"version": number}},
        job_facets={"sql": {"query": "SELECT 1"}},
    )


def warm_client(user):
    """A client whose token's first use is noted already."""
    client = api_client(user)
    client.get("/api/v1/namespaces")
    return client


@pytest.mark.parametrize(
    "path",
    ["namespaces", "sources", "namespaces/db/datasets", "namespaces/ns/jobs", "jobs", "tags",
     "events/lineage", "events/ns", "search?q=in", "search?q=in&sort=name", "stats/datasets?period=DAY",
     "stats/jobs?period=WEEK", "stats/sources?period=DAY", "stats/lineage-events?period=DAY"],
)  # fmt: skip
def test_queries_do_not_grow_with_the_page(path):
    user = make_user()
    client = warm_client(user)

    def fill(numbers) -> int:
        for number in numbers:
            record_event(event=small_event(number), sender=None)
        for row in Dataset.objects.filter(owners=None):
            add_owner(row, owner=user)
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(f"/api/v1/{path}")
        assert answer.status_code == 200
        return len(queries)

    assert fill([1]) == fill([2, 3])


def test_queries_of_runs_and_versions_do_not_grow():
    user = make_user()
    client = warm_client(user)

    def count(runs: int) -> list[int]:
        for number in range(runs):
            event = small_event(1) | {"eventTime": f"2026-02-0{runs}T0{number}:00:00Z"}
            event["run"]["runId"] = f"0198a3b1-7c1e-7d32-9a3{runs}-{number:012d}"
            event["outputs"] = [dataset("out1", fields=["x", f"y{runs}{number}"])]
            record_event(event=event, sender=None)
        for row in Dataset.objects.filter(owners=None):
            add_owner(row, owner=user)
        counts = []
        for path in ("namespaces/ns/jobs/job1/runs", "namespaces/db/datasets/out1/versions"):
            with CaptureQueriesContext(connection) as queries:
                assert client.get(f"/api/v1/{path}").status_code == 200
            counts.append(len(queries))
        return counts

    assert count(1) == count(3)


def test_the_newest_runs_are_found_by_their_index():
    record_event(event=small_event(1), sender=None)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        job = Job.objects.get(name="job1").pk
        cursor.execute(f"EXPLAIN {NEWEST_RUNS}", {"jobs": [job], "skip": 0, "each": 10})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Scan using run_by_job_and_start" in plan


@pytest.mark.django_db(transaction=True)
def test_a_deleted_job_comes_back_with_its_next_event():
    client = api_client(make_user(is_superuser=True))
    record_event(event=small_event(1), sender=None)
    assert client.delete(path_of("namespaces", "ns", "jobs", "job1")).status_code == 200
    assert client.get(path_of("namespaces", "ns", "jobs", "job1")).status_code == 404
    assert client.delete(path_of("namespaces", "ns", "jobs", "job1")).status_code == 404
    record_event(event=small_event(1, kind="START"), sender=None)
    assert client.get(path_of("namespaces", "ns", "jobs", "job1")).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_real_server_passes_slashes_on(marquez_server):
    """granian hands on `%2F` as a slash: names with slashes reach us whole."""
    make_dataset("/a//b", namespace="s3://bucket", fields=["x"])
    token = make_token(make_user(is_superuser=True))
    request = urllib.request.Request(  # noqa: S310 - our own server
        marquez_server + path_of("namespaces", "s3://bucket", "datasets", "/a//b"),
        headers={"Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        found = json.load(answer)
    assert found["id"] == {"namespace": "s3://bucket", "name": "/a//b"}
