"""The unchanged `marquez-python` client against our server: every method that it has."""

import pytest
from marquez_client import MarquezClient
from marquez_client.errors import APIError
from marquez_client.models import DatasetId, DatasetType, JobType

from catalog.models import Dataset, JobVersion
from catalog.services.openlineage import record_event
from tests.catalog.world import dataset, run_event
from tests.factories.identity import make_service, make_token, make_user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # The client marks most of its writes as deprecated.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

NAMESPACE = "postgres://db.example:5432"
TABLE = "public/orders.v1"
FIELDS = [
    {"name": "id", "type": "INTEGER", "description": "the key"},
    {"name": "mail", "type": "VARCHAR", "tags": ["PII"]},
]


@pytest.fixture
def root(db):
    return make_user("root", is_superuser=True)


@pytest.fixture
def client(live_server, root) -> MarquezClient:
    return MarquezClient(live_server.url, api_key=make_token(root))


def create_table(client: MarquezClient, name: str = TABLE, **more) -> dict:
    return client.create_dataset(
        NAMESPACE, name, DatasetType.DB_TABLE, f"physical.{name}", "orders-db", **more
    )


def test_namespaces(client):
    made = client.create_namespace(NAMESPACE, "data team", "where orders are")
    assert (made["name"], made["ownerName"], made["description"]) == (
        NAMESPACE, "data team", "where orders are",
    )  # fmt: skip
    assert client.get_namespace(NAMESPACE) == made
    client.create_namespace("a", "nobody")
    create_table(client, fields=FIELDS)
    client.create_dataset("implied", "t", DatasetType.DB_TABLE, "t", "s", fields=[])
    found = client.list_namespaces()["namespaces"]
    assert [(each["name"], each["ownerName"]) for each in found] == [
        ("a", "nobody"), ("implied", "anonymous"), (NAMESPACE, "data team"),
    ]  # fmt: skip
    assert client.list_namespaces(limit=1, offset=1)["namespaces"] == [found[1]]
    with pytest.raises(APIError):
        client.get_namespace("nowhere")


def test_sources(client):
    made = client.create_source(
        "orders-db", "postgresql", "jdbc:postgresql://me:secret@db/orders?password=x&ssl=true", "d"
    )
    assert (made["type"], made["connectionUrl"], made["description"]) == (
        "POSTGRESQL", "jdbc:postgresql://db/orders?ssl=true", "d",
    )  # fmt: skip
    assert client.get_source("orders-db") == made
    create_table(client, fields=FIELDS)
    assert client.get_dataset(NAMESPACE, TABLE)["sourceName"] == "orders-db"
    names = [each["name"] for each in client.list_sources()["sources"]]
    assert names == ["orders-db", NAMESPACE]
    assert client.get_source(NAMESPACE)["type"] == "POSTGRES"


def test_datasets(client):
    made = create_table(client, fields=FIELDS, tags=["Gold", "EU data"], description="Orders")
    assert made["id"] == {"namespace": NAMESPACE, "name": TABLE}
    assert (made["type"], made["physicalName"], made["sourceName"]) == (
        "DB_TABLE", f"physical.{TABLE}", "orders-db",
    )  # fmt: skip
    assert made["description"] == "Orders"
    assert made["tags"] == ["eu-data", "gold"]
    assert made["fields"] == [
        {"name": "id", "type": "INTEGER", "tags": [], "description": "the key"},
        {"name": "mail", "type": "VARCHAR", "tags": ["pii"], "description": None},
    ]
    assert made["deleted"] is False
    assert client.get_dataset(NAMESPACE, TABLE) == made
    listed = client.list_datasets(NAMESPACE)
    assert listed == {"datasets": [made], "totalCount": 1}


def test_datasets_change(client):
    create_table(client, fields=FIELDS, description="Orders")
    again = create_table(
        client,
        fields=[*FIELDS, {"name": "total", "type": "NUMERIC"}],
        tags=["gold"],
        description="All orders",
    )
    assert [each["name"] for each in again["fields"]] == ["id", "mail", "total"]
    assert (again["description"], again["tags"]) == ("All orders", ["gold"])


def test_streams(client):
    made = client.create_dataset(
        "kafka://broker:9092",
        "orders",
        DatasetType.STREAM,
        "orders",
        "broker",
        schema_location="http://registry/schemas/1",
        fields=[],
    )
    assert (made["type"], made["namespace"]) == ("STREAM", "kafka://broker:9092")


def test_dataset_versions(client):
    create_table(client, fields=FIELDS)
    create_table(client, fields=FIELDS[:1])
    listed = client.list_dataset_versions(NAMESPACE, TABLE)
    assert listed["totalCount"] == 2
    assert [[f["name"] for f in each["fields"]] for each in listed["versions"]] == [
        ["id"], ["id", "mail"],
    ]  # fmt: skip
    newest = listed["versions"][0]
    assert client.get_dataset_version(NAMESPACE, TABLE, newest["version"]) == newest
    assert client.get_dataset(NAMESPACE, TABLE)["currentVersion"] == newest["version"]
    assert client.list_dataset_versions(NAMESPACE, TABLE, limit=1)["versions"] == [newest]


def test_tags(client):
    assert client.create_tag("SENSITIVE", "handle with care") == {
        "name": "sensitive",
        "description": "handle with care",
    }
    create_table(client, fields=FIELDS)
    assert client.tag_dataset(NAMESPACE, TABLE, "SENSITIVE")["tags"] == ["sensitive"]
    tagged = client.tag_dataset_field(NAMESPACE, TABLE, "id", "KEY")
    assert [each["tags"] for each in tagged["fields"]] == [["key"], ["pii"]]
    names = [each["name"] for each in client.list_tags()["tags"]]
    assert names == ["key", "pii", "sensitive"]
    assert client.list_tags(limit=1, offset=2)["tags"][0]["description"] == "handle with care"


def create_etl(client: MarquezClient, **more) -> dict:
    return client.create_job(
        "etl",
        "load/orders",
        JobType.BATCH,
        location="https://git.example/etl/blob/1/load.py",
        inputs=[DatasetId(NAMESPACE, "raw")],
        outputs=[DatasetId(NAMESPACE, TABLE)],
        description="Loads orders",
        context={"SQL": "SELECT 1"},
        **more,
    )


def test_jobs(client):
    made = create_etl(client)
    assert made["id"] == {"namespace": "etl", "name": "load/orders"}
    assert (made["type"], made["description"]) == ("BATCH", "Loads orders")
    assert made["location"] == "https://git.example/etl/blob/1/load.py"
    assert made["context"] == {"SQL": "SELECT 1"}
    assert made["inputs"] == [{"namespace": NAMESPACE, "name": "raw"}]
    assert made["outputs"] == [{"namespace": NAMESPACE, "name": TABLE}]
    assert (made["latestRun"], made["latestRuns"]) == (None, [])
    assert client.get_job("etl", "load/orders") == made
    assert client.list_jobs("etl") == {"jobs": [made], "totalCount": 1}
    assert client.create_job("etl", "listen", JobType.STREAM)["type"] == "STREAM"
    assert client.create_job("etl", "serve", JobType.SERVICE)["type"] == "SERVICE"


def test_job_versions(client, live_server):
    create_etl(client)
    keys = {row.name: row.pk for row in Dataset.objects.all()}
    from catalog.models import Job

    job = Job.objects.get(name="load/orders")
    number = (job.versions.first().number if job.versions.exists() else 0) + 1
    version = JobVersion.objects.create(
        job=job,
        number=number,
        fingerprint="0" * 64,
        inputs=[keys["raw"]],
        outputs=[keys[TABLE]],
        code={"sql": {"query": "SELECT 1"}},
    )
    assert client.get_job("etl", "load/orders")["currentVersion"] == str(version.uuid)
    path = client._url("/namespaces/{0}/jobs/{1}/versions", "etl", "load/orders")
    listed = client._get(path)
    assert listed["totalCount"] == number
    newest = listed["versions"][0]
    assert newest["version"] == str(version.uuid)
    assert newest["inputs"] == [{"namespace": NAMESPACE, "name": "raw"}]
    assert newest["context"] == {"sql": "SELECT 1"}
    assert client._get(f"{path}/{version.uuid}") == newest


def test_runs(client):
    create_etl(client)
    run = client.create_job_run(
        "etl",
        "load/orders",
        nominal_start_time="2026-01-01T00:00:00Z",
        nominal_end_time="2026-01-01T01:00:00Z",
        run_args={"retries": 1},
    )
    assert (run["state"], run["args"], run["startedAt"]) == ("NEW", {"retries": 1}, None)
    assert run["nominalStartTime"] == "2026-01-01T00:00:00.000000Z"
    assert client.get_job_run(run["id"]) == run
    started = client.mark_job_run_as_started(run["id"], "2999-01-01T00:00:00Z")
    assert (started["state"], started["startedAt"]) == ("RUNNING", "2999-01-01T00:00:00.000000Z")
    assert client.get_job("etl", "load/orders")["latestRun"]["state"] == "RUNNING"
    done = client.mark_job_run_as_completed(run["id"], "2999-01-01T00:00:02.5Z")
    assert (done["state"], done["durationMs"]) == ("COMPLETED", 2500)
    assert client.list_job_runs("etl", "load/orders") == {"runs": [done], "totalCount": 1}
    failed = client.create_job_run("etl", "load/orders", mark_as_running=True)
    assert failed["state"] == "RUNNING"
    assert client.mark_job_run_as_failed(failed["id"])["state"] == "FAILED"
    aborted = client.create_job_run("etl", "load/orders")
    assert client.mark_job_run_as_aborted(aborted["id"])["state"] == "ABORTED"
    listed = client.list_job_runs("etl", "load/orders", limit=2)
    assert [each["id"] for each in listed["runs"]] == [aborted["id"], failed["id"]]
    assert listed["totalCount"] == 3
    latest = client.get_job("etl", "load/orders")["latestRuns"]
    assert {each["id"] for each in latest} == {run["id"], failed["id"], aborted["id"]}


def test_a_run_that_writes_a_dataset(client):
    create_etl(client)
    run = client.create_job_run("etl", "load/orders", mark_as_running=True)
    create_table(client, fields=FIELDS, run_id=run["id"])
    done = client.mark_job_run_as_completed(run["id"])
    assert [each["datasetVersionId"]["name"] for each in done["outputDatasetVersions"]] == [TABLE]
    version = client.list_dataset_versions(NAMESPACE, TABLE)["versions"][0]
    assert version["createdByRun"]["id"] == run["id"]
    assert client.get_dataset(NAMESPACE, TABLE)["lastModifiedAt"] is not None


def test_run_facets(client):
    event = run_event(
        run="0198a3b1-7c1e-7d32-9a30-000000000001",
        at="2026-01-01T00:00:00Z",
        outputs=[dataset("t", fields=["x"])],
        run_facets={"tool": {"version": "1"}},
        job_facets={"sql": {"query": "SELECT 1"}},
    )
    record_event(event=event, sender=None)
    path = "/jobs/runs/{0}/facets"
    run_id = "0198a3b1-7c1e-7d32-9a30-000000000001"
    found = client._get(client._url(path, run_id), params={"type": "run"})
    assert found == {"runId": run_id, "facets": {"tool": {"version": "1"}}}
    found = client._get(client._url(path, run_id), params={"type": "job"})
    assert found == {"runId": run_id, "facets": {"sql": {"query": "SELECT 1"}}}
    with pytest.raises(APIError):
        client._get(client._url(path, run_id))


def test_column_lineage(client):
    record_event(
        event=run_event(
            run="0198a3b1-7c1e-7d32-9a30-000000000001",
            job="j",
            at="2026-01-01T00:00:00Z",
            inputs=[dataset("a", fields=["x"])],
            outputs=[
                dataset(
                    "b",
                    fields=["y"],
                    columns={"y": [("a", "x", "DIRECT", "IDENTITY", False)]},
                )
            ],
        ),
        sender=None,
    )
    expected = {"datasetField:db:b:y", "datasetField:db:a:x"}
    for found in (
        client.get_column_lineage_by_dataset("db", "b"),
        client.get_column_lineage_by_dataset_field("db", "b", "y", depth=5),
        client.get_column_lineage_by_job("ns", "j"),
        client.get_column_lineage_by_dataset("db", "a", with_downstream=True),
    ):
        assert {node["id"] for node in found["graph"]} == expected


def test_events(client):
    for number, kind in enumerate(["START", "COMPLETE"]):
        event = run_event(
            run="0198a3b1-7c1e-7d32-9a30-000000000001",
            kind=kind,
            at=f"2026-01-01T0{number}:00:00Z",
            outputs=[dataset("t", fields=["x"])],
        )
        record_event(event=event, sender=None)
    listed = client.list_events()
    assert [each["eventType"] for each in listed["events"]] == ["COMPLETE", "START"]
    assert (listed["events"][0], listed["totalCount"]) == (event, 2)
    assert client.list_events("lineage") == listed
    assert client.list_events("ns", limit=1)["events"] == [event]
    assert client.list_events("elsewhere") == {"events": [], "totalCount": 0}


def test_a_client_that_may_write_and_see_nothing(live_server, root):
    """What a writer may not see, it is told in its own words, whether it was there before or not."""
    blind = MarquezClient(live_server.url, api_key=make_token(make_service()))
    made = create_table(blind, fields=FIELDS, tags=["Gold"], description="Orders")
    assert (made["description"], made["tags"]) == ("Orders", ["Gold"])
    again = create_table(blind, fields=FIELDS, tags=["Gold"], description="Another")
    assert {**again, "description": "Orders"} | {
        k: made[k] for k in ("createdAt", "updatedAt")
    } == made
    with pytest.raises(APIError):
        blind.get_dataset(NAMESPACE, TABLE)
    assert blind.list_datasets(NAMESPACE) == {"datasets": [], "totalCount": 0}
    assert create_etl(blind)["latestRun"] is None
    run = blind.create_job_run("etl", "load/orders")
    assert blind.mark_job_run_as_started(run["id"])["state"] == "RUNNING"
    sees_all = MarquezClient(live_server.url, api_key=make_token(root))
    assert sees_all.get_dataset(NAMESPACE, TABLE)["description"] == "Orders"


def test_a_job_without_datasets_is_its_senders(live_server):
    mine = MarquezClient(live_server.url, api_key=make_token(make_service()))
    made = mine.create_job("etl", "ping", JobType.BATCH)
    assert mine.get_job("etl", "ping") == made
    run = mine.create_job_run("etl", "ping", run_args={"a": 1})
    assert mine.get_job_run(run["id"])["args"] == {"a": 1}
    assert [each["name"] for each in mine.list_namespaces()["namespaces"]] == ["etl"]
    other = MarquezClient(live_server.url, api_key=make_token(make_service()))
    with pytest.raises(APIError):
        other.get_job("etl", "ping")
    assert other.list_jobs("etl") == {"jobs": [], "totalCount": 0}
    assert other.list_namespaces() == {"namespaces": []}
