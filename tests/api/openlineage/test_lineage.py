"""GET /api/v1/lineage and /api/v1/column-lineage: what is there, and nothing that the caller may not see."""

import pytest
from django.test import Client

from catalog.models import Dataset
from catalog.services.datasets import add_owner
from catalog.services.openlineage import record_event
from tests.catalog.world import dataset, run_event
from tests.factories.identity import api_client, make_actors, make_user

pytestmark = pytest.mark.django_db

URL = "/api/v1/lineage"
DIRECT = ("DIRECT", "IDENTITY", False)


def run_id(number: int) -> str:
    return f"0198a3b1-7c1e-7d32-9a30-{number:012d}"


@pytest.fixture
def chain():
    """a → j1 → b → j2 → c, with a column through all of it."""
    for number, (source, target) in enumerate([("a", "b"), ("b", "c")], start=1):
        record_event(
            event=run_event(
                run=run_id(number),
                job=f"j{number}",
                at=f"2026-01-01T1{number}:00:00Z",
                inputs=[dataset(source, fields=["x"])],
                outputs=[dataset(target, fields=["x"], columns={"x": [(source, "x", *DIRECT)]})],
            ),
            sender=None,
        )


def ids(response) -> set[str]:
    return {node["id"] for node in response.json()["graph"]}


def get(client, node: str, url=URL, **params):
    return client.get(url, {"nodeId": node, **params})


def test_graph_in_the_shape_of_marquez(chain) -> None:
    client = api_client(make_user(is_superuser=True))
    response = get(client, "dataset:db:b", depth=1)
    assert ids(response) == {
        "dataset:db:a", "job:ns:j1", "dataset:db:b", "job:ns:j2", "dataset:db:c",
    }  # fmt: skip
    node = next(each for each in response.json()["graph"] if each["id"] == "dataset:db:b")
    assert node["type"] == "DATASET"
    assert node["inEdges"] == [{"origin": "job:ns:j1", "destination": "dataset:db:b"}]
    assert node["outEdges"] == [{"origin": "dataset:db:b", "destination": "job:ns:j2"}]
    assert [field["name"] for field in node["data"]["fields"]] == ["x"]
    assert response.json()["cut"] is False
    upstream = get(client, "dataset:db:c", depth=1, direction="upstream")
    assert ids(upstream) == {"dataset:db:c", "job:ns:j2", "dataset:db:b"}
    assert ids(get(client, "dataset:db:a", direction="upstream")) == {"dataset:db:a"}
    assert ids(get(client, "job:ns:j1", depth=0)) == {"job:ns:j1", "dataset:db:a", "dataset:db:b"}


def test_columns(chain) -> None:
    client = api_client(make_user(is_superuser=True))
    url = "/api/v1/column-lineage"
    assert ids(get(client, "datasetField:db:b:x", url)) == {
        "datasetField:db:b:x",
        "datasetField:db:a:x",
    }
    whole = get(client, "dataset:db:b", url, withDownstream="true")
    assert len(ids(whole)) == 3
    node = next(n for n in whole.json()["graph"] if n["id"] == "datasetField:db:c:x")
    assert node["data"]["inputFields"] == [
        {
            "namespace": "db",
            "dataset": "b",
            "field": "x",
            "transformations": [
                {
                    "type": "DIRECT",
                    "subtype": "IDENTITY",
                    "description": "",
                    "masking": False,
                    "origin": "declared",
                    "job": "job:ns:j2",
                }
            ],
        }
    ]


def test_hidden_neighbours_are_left_out_and_are_no_bridge(chain) -> None:
    actors = make_actors()
    for name in ("a", "c"):
        add_owner(Dataset.objects.get(name=name), owner=actors.owner)
    add_owner(Dataset.objects.get(name="c"), owner=actors.team)
    owner = api_client(actors.owner)
    assert ids(get(owner, "dataset:db:a")) == {"dataset:db:a", "job:ns:j1"}
    assert get(owner, "dataset:db:b").status_code == 404
    assert ids(get(owner, "datasetField:db:c:x", "/api/v1/column-lineage")) == {
        "datasetField:db:c:x"
    }
    mate = api_client(actors.team_mate)
    assert ids(get(mate, "dataset:db:c")) == {"dataset:db:c", "job:ns:j2"}
    assert get(mate, "dataset:db:a").status_code == 404
    assert get(mate, "job:ns:j1").status_code == 404
    outsider = api_client(actors.outsider)
    hidden = get(outsider, "dataset:db:c")
    missing = get(outsider, "dataset:db:nowhere")
    assert (hidden.status_code, hidden.json()) == (404, missing.json())
    assert get(Client(), "dataset:db:c").status_code == 401


@pytest.mark.parametrize(
    "params",
    [{}, {"nodeId": "x"}, {"nodeId": "dataset:db:a", "depth": "-1"},
     {"nodeId": "dataset:db:a", "direction": "sideways"}],
)  # fmt: skip
def test_bad_questions(chain, params) -> None:
    client = api_client(make_user(is_superuser=True))
    assert client.get(URL, params).status_code == 400


def test_same_statements_for_one_and_three_neighbours(django_assert_num_queries, chain) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = api_client(make_user(is_superuser=True))
    get(client, "dataset:db:a", depth=1, direction="downstream")

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            get(client, "dataset:db:a", depth=1, direction="downstream")
        return len(queries)

    before = count()
    for number in (5, 6):
        record_event(
            event=run_event(
                run=run_id(number),
                job=f"more{number}",
                at="2026-01-02T10:00:00Z",
                inputs=[dataset("a", fields=["x"])],
                outputs=[dataset(f"more{number}", fields=["x"])],
            ),
            sender=None,
        )
    assert count() == before
