"""What the lineage endpoints answer beyond Marquez: filters, time, formats, budget, impact, paths, and the command line."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Dataset, DatasetEdge, DatasetTag, Field, FieldEdge, FieldTag, Job, Run
from catalog.services.datasets import add_owner
from core.clock import utc_now
from tests.factories.catalog import make_dataset, make_job, make_tag
from tests.factories.governance import make_policy
from tests.factories.identity import api_client, make_actors, make_group, make_user

# Not inside a transaction, as in a web server: what may be seen is kept as sets only there.
pytestmark = pytest.mark.django_db(transaction=True)

LINEAGE, COLUMNS = "/api/v1/lineage", "/api/v1/column-lineage"
IMPACT, PATH = "/api/v1/catalog/lineage/impact", "/api/v1/catalog/lineage/path"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def flow(job: str, *, reads=(), writes=(), since=BEGIN, until=None) -> Job:
    """A job with edges to datasets by name, which are made if they are not there."""
    row, _ = Job.objects.get_or_create(namespace="ns", name=job)
    for direction, names in (("input", reads), ("output", writes)):
        for name in names:
            dataset, _ = Dataset.objects.get_or_create(namespace="db", name=name)
            DatasetEdge.objects.create(
                dataset=dataset, job=row, direction=direction, valid_from=since, valid_to=until
            )
    return row


def derive(source: str, target: str, *, job: Job | None = None, type_: str = "DIRECT") -> None:
    """`dataset.field` from `dataset.field`."""
    ends = []
    for name in (source, target):
        dataset, field = name.split(".")
        row, _ = Dataset.objects.get_or_create(namespace="db", name=dataset)
        ends.append(Field.objects.get_or_create(dataset=row, name=field)[0])
    FieldEdge.objects.create(source=ends[0], target=ends[1], job=job, type=type_, valid_from=BEGIN)


@pytest.fixture
def admin():
    return api_client(make_user(is_superuser=True))


@pytest.fixture
def chain():
    """a → j1 → b → j2 → c → j3 → d."""
    for number, (source, target) in enumerate([("a", "b"), ("b", "c"), ("c", "d")], start=1):
        flow(f"j{number}", reads=[source], writes=[target])


def get(client, url=LINEAGE, **params):
    response = client.get(url, params)
    assert response.status_code == 200, response.content
    return response.json()


def distances(body) -> dict[str, int]:
    return {
        node["id"].removeprefix("dataset:db:").removeprefix("job:ns:"): node["distance"]
        for node in body["graph"]
    }


def edges(body) -> set[tuple[str, str]]:
    return {
        (edge["origin"].rpartition(":")[2], edge["destination"].rpartition(":")[2])
        for node in body["graph"]
        for edge in node["outEdges"]
    }


def test_depth_unlimited_and_budget(chain, admin) -> None:
    body = get(admin, nodeId="dataset:db:a", depth="unlimited", direction="downstream")
    assert distances(body) == {"a": 0, "j1": 1, "b": 2, "j2": 3, "c": 4, "j3": 5, "d": 6}
    assert (body["cut"], body["continueFrom"], body["budget"]) == (False, [], 5000)
    body = get(admin, nodeId="dataset:db:a", direction="downstream", budget=4)
    assert distances(body) == {"a": 0, "j1": 1, "b": 2, "j2": 3}
    assert (body["cut"], body["continueFrom"]) == (True, ["job:ns:j2"])
    rest = get(admin, nodeId="job:ns:j2", direction="downstream", depth="unlimited")
    assert distances(rest) == {"j2": 0, "c": 1, "j3": 2, "d": 3}


def test_a_job_says_what_it_reads_and_writes_as_marquez_does(chain, admin) -> None:
    node = next(n for n in get(admin, nodeId="job:ns:j2", depth=0)["graph"] if n["type"] == "JOB")
    assert node["data"]["inputs"] == [{"namespace": "db", "name": "b"}]
    assert node["data"]["outputs"] == [{"namespace": "db", "name": "c"}]
    assert node["data"]["latestRun"] is None


def test_a_dataset_shows_its_fields_with_their_tags(admin) -> None:
    make_dataset(
        'we"ird',
        namespace="db",
        fields=[("x", "decimal(1,2)", ["pii.email", "gold"]), 'q"uo\\te'],
        tags=["raw"],
    )
    (node,) = get(admin, nodeId='dataset:db:we"ird')["graph"]
    assert node["data"]["tags"] == ["raw"]
    assert node["data"]["fields"] == [
        {"name": "x", "type": "decimal(1,2)", "description": None, "tags": ["gold", "pii.email"]},
        {"name": 'q"uo\\te', "type": "string", "description": None, "tags": []},
    ]


def test_collapsed_jobs(chain, admin) -> None:
    flow("j4", reads=["a"], writes=["b"])
    body = get(admin, nodeId="dataset:db:b", depth=1, collapse="jobs")
    assert distances(body) == {"b": 0, "a": 2, "c": 2}
    assert edges(body) == {("a", "b"), ("b", "c")}
    node = next(n for n in body["graph"] if n["id"] == "dataset:db:b")
    assert node["inEdges"] == [
        {
            "origin": "dataset:db:a",
            "destination": "dataset:db:b",
            "jobs": ["job:ns:j1", "job:ns:j4"],
        }
    ]


def test_filters_choose_what_is_shown_and_the_walk_goes_through_the_rest(chain, admin) -> None:
    gold = make_tag("gold")
    DatasetTag.objects.create(dataset=Dataset.objects.get(name="c"), tag=gold)
    FieldTag.objects.create(
        field=Field.objects.create(dataset=Dataset.objects.get(name="d"), name="x"), tag=gold
    )
    Dataset.objects.filter(name="b").update(namespace="lake")
    body = get(admin, nodeId="dataset:db:a", direction="downstream", tag="gold")
    assert distances(body) == {"a": 0, "j1": 1, "j2": 3, "c": 4, "j3": 5, "d": 6}
    body = get(admin, nodeId="dataset:db:a", direction="downstream", namespace="lake")
    assert distances(body) == {"a": 0, "j1": 1, "dataset:lake:b": 2, "j2": 3}


def test_a_tag_that_the_caller_may_not_view_filters_nothing_in(chain) -> None:
    """Who may discover a dataset, but not view its metadata, must not find out its tags by asking for them."""
    user = make_user()
    make_policy({"name": "all-names", "applies_to": {"name": "*"}, "effect": {"allow": "discover"}})
    DatasetTag.objects.create(dataset=Dataset.objects.get(name="c"), tag=make_tag("gold"))
    Field.objects.create(dataset=Dataset.objects.get(name="c"), name="x")
    client = api_client(user)
    assert set(distances(get(client, nodeId="dataset:db:a"))) == {
        "a", "b", "c", "d", "j1", "j2", "j3",
    }  # fmt: skip
    assert distances(get(client, nodeId="dataset:db:a", tag="gold")) == {"a": 0, "j1": 1}
    assert client.get(LINEAGE, {"nodeId": "datasetField:db:c:x"}).status_code == 404


def test_as_of(admin) -> None:
    flow("old", reads=["a"], writes=["b"], since=BEGIN, until=BEGIN + timedelta(days=2))
    flow("new", reads=["a"], writes=["c"], since=BEGIN + timedelta(days=1))
    ask = {"nodeId": "dataset:db:a"}
    assert set(distances(get(admin, **ask))) == {"a", "new", "c"}
    expected = ({"a", "old", "b"}, {"a", "old", "b", "new", "c"}, {"a", "new", "c"})
    for day, wanted in enumerate(expected):
        at = (BEGIN + timedelta(days=day)).isoformat()
        assert set(distances(get(admin, **ask, asOf=at))) == wanted
    assert set(distances(get(admin, **ask, asOf="2025-12-31T23:59:59Z"))) == {"a"}
    # A job that uses nothing any more is found at the time when it did.
    assert admin.get(LINEAGE, {"nodeId": "job:ns:old"}).status_code == 404
    then = get(admin, nodeId="job:ns:old", asOf=BEGIN.isoformat(), depth=0)
    assert set(distances(then)) == {"old", "a", "b"}


def test_as_of_for_columns(admin) -> None:
    derive("a.x", "b.x")
    edge = FieldEdge.objects.get()
    edge.valid_to = BEGIN + timedelta(days=1)
    edge.save()
    ask = {"nodeId": "datasetField:db:b:x"}
    assert len(get(admin, COLUMNS, **ask)["graph"]) == 1
    body = get(admin, COLUMNS, **ask, asOf=BEGIN.isoformat())
    assert [node["id"] for node in body["graph"]] == ["datasetField:db:b:x", "datasetField:db:a:x"]


def test_the_past_is_walked_like_the_present(chain, admin) -> None:
    """The tables and the graph in memory give the same answer."""
    flow("side", reads=["x", "b"], writes=["y"])
    now = utc_now().isoformat()
    for node in ("dataset:db:a", "dataset:db:b", "job:ns:j2"):
        for direction in ("upstream", "downstream", "both"):
            for depth in (0, 1, 2, "unlimited"):
                ask = {"nodeId": node, "direction": direction, "depth": depth}
                live, past = get(admin, **ask), get(admin, **ask, asOf=now)
                assert distances(live) == distances(past)
                assert edges(live) == edges(past)


def test_columns_in_every_direction(admin) -> None:
    derive("a.x", "b.x")
    derive("b.x", "c.x")
    derive("a.x", "other.x")

    def found(**params) -> set[str]:
        body = get(admin, COLUMNS, nodeId="datasetField:db:b:x", **params)
        return {node["data"]["dataset"] for node in body["graph"]}

    assert found() == {"b", "a"}
    assert found(direction="downstream") == {"b", "c"}
    assert found(direction="both") == found(withDownstream="true") == {"a", "b", "c"}
    assert found(direction="both", depth=0) == {"b"}
    same = get(admin, nodeId="dataset:db:b", level="column", direction="upstream")
    assert {node["data"]["dataset"] for node in same["graph"]} == {"a", "b"}


def test_a_field_is_joined_once_with_all_its_transformations(admin) -> None:
    job = make_job("j", namespace="ns")
    derive("a.x", "b.x", job=job)
    derive("a.x", "b.x", job=job, type_="INDIRECT")
    node = get(admin, COLUMNS, nodeId="datasetField:db:b:x")["graph"][0]
    assert len(node["inEdges"]) == 1
    (source,) = node["data"]["inputFields"]
    assert [each["type"] for each in source["transformations"]] == ["DIRECT", "INDIRECT"]


def test_formats(chain, admin) -> None:
    ask = {"nodeId": "dataset:db:a", "depth": 1, "direction": "downstream"}
    mermaid = admin.get(LINEAGE, {**ask, "format": "mermaid"})
    assert mermaid["Content-Type"] == "text/vnd.mermaid; charset=utf-8"
    assert mermaid.content.decode() == (
        'flowchart LR\n  n0[("db#58;a")]\n  n1(["ns#58;j1"])\n  n2[("db#58;b")]\n  n0 --> n1\n  n1 --> n2\n'
    )
    dot = admin.get(LINEAGE, {**ask, "format": "dot", "budget": 2})
    assert dot["Content-Type"] == "text/vnd.graphviz; charset=utf-8"
    assert dot["X-Lakewarden-Cut"] == "true"
    assert dot.content.decode().count("->") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("depth", "all"), ("depth", "1001"), ("budget", "0"), ("budget", "20001"), ("level", "row"),
     ("collapse", "datasets"), ("format", "svg"), ("asOf", "yesterday"), ("asOf", "2999-01-01T00:00:00Z"),
     ("namespace", ""), ("direction", "sideways")],
)  # fmt: skip
def test_what_cannot_be_asked(chain, admin, name, value) -> None:
    response = admin.get(LINEAGE, {"nodeId": "dataset:db:a", name: value})
    assert response.status_code == 400
    assert f"`{name}`" in response.json()["detail"]


def test_impact(chain, admin) -> None:
    add_owner(Dataset.objects.get(name="b"), owner=make_user("ada"))
    make_dataset("model", namespace="db", kind="model")
    flow("train", reads=["c"], writes=["model"])
    job = Job.objects.get(name="j2")
    Job.objects.filter(pk=job.pk).update(
        facets={"ownership": {"owners": [{"name": "team:etl", "type": "MAINTAINER"}]}}
    )
    last = utc_now() - timedelta(hours=1)
    for days in range(3):
        Run.objects.create(
            uuid=f"0190f5a0-0000-7000-8000-00000000000{days}",
            job=job,
            state="COMPLETED",
            started_at=last - timedelta(days=days),
            ended_at=last - timedelta(days=days) + timedelta(seconds=5),
        )
    body = get(admin, IMPACT, nodeId="dataset:db:a", depth="unlimited")
    assert [(each["name"], each["distance"]) for each in body["datasets"]] == [
        ("b", 2), ("c", 4), ("d", 6),
    ]  # fmt: skip
    assert [each["name"] for each in body["models"]] == ["model"]
    assert body["datasets"][0]["owners"] == [{"type": "user", "name": "ada"}]
    jobs = {each["name"]: each for each in body["jobs"]}
    assert list(jobs) == ["j1", "j2", "j3", "train"]
    assert jobs["j2"]["owners"] == [{"type": "MAINTAINER", "name": "team:etl"}]
    assert jobs["j2"]["latestRun"]["durationMs"] == 5000
    expected = jobs["j2"]["nextRun"]
    assert (expected["basis"], expected["intervalSeconds"], expected["overdue"]) == (
        "runs", 86400.0, False,
    )  # fmt: skip
    assert datetime.fromisoformat(expected["at"]) == last + timedelta(days=1)
    assert jobs["j3"]["nextRun"] is None
    assert body["cut"] is False


def test_paths(chain, admin) -> None:
    flow("short", reads=["a"], writes=["c"])
    body = get(admin, PATH, **{"from": "dataset:db:a", "to": "dataset:db:d"})
    assert body["length"] == 4
    assert body["paths"] == [
        ["dataset:db:a", "job:ns:short", "dataset:db:c", "job:ns:j3", "dataset:db:d"]
    ]
    assert edges(body) == {("a", "short"), ("short", "c"), ("c", "j3"), ("j3", "d")}
    flow("other", reads=["a"], writes=["c"])
    assert len(get(admin, PATH, **{"from": "dataset:db:a", "to": "dataset:db:d"})["paths"]) == 2
    back = {"from": "dataset:db:d", "to": "dataset:db:a"}
    assert get(admin, PATH, **back) == {"length": None, "paths": [], "graph": [], "cut": False}
    assert get(admin, PATH, **back, direction="upstream")["length"] == 4
    here = get(admin, PATH, **{"from": "dataset:db:a", "to": "dataset:db:a"})
    assert (here["length"], here["paths"]) == (0, [["dataset:db:a"]])


def test_paths_of_fields(admin) -> None:
    derive("a.x", "b.x")
    derive("b.x", "c.x")
    body = get(admin, PATH, **{"from": "datasetField:db:a:x", "to": "datasetField:db:c:x"})
    assert body["paths"] == [[f"datasetField:db:{name}:x" for name in "abc"]]


def test_nobody_is_led_through_what_is_hidden(chain) -> None:
    """The owner of a, c and d; a team-mate, who sees c; an outsider."""
    actors = make_actors()
    for name in "acd":
        add_owner(Dataset.objects.get(name=name), owner=actors.owner)
    add_owner(Dataset.objects.get(name="c"), owner=actors.team)
    owner, mate, outsider = map(api_client, (actors.owner, actors.team_mate, actors.outsider))
    ends = {"from": "dataset:db:a", "to": "dataset:db:d"}
    assert get(owner, PATH, **ends)["length"] is None
    assert get(owner, PATH, **{**ends, "from": "dataset:db:c"})["length"] == 2
    impact = get(owner, IMPACT, nodeId="dataset:db:a")
    assert (impact["datasets"], [each["name"] for each in impact["jobs"]]) == ([], ["j1"])
    assert [each["name"] for each in get(owner, IMPACT, nodeId="dataset:db:c")["datasets"]] == ["d"]
    assert [each["name"] for each in get(mate, IMPACT, nodeId="dataset:db:c")["jobs"]] == ["j3"]
    assert get(mate, IMPACT, nodeId="dataset:db:c")["datasets"] == []
    for client, known in ((mate, "c"), (outsider, None)):
        for name in "abcd":
            wanted = 200 if name == known else 404
            assert client.get(IMPACT, {"nodeId": f"dataset:db:{name}"}).status_code == wanted
        missing = client.get(PATH, {**ends, "from": "dataset:db:nowhere"})
        hidden = client.get(PATH, ends)
        assert (hidden.status_code, hidden.json()) == (404, missing.json())
    at = get(owner, nodeId="dataset:db:a", asOf=utc_now().isoformat())
    assert set(distances(at)) == {"a", "j1"}


TRACE_B = {
    "name": "shape",
    "applies_to": {"name": ["b", "secret"]},
    "subjects": {"groups": ["lab"]},
    "effect": {"allow": "trace"},
}


@pytest.fixture
def lab(chain):
    """A member of the group `lab` who sees a and d; b and c lie between, and one more hangs on b."""
    flow("leak", reads=["b"], writes=["secret"])
    user = make_user(groups=[make_group("lab")])
    for name in "ad":
        add_owner(Dataset.objects.get(name=name), owner=user)
    return api_client(user)


def test_hidden_nodes_are_left_out_where_no_policy_shows_them(lab) -> None:
    assert set(distances(get(lab, nodeId="dataset:db:a", depth="unlimited"))) == {"a", "j1"}
    assert get(lab, PATH, **{"from": "dataset:db:a", "to": "dataset:db:d"})["length"] is None


def test_a_policy_lets_the_shape_be_known_and_nothing_else(lab) -> None:
    make_policy({**TRACE_B, "applies_to": {"namespace": "db"}})
    response = lab.get(LINEAGE, {"nodeId": "dataset:db:a", "depth": "unlimited"})
    body = response.json()
    assert distances(body) == {
        "a": 0, "j1": 1, "hidden:1": 2, "hidden:2": 3, "hidden:3": 4, "j3": 5, "d": 6,
    }  # fmt: skip
    assert edges(body) == {
        ("a", "j1"),
        ("j1", "1"),
        ("1", "2"),
        ("2", "3"),
        ("3", "j3"),
        ("j3", "d"),
    }
    for node in body["graph"]:
        if node["id"].startswith("hidden:"):
            assert node["data"] == {"anonymous": True}
    text = response.content.decode()
    assert not [name for name in ("j2", "leak", "secret", "db:b", "db:c") if name in text]
    job = next(node for node in body["graph"] if node["id"] == "job:ns:j1")
    assert (job["data"]["inputs"], job["data"]["outputs"]) == (
        [{"namespace": "db", "name": "a"}], [],
    )  # fmt: skip
    assert (
        'n2[("hidden")]'
        in lab.get(LINEAGE, {"nodeId": "dataset:db:a", "format": "mermaid"}).content.decode()
    )
    past = get(lab, nodeId="dataset:db:a", depth="unlimited", asOf=utc_now().isoformat())
    assert distances(past) == distances(body)


def test_the_shape_ends_where_the_policy_ends(lab) -> None:
    """c is neither visible nor traceable: nothing behind it, and no dead end."""
    make_policy(TRACE_B)
    assert set(distances(get(lab, nodeId="dataset:db:a", depth="unlimited"))) == {"a", "j1"}


def test_what_the_labels_of_fields_open_and_close(lab) -> None:
    """Labels are asked of the database, for the datasets that a walk meets."""
    for name, tag in (("b", "open"), ("c", "shut")):
        field = Field.objects.create(dataset=Dataset.objects.get(name=name), name="x")
        FieldTag.objects.create(field=field, tag=make_tag(tag))
    make_policy(
        {
            "name": "opened",
            "applies_to": {"field_tags": ["open"]},
            "subjects": {"groups": ["lab"]},
            "effect": {"allow": "discover"},
        }
    )
    shown = get(lab, nodeId="dataset:db:a", depth="unlimited")
    assert set(distances(shown)) == {"a", "j1", "b", "j2", "leak"}
    FieldTag.objects.filter(tag__name="open").delete()
    assert set(distances(get(lab, nodeId="dataset:db:a", depth="unlimited"))) == {"a", "j1"}


def test_a_denial_of_trace_hides_even_the_shape(lab) -> None:
    make_policy({**TRACE_B, "applies_to": {"namespace": "db"}})
    make_policy({"name": "not-c", "applies_to": {"name": "c"}, "effect": {"deny": "trace"}})
    assert set(distances(get(lab, nodeId="dataset:db:a", depth="unlimited"))) == {"a", "j1"}


def test_paths_and_impact_lead_through_what_may_be_traced(lab) -> None:
    make_policy({**TRACE_B, "applies_to": {"namespace": "db"}})
    body = get(lab, PATH, **{"from": "dataset:db:a", "to": "dataset:db:d"})
    assert body["paths"] == [
        [
            "dataset:db:a",
            "job:ns:j1",
            "hidden:1",
            "hidden:2",
            "hidden:3",
            "job:ns:j3",
            "dataset:db:d",
        ]
    ]
    impact = get(lab, IMPACT, nodeId="dataset:db:a", depth="unlimited")
    assert [each["name"] for each in impact["datasets"]] == ["d"]
    assert [each["name"] for each in impact["jobs"]] == ["j1", "j3"]
    assert impact["hidden"] == 3
    collapsed = get(lab, nodeId="dataset:db:a", depth="unlimited", collapse="jobs")
    assert edges(collapsed) == {("a", "1"), ("1", "2"), ("2", "d")}
    assert [e["jobs"] for n in collapsed["graph"] for e in n["inEdges"]] == [
        ["job:ns:j1"], ["hidden"], ["job:ns:j3"],
    ]  # fmt: skip


def test_a_filter_shows_no_anonymous_nodes(lab) -> None:
    make_policy({**TRACE_B, "applies_to": {"namespace": "db"}})
    body = get(lab, nodeId="dataset:db:a", depth="unlimited", namespace="db")
    assert set(distances(body)) == {"a", "j1", "j3", "d"}


def test_what_may_be_traced_may_not_be_asked_about(lab) -> None:
    make_policy({**TRACE_B, "applies_to": {"namespace": "db"}})
    missing = lab.get(LINEAGE, {"nodeId": "dataset:db:nowhere"})
    for node in ("dataset:db:b", "job:ns:j2"):
        response = lab.get(LINEAGE, {"nodeId": node})
        assert (response.status_code, response.json()) == (404, missing.json())


def test_a_cut_tells_nothing_of_what_is_hidden(chain) -> None:
    """The owner of `a` alone: what the budget leaves out is hidden, so nothing is cut."""
    actors = make_actors()
    add_owner(Dataset.objects.get(name="a"), owner=actors.owner)
    body = get(api_client(actors.owner), nodeId="dataset:db:a", budget=2)
    assert (distances(body), body["cut"], body["continueFrom"]) == ({"a": 0, "j1": 1}, False, [])


@pytest.mark.parametrize("url", [LINEAGE, IMPACT, COLUMNS])
def test_as_many_queries_for_one_node_as_for_hundreds(admin, url) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            get(admin, url, nodeId="dataset:db:a", depth="unlimited", direction="downstream")
        return len(queries)

    flow("j", reads=["a"], writes=["b"])
    derive("a.x", "b.x")
    count()
    few = count()
    for number in range(100):
        flow(f"j{number}", reads=[f"n{number - 1}" if number else "b"], writes=[f"n{number}"])
        derive(f"n{number - 1}.x" if number else "b.x", f"n{number}.x")
    # what was made since is read first, whatever is asked
    count()
    assert count() == few


def test_the_command_line(chain) -> None:
    actors = make_actors()
    for name in "ab":
        add_owner(Dataset.objects.get(name=name), owner=actors.owner)

    def run(*args: str) -> str:
        out = StringIO()
        call_command("lineage", *args, stdout=out)
        return out.getvalue()

    user = actors.owner.username
    body = orjson.loads(run("graph", user, "dataset:db:a", "--depth", "unlimited"))
    assert set(distances(body)) == {"a", "j1", "b", "j2"}
    assert run("graph", user, "dataset:db:a", "--depth", "0", "--format", "mermaid") == (
        'flowchart LR\n  n0[("db#58;a")]\n'
    )
    assert orjson.loads(run("impact", user, "dataset:db:a"))["datasets"][0]["name"] == "b"
    assert orjson.loads(run("path", user, "dataset:db:a", "dataset:db:b"))["length"] == 2
    assert run("reload", user) == "generation 1: each process loads at its next question\n"
    with pytest.raises(CommandError, match="there is no such node"):
        run("graph", user, "dataset:db:c")
    with pytest.raises(CommandError, match="there is no active user"):
        run("graph", "nobody", "dataset:db:a")
