"""Our answers against Marquez's openapi.yml, and every real event of the corpus read back through its API."""

from pathlib import Path
from urllib.parse import quote

import pytest
from django.test import Client

from catalog.lineage.events import InvalidEventError
from catalog.models import Dataset, Job, JobVersion, Run
from catalog.services.openlineage import record_event
from tests.api.marquez.contract import Contract
from tests.catalog.test_corpus import read_events
from tests.catalog.world import dataset, run_event
from tests.factories.identity import api_client, make_user

pytestmark = pytest.mark.django_db

NS = "s3://lake"
RUN = "0198a3b1-7c1e-7d32-9a30-000000000001"
FACET = {"_producer": "https://example.org", "_schemaURL": "https://example.org/facet.json"}


@pytest.fixture(scope="session")
def contract(shared: Path) -> Contract:
    return Contract(shared)


@pytest.fixture
def client(db) -> Client:
    return api_client(make_user("root", is_superuser=True))


def get(client: Client, path: str, *names: str, **params: object):
    """The answer to a path whose `{}` are names."""
    url = "/api/v1" + path.format(*(quote(name, safe="") for name in names))
    response = client.get(url, params)
    assert response.status_code == 200, (url, response.content[:300])
    return response.json()


@pytest.fixture
def world() -> None:
    """One run of one job that reads and writes, in a job version."""
    for kind, minute in (("START", 0), ("COMPLETE", 5)):
        event = run_event(
            run=RUN,
            job="etl/daily",
            kind=kind,
            at=f"2026-01-01T00:0{minute}:00Z",
            inputs=[dataset("a/b", namespace=NS, fields=["x"])],
            outputs=[
                dataset(
                    "c/d",
                    namespace=NS,
                    fields=["y"],
                    documentation={**FACET, "description": "Days"},
                    tags={**FACET, "tags": [{"key": "gold", "value": "true"}]},
                )
            ],
            run_facets={
                "nominalTime": {**FACET, "nominalStartTime": "2026-01-01T00:00:00Z"},
            },
            job_facets={"sql": {**FACET, "query": "SELECT 1"}},
        )
        record_event(event=event, sender=None)
    record_event(
        event={
            "eventTime": "2025-12-31T00:00:00Z",
            "producer": "https://example.org",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent",
            "dataset": dataset("a/b", namespace=NS, fields=["x"]),
        },
        sender=None,
    )
    job = Job.objects.get(name="etl/daily")
    if not job.versions.exists():
        keys = {row.name: row.pk for row in Dataset.objects.all()}
        version = JobVersion.objects.create(
            job=job,
            number=1,
            fingerprint="0" * 64,
            inputs=[keys["a/b"]],
            outputs=[keys["c/d"]],
            code=job.facets,
        )
        Run.objects.filter(pk=RUN).update(version=version)


def test_datasets(world, client, contract):
    row = get(client, "/namespaces/{}/datasets/{}", NS, "c/d")
    contract.check_whole("Dataset", row)
    assert (row["description"], row["tags"], row["facets"]["documentation"]["description"]) == (
        "Days", ["gold"], "Days",
    )  # fmt: skip
    assert row["lastModifiedAt"] == "2026-01-01T00:05:00.000000Z"
    contract.check("DatasetList", get(client, "/namespaces/{}/datasets", NS))
    versions = get(client, "/namespaces/{}/datasets/{}/versions", NS, "c/d")
    contract.check("DatasetVersionList", versions)
    version = versions["versions"][0]
    contract.check_whole("DatasetVersion", version)
    contract.check_whole("Run", version["createdByRun"])
    assert row["currentVersion"] == version["version"]


def test_jobs_and_runs(world, client, contract):
    job = get(client, "/namespaces/{}/jobs/{}", "ns", "etl/daily")
    contract.check_whole("Job", job)
    contract.check("JobList", get(client, "/namespaces/{}/jobs", "ns"))
    contract.check("JobList", get(client, "/jobs"))
    versions = get(client, "/namespaces/{}/jobs/{}/versions", "ns", "etl/daily")
    contract.check("JobVersionList", versions)
    contract.check_whole("JobVersion", versions["versions"][0])
    assert job["currentVersion"] == versions["versions"][0]["version"]
    runs = get(client, "/namespaces/{}/jobs/{}/runs", "ns", "etl/daily")
    contract.check("RunList", runs)
    run = get(client, "/jobs/runs/{}", RUN)
    contract.check_whole("Run", run)
    assert runs["runs"] == [run]
    assert job["latestRun"] == run
    assert (run["durationMs"], run["nominalStartTime"]) == (300_000, "2026-01-01T00:00:00.000000Z")
    assert run["jobVersion"] == job["latestRun"]["jobVersion"] is not None
    assert [len(run[f"{side}DatasetVersions"]) for side in ("input", "output")] == [1, 1]
    for kind in ("run", "job"):
        facets = get(client, "/jobs/runs/{}/facets", RUN, type=kind)
        contract.check_whole("FacetsResult", facets)


def test_the_rest(world, client, contract):
    contract.check("NamespaceList", get(client, "/namespaces"))
    contract.check_whole("Namespace", get(client, "/namespaces/{}", NS))
    contract.check("SourceList", get(client, "/sources"))
    contract.check_whole("Source", get(client, "/sources/{}", NS))
    contract.check("TagList", get(client, "/tags"))
    contract.check_whole("LineageEventList", get(client, "/events/lineage"))
    contract.check_whole("SearchResultList", get(client, "/search", q="d"))
    searched = get(client, "/search", q="d", sort="name", limit=2)
    contract.check_whole("SearchResultList", searched)
    assert [each["nodeId"] for each in searched["results"]] == [
        f"dataset:{NS}:c/d", "job:ns:etl/daily",
    ]  # fmt: skip
    assert searched["totalCount"] == 2
    only = get(client, "/search", q="d", filter="job")
    assert [each["type"] for each in only["results"]] == ["JOB"]
    for path, size in (("/lineage", 3), ("/column-lineage", 1)):
        graph = get(client, path, nodeId=f"dataset:{NS}:c/d")
        contract.check("LineageGraph", graph)
        assert len(graph["graph"]) == size


def test_run_lineage(world, client, contract):
    second = RUN.replace("1", "2", 1)
    event = run_event(
        run=second,
        job="next",
        at="2026-01-01T01:00:00Z",
        inputs=[dataset("c/d", namespace=NS, fields=["y"])],
    )
    record_event(event=event, sender=None)
    found = get(client, "/runlineage/upstream", runId=second)
    contract.check("UpstreamRunLineage", found)
    assert [each["run"]["id"] for each in found["runs"]] == [second, RUN]
    assert [each["producedByRunId"] for each in found["runs"][0]["inputs"]] == [RUN]
    alone = get(client, "/runlineage/upstream", runId=second, depth=0)
    assert [each["run"]["id"] for each in alone["runs"]] == [second]


@pytest.mark.timeout(900)
def test_the_corpus_is_read_back(shared, client, contract):
    """Whatever real producers sent: each namespace, dataset, version, job, run and event is answered in the shape."""
    for path in sorted((shared / "corpus").rglob("*.*json")):
        for event in read_events(path):
            try:
                record_event(event=event, sender=None)
            except InvalidEventError:
                continue
    names = [each["name"] for each in get(client, "/namespaces", limit=500)["namespaces"]]
    seen = {"datasets": 0, "jobs": 0, "runs": 0}
    for namespace in names:
        contract.check_whole("Namespace", get(client, "/namespaces/{}", namespace))
        seen["datasets"] += _read_datasets(client, namespace, contract)
        jobs, runs = _read_jobs(client, namespace, contract)
        seen["jobs"] += jobs
        seen["runs"] += runs
    assert seen == {
        "datasets": Dataset.objects.live().count(),
        "jobs": Job.objects.count(),
        "runs": Run.objects.filter(observed=True).count(),
    }
    assert seen["datasets"] > 100
    contract.check("LineageEventList", get(client, "/events/lineage", limit=500))


def _read_datasets(client: Client, namespace: str, contract: Contract) -> int:
    listed = get(client, "/namespaces/{}/datasets", namespace, limit=500)
    contract.check("DatasetList", listed)
    assert listed["totalCount"] == len(listed["datasets"])
    for row in listed["datasets"]:
        assert get(client, "/namespaces/{}/datasets/{}", namespace, row["name"]) == row
        path = "/namespaces/{}/datasets/{}/versions"
        contract.check("DatasetVersionList", get(client, path, namespace, row["name"]))
    return listed["totalCount"]


def _read_jobs(client: Client, namespace: str, contract: Contract) -> tuple[int, int]:
    listed = get(client, "/namespaces/{}/jobs", namespace, limit=500)
    contract.check("JobList", listed)
    runs = 0
    for row in listed["jobs"]:
        whole = get(client, "/namespaces/{}/jobs/{}", namespace, row["name"])
        contract.check_whole("Job", whole)
        of_job = get(client, "/namespaces/{}/jobs/{}/runs", namespace, row["name"], limit=500)
        contract.check("RunList", of_job)
        runs += of_job["totalCount"]
        for run in of_job["runs"][:2]:
            assert get(client, "/jobs/runs/{}", run["id"]) == run
            get(client, "/jobs/runs/{}/facets", run["id"], type="run")
    return listed["totalCount"], runs
