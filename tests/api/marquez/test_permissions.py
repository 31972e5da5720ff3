"""Owner, team-mate, outsider: what each finds through the Marquez API, and what each may write.

All three may record lineage. The team may view the metadata of `shared`; `secret` is the owner's alone. One job
reads `secret` and writes `shared`.
"""

from urllib.parse import quote

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from catalog.models import Dataset, DataSource, Job, JobRemoval, Namespace, Run
from catalog.services.datasets import add_owner
from catalog.services.openlineage import record_event
from governance.policy.types import Action
from identity.models import User
from tests.catalog.world import dataset, run_event
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant
from tests.factories.identity import Actors, api_client, make_actors, make_user

pytestmark = pytest.mark.django_db

RUN = "0198a3b1-7c1e-7d32-9a30-000000000001"
NOWHERE = "0198a3b1-7c1e-7d32-9a30-999999999999"
TABLE = {"type": "DB_TABLE", "physicalName": "p", "sourceName": "s", "fields": []}


@pytest.fixture
def actors(db) -> Actors:
    actors = make_actors()
    permission = Permission.objects.get(codename="add_runevent")
    for user in (actors.owner, actors.team_mate, actors.outsider):
        user.user_permissions.add(permission)
    return actors


@pytest.fixture
def world(actors) -> Actors:
    event = run_event(
        run=RUN,
        job="load",
        at="2026-01-01T00:00:00Z",
        inputs=[dataset("secret", fields=["x"])],
        outputs=[
            dataset(
                "shared",
                fields=["y"],
                columns={"y": [("secret", "x", "DIRECT", "IDENTITY", False)]},
                tags={"tags": [{"key": "gold", "value": "true"}]},
            )
        ],
        run_facets={"plan": {"of": "secret"}},
        job_facets={"sql": {"query": "SELECT x FROM secret"}},
    )
    record_event(event=event, sender=None)
    for name in ("secret", "shared"):
        add_owner(Dataset.objects.get(name=name), owner=actors.owner)
    make_grant(actors.team, Dataset.objects.get(name="shared"), Action.VIEW_METADATA)
    return actors


def call(user: User, method: str, path: str, body=None, *, scopes=None, **params):
    client: Client = api_client(user, scopes=scopes) if scopes else api_client(user)
    kind = {"content_type": "application/json"} if body is not None else {}
    url = f"/api/v1{path}" + ("?" + "&".join(f"{k}={quote(v)}" for k, v in params.items()))
    data = {"data": body} if body is not None else {}
    return getattr(client, method)(url, **data, **kind)


def names(answer, member: str) -> list[str]:
    return [each["name"] for each in answer.json()[member]]


def test_lists_and_counts(world):
    expected = {
        world.owner: (["secret", "shared"], ["load"], ["db", "ns"], ["db"], ["gold"]),
        world.team_mate: (["shared"], ["load"], ["db", "ns"], ["db"], ["gold"]),
        world.outsider: ([], [], [], [], []),
    }
    for user, (datasets, jobs, namespaces, sources, tags) in expected.items():
        listed = call(user, "get", "/namespaces/db/datasets")
        assert (names(listed, "datasets"), listed.json()["totalCount"]) == (datasets, len(datasets))
        listed = call(user, "get", "/namespaces/ns/jobs")
        assert (names(listed, "jobs"), listed.json()["totalCount"]) == (jobs, len(jobs))
        assert listed.json() == call(user, "get", "/jobs").json()
        assert names(call(user, "get", "/namespaces"), "namespaces") == namespaces
        assert names(call(user, "get", "/sources"), "sources") == sources
        assert names(call(user, "get", "/tags"), "tags") == tags
        searched = call(user, "get", "/search", q="s", filter="dataset").json()
        assert [each["name"] for each in searched["results"]] == datasets
        assert searched["totalCount"] == len(datasets)
        for asset, count in (("datasets", len(datasets)), ("jobs", len(jobs))):
            stats = call(user, "get", f"/stats/{asset}", period="WEEK").json()
            assert (len(stats), stats[-1]["count"]) == (7, count)


HIDDEN = [
    ("/namespaces/db", "/namespaces/nowhere"),
    ("/sources/db", "/sources/nowhere"),
    ("/namespaces/db/datasets/secret", "/namespaces/db/datasets/nothing"),
    ("/namespaces/db/datasets/secret/versions", "/namespaces/db/datasets/nothing/versions"),
    (
        f"/namespaces/db/datasets/secret/versions/{RUN}",
        f"/namespaces/db/datasets/nothing/versions/{RUN}",
    ),
    ("/namespaces/ns/jobs/load", "/namespaces/ns/jobs/nothing"),
    ("/namespaces/ns/jobs/load/versions", "/namespaces/ns/jobs/nothing/versions"),
    ("/namespaces/ns/jobs/load/runs", "/namespaces/ns/jobs/nothing/runs"),
    (f"/jobs/runs/{RUN}", f"/jobs/runs/{NOWHERE}"),
    (f"/jobs/runs/{RUN}/facets?type=run", f"/jobs/runs/{NOWHERE}/facets?type=run"),
    (f"/runlineage/upstream?runId={RUN}", f"/runlineage/upstream?runId={NOWHERE}"),
]


@pytest.mark.parametrize(("hidden", "missing"), HIDDEN)
def test_hidden_and_missing_are_one(world, hidden, missing):
    client = api_client(world.outsider)
    there, not_there = client.get(f"/api/v1{hidden}"), client.get(f"/api/v1{missing}")
    assert (there.status_code, there.json()) == (404, not_there.json())
    assert there["Content-Type"] == "application/problem+json"
    assert there.json()["message"] == there.json()["detail"]
    # The owner sees each of them, but there is no version of that id.
    if "versions/" not in hidden:
        assert api_client(world.owner).get(f"/api/v1{hidden}").status_code == 200


def test_what_hangs_on_hidden_datasets_is_left_out(world):
    job = call(world.team_mate, "get", "/namespaces/ns/jobs/load").json()
    assert (job["inputs"], job["outputs"]) == ([], [{"namespace": "db", "name": "shared"}])
    assert (job["facets"], job["context"]) == ({}, {})
    run = call(world.team_mate, "get", f"/jobs/runs/{RUN}").json()
    assert (run["facets"], run["inputDatasetVersions"]) == ({}, [])
    for kind in ("run", "job"):
        facets = call(world.team_mate, "get", f"/jobs/runs/{RUN}/facets", type=kind).json()
        assert facets["facets"] == {}
    row = call(world.team_mate, "get", "/namespaces/db/datasets/shared").json()
    assert "columnLineage" not in row["facets"]
    whole = call(world.owner, "get", "/namespaces/ns/jobs/load").json()
    assert whole["context"] == {"sql": "SELECT x FROM secret"}
    assert [each["name"] for each in whole["inputs"]] == ["secret"]
    whole = call(world.owner, "get", f"/jobs/runs/{RUN}").json()
    assert whole["facets"] == {"plan": {"of": "secret"}}


def test_who_may_discover_alone_finds_no_metadata(world):
    make_grant(world.outsider, Dataset.objects.get(name="secret"), Action.DISCOVER)
    row = call(world.outsider, "get", "/namespaces/db/datasets/secret").json()
    assert (row["fields"], row["facets"], row["currentVersion"]) == ([], {}, None)
    assert call(world.outsider, "get", "/namespaces/db/datasets/secret/versions").status_code == 403
    run = call(world.outsider, "get", f"/jobs/runs/{RUN}").json()
    assert (run["facets"], run["inputDatasetVersions"], run["outputDatasetVersions"]) == (
        {},
        [],
        [],
    )


def test_raw_events(world):
    """Whole events are for who may view all that their run used; column lineage names no dataset beyond those."""
    found = call(world.owner, "get", "/events/lineage").json()
    assert found["totalCount"] == 1
    assert found["events"][0]["run"]["facets"] == {"plan": {"of": "secret"}}
    for user in (world.team_mate, world.outsider):
        assert call(user, "get", "/events/lineage").json() == {"events": [], "totalCount": 0}
        stats = call(user, "get", "/stats/lineage-events", period="DAY").json()
        assert {each["complete"] for each in stats} == {0}
    foreign = run_event(
        run=RUN.replace("1", "2", 1),
        job="derive",
        at="2026-01-02T00:00:00Z",
        outputs=[
            dataset("shared", columns={"y": [("elsewhere", "x", "DIRECT", "IDENTITY", False)]})
        ],
    )
    record_event(event=foreign, sender=None)
    [event] = call(world.team_mate, "get", "/events/lineage").json()["events"]
    assert event["outputs"][0]["facets"]["columnLineage"]["fields"]["y"]["inputFields"] == []
    [whole] = call(make_user(is_superuser=True), "get", "/events/lineage", limit="1").json()[
        "events"
    ]
    assert whole == foreign


def test_events_by_time(world):
    later = run_event(run=RUN, job="load", kind="RUNNING", at="2026-01-03T00:00:00Z")
    record_event(event=later, sender=None)

    def kinds(**params):
        found = call(world.owner, "get", "/events/lineage", **params).json()
        return [each["eventType"] for each in found["events"]], found["totalCount"]

    assert kinds() == (["RUNNING", "COMPLETE"], 2)
    assert kinds(sort="asc") == (["COMPLETE", "RUNNING"], 2)
    assert kinds(sortDirection="asc", limit="1", offset="1") == (["RUNNING"], 2)
    assert kinds(before="2026-01-03T00:00:00Z") == (["COMPLETE"], 1)
    assert kinds(after="2026-01-03T00:00:00Z") == (["RUNNING"], 1)
    for wrong in ({"sort": "up"}, {"before": "yesterday"}, {"limit": "0"}, {"limit": "501"}):
        assert call(world.owner, "get", "/events/lineage", **wrong).status_code == 400


def test_only_senders_write(world):
    """Nothing of another person's is there to be found: who may not send is refused before any name is looked at."""
    reader = make_user()
    for path, body in (
        ("/namespaces/n", {"ownerName": "o"}),
        ("/sources/s", {"type": "T", "connectionUrl": "t://h"}),
        ("/namespaces/db/datasets/secret", TABLE),
        ("/namespaces/ns/jobs/load", {"type": "BATCH"}),
        ("/tags/t", {}),
    ):
        assert call(reader, "put", path, body).status_code == 403
        assert call(world.owner, "put", path, body, scopes=["read", "write"]).status_code == 403
    for path in ("/namespaces/ns/jobs/load/runs", f"/jobs/runs/{RUN}/start"):
        assert call(reader, "post", path, {}).status_code == 403


def test_descriptions_and_tags_need_manage(world):
    """A client that says the same again is welcome; who changes a word must manage the dataset."""
    path = "/namespaces/db/datasets/shared"
    described = {**TABLE, "description": "Shared"}
    assert call(world.owner, "put", path, described).json()["description"] == "Shared"
    assert call(world.team_mate, "put", path, described).status_code == 200
    for change in ({"description": "Mine"}, {"tags": ["mine"]},
                   {"fields": [{"name": "y", "tags": ["mine"]}]}):  # fmt: skip
        answer = call(world.team_mate, "put", path, {**TABLE, **change})
        assert (answer.status_code, answer.json()["code"]) == (403, "permission-denied")
    row = Dataset.objects.get(name="shared")
    assert (row.description, row.dataset_tags.count()) == ("Shared", 1)
    # To whom it is hidden it is as if it were not there: their words come back, and change nothing.
    blind = call(world.outsider, "put", path, {**TABLE, "description": "Mine", "tags": ["mine"]})
    new = call(world.outsider, "put", "/namespaces/db/datasets/new",
               {**TABLE, "description": "Mine", "tags": ["mine"]})  # fmt: skip
    assert blind.status_code == new.status_code == 200
    differing = {key for key in new.json() if blind.json()[key] != new.json()[key]}
    assert differing <= {"id", "name", "createdAt", "updatedAt"}
    row.refresh_from_db()
    assert (row.description, row.dataset_tags.count()) == ("Shared", 1)


def test_tagging_needs_manage(world):
    for path in ("/namespaces/db/datasets/shared/tags/PII",
                 "/namespaces/db/datasets/shared/fields/y/tags/PII"):  # fmt: skip
        assert call(world.outsider, "post", path).status_code == 404
        assert call(world.team_mate, "post", path).status_code == 403
        assert call(world.owner, "post", path, scopes=["read", "lineage"]).status_code == 403
        assert call(world.owner, "post", path).status_code == 200
        assert call(world.team_mate, "delete", path).status_code == 403
        answer = call(world.owner, "delete", path).json()
        assert (answer["tags"], answer["fields"][0]["tags"]) == (["gold"], [])
    missing = call(world.owner, "post", "/namespaces/db/datasets/shared/fields/no/tags/PII")
    assert missing.status_code == 404


def test_deleting_a_dataset(world):
    path = "/namespaces/db/datasets/shared"
    assert call(world.outsider, "delete", path).status_code == 404
    assert call(world.team_mate, "delete", path).status_code == 403
    administrator = make_user(is_superuser=True)
    assert call(administrator, "delete", path).json()["deleted"] is True
    assert call(administrator, "get", path).status_code == 404
    assert Dataset.objects.get(name="shared").deleted_at is not None
    # The next event brings it back.
    assert call(administrator, "put", path, TABLE).json()["deleted"] is False


def test_deleting_a_job(world):
    path = "/namespaces/ns/jobs/load"
    assert call(world.outsider, "delete", path).status_code == 404
    assert call(world.team_mate, "delete", path).status_code == 403
    assert call(world.owner, "delete", path).status_code == 200
    assert call(world.owner, "get", path).status_code == 404
    assert call(world.owner, "get", "/namespaces/ns/jobs").json() == {"jobs": [], "totalCount": 0}
    # Labels travel along its edges: they stay.
    assert Job.objects.get(name="load").dataset_edges.filter(valid_to=None).count() == 2
    # All of a test is one transaction, whose clock stands still: the event of the run is older than the deletion.
    JobRemoval.objects.update(removed_at="2020-01-01T00:00:00Z")
    assert call(world.owner, "get", path).status_code == 200


def test_deleting_a_namespace(world):
    """It takes all that the caller sees, which must be theirs, and leaves what they do not see."""
    other = make_dataset("of-somebody-else", namespace="db")
    assert call(world.outsider, "delete", "/namespaces/db").status_code == 404
    assert call(world.team_mate, "delete", "/namespaces/db").status_code == 403
    call(world.owner, "put", "/namespaces/db", {"ownerName": "us"})
    assert call(world.owner, "delete", "/namespaces/db").json()["ownerName"] == "us"
    assert call(world.owner, "get", "/namespaces/db").status_code == 404
    assert list(Dataset.objects.live()) == [other]
    assert Namespace.objects.get(name="db").hidden is True
    left = call(make_user(is_superuser=True), "get", "/namespaces/db").json()
    assert left["ownerName"] == "anonymous"


def test_deleting_a_namespace_of_jobs(world):
    assert call(world.team_mate, "delete", "/namespaces/ns").status_code == 403
    assert call(world.owner, "delete", "/namespaces/ns").status_code == 200
    assert call(world.owner, "get", "/namespaces/ns/jobs/load").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        ("/namespaces/n", {"ownerName": "us", "description": "d"}, {"ownerName": "them"}),
        (
            "/sources/s",
            {"type": "PG", "connectionUrl": "pg://h/d"},
            {"connectionUrl": "pg://other"},
        ),
    ],
)
def test_what_one_declared_another_does_not_change(world, path, body, change):
    made = call(world.owner, "put", path, body)
    assert made.status_code == 200
    # Hidden from others until something in sight hangs on it.
    assert call(world.outsider, "get", path).status_code == 404
    blind = call(world.outsider, "put", path, {**body, **change})
    assert (blind.status_code, blind.json().items() >= change.items()) == (200, True)
    assert call(world.owner, "get", path).json() == made.json()
    _show(world)
    assert call(world.team_mate, "get", path).json() == made.json()
    assert call(world.team_mate, "put", path, {**body, **change}).status_code == 403
    assert call(world.team_mate, "put", path, body).json() == made.json()
    assert call(world.owner, "put", path, {**body, **change}).json().items() >= change.items()


def _show(world: Actors) -> None:
    """Put what the team may view into the namespace and the source."""
    row = make_dataset("t", namespace="n")
    make_grant(world.team, row, Action.VIEW_METADATA)
    for source in DataSource.objects.filter(name="s"):
        source.datasets.add(row)


def test_runs_are_moved_by_who_sees_or_sends_them(world):
    assert call(world.outsider, "post", f"/jobs/runs/{RUN}/fail").status_code == 404
    assert Run.objects.get(pk=RUN).state == "COMPLETED"
    assert call(world.team_mate, "post", f"/jobs/runs/{RUN}/fail").json()["state"] == "FAILED"
    mine = call(world.outsider, "post", "/namespaces/ns/jobs/load/runs", {}).json()
    assert (mine["state"], Run.objects.get(pk=mine["id"]).job.name) == ("NEW", "load")
    moved = call(world.outsider, "post", f"/jobs/runs/{mine['id']}/start",
                 scopes=["lineage"])  # fmt: skip
    assert (moved.status_code, moved.json()["state"]) == (200, "RUNNING")
    other = call(world.outsider, "post", "/namespaces/ns/jobs/other/runs", {"id": RUN})
    assert other.status_code == 409


def test_a_vocabulary_shows_by_its_use(world):
    told = call(world.outsider, "put", "/tags/GOLD", {"description": "x"}).json()
    new = call(world.outsider, "put", "/tags/new", {"description": "x"}).json()
    assert (told, new) == (
        {"name": "gold", "description": "x"}, {"name": "new", "description": "x"},
    )  # fmt: skip
    assert names(call(world.outsider, "get", "/tags"), "tags") == []
    [gold] = call(world.owner, "get", "/tags").json()["tags"]
    assert gold == {"name": "gold", "description": None}
