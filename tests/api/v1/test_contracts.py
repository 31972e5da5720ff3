"""ODCS contracts and DCAT: who reads and writes them, round trips, drift, and texts of bad will."""

import orjson
import pytest
import yaml
from rdflib import DCAT, DCTERMS, FOAF, RDF, Graph, URIRef

from catalog.models import DataContract, Dataset
from catalog.services.datasets import ensure_dataset, record_version, tag_dataset, tag_field
from governance.models import AuditRecord
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.governance import make_grant
from tests.factories.identity import api_client, make_actors, make_user

pytestmark = pytest.mark.django_db

BASE = "/api/v1/catalog"
YAML = "application/yaml"
CONTRACT = """\
# What we promise
apiVersion: v3.1.0
kind: DataContract
id: orders-contract
version: 1.2.0
status: active
description:
  purpose: Orders of all shops
tags: [gold, "Not A Tag"]
team:
  members:
    - username: {owner}
      role: Owner
    - username: nobody
      role: owner
schema:
  - name: orders
    physicalType: table
    properties:
      - name: id
        physicalType: bigint
        required: true
        description: the key
      - name: email
        logicalType: string
        tags: [pii.email]
      - name: gone
        logicalType: date
    quality:
      - type: library
        metric: rowCount
        mustBeGreaterThan: 0
slaProperties:
  - property: latency
    value: 4
    unit: d
    element: orders.id
"""


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def orders(actors) -> Dataset:
    row = ensure_dataset(namespace="db", name="shop.orders", description="old")
    schema = [
        {"name": "id", "type": "bigint", "nullable": True},
        {"name": "email", "type": "varchar(100)"},
        {"name": "extra", "type": "int"},
    ]
    record_version(dataset=row, schema=schema)
    row.owners.create(user=actors.owner)
    return row


def put(user, row, text, *, query="", kind=YAML, **headers):
    body = text if isinstance(text, bytes) else text.encode()
    url = f"{BASE}/datasets/{row.uuid}/contract{query}"
    return api_client(user).put(url, body, content_type=kind, headers=headers)


def get(user, row, path="", accept="application/json", **params):
    url = f"{BASE}/datasets/{row.uuid}/contract{path}"
    return api_client(user).get(url, params, headers={"Accept": accept})


def test_a_contract_is_put_read_and_compared(actors, orders) -> None:
    text = CONTRACT.format(owner=actors.team_mate.username)
    for user in (actors.outsider, actors.team_mate):
        assert put(user, orders, text).status_code == 404
        for path in ("", "/drift", "/versions", "/versions/1"):
            assert get(user, orders, path).status_code == 404
    made = put(actors.owner, orders, text)
    assert (made.status_code, made.json()["number"], made.json()["created"]) == (201, 1, True)
    differences = [
        {"kind": "nullable", "column": "id", "breaking": True},
        {"kind": "missing", "column": "gone", "breaking": True},
        {"kind": "unpromised", "column": "extra", "breaking": False},
    ]
    assert made.json()["drift"] == {
        "described": True,
        "breaking": True,
        "differences": differences,
    }
    assert get(actors.owner, orders, "/drift").json()["differences"] == differences
    # The YAML comes back as it was, comments and all; the JSON says the same.
    back = get(actors.owner, orders, accept=YAML)
    assert (back["Content-Type"], back.content.decode()) == (f"{YAML}; charset=utf-8", text)
    document = get(actors.owner, orders).json()
    assert document == yaml.safe_load(text)
    assert document["slaProperties"][0]["property"] == "latency"
    assert document["schema"][0]["quality"][0]["metric"] == "rowCount"
    assert AuditRecord.objects.filter(action="dataset.put_contract").count() == 1


def test_versions_stay(actors, orders) -> None:
    text = CONTRACT.format(owner="x")
    assert put(actors.owner, orders, text).status_code == 201
    assert put(actors.owner, orders, text).status_code == 200
    # The same document as JSON is no new version; another one is.
    same = orjson.dumps(yaml.safe_load(text))
    assert put(actors.owner, orders, same, kind="application/json").status_code == 200
    assert put(actors.owner, orders, text.replace("1.2.0", "2.0.0")).json()["number"] == 2
    listed = get(actors.owner, orders, "/versions").json()["items"]
    assert [each["number"] for each in listed] == [2, 1]
    assert get(actors.owner, orders, "/versions/1").json()["version"] == "1.2.0"
    assert get(actors.owner, orders).json()["version"] == "2.0.0"
    assert get(actors.owner, orders, "/versions/3").status_code == 404


def test_a_lost_update_of_a_contract_is_refused(actors, orders) -> None:
    text = CONTRACT.format(owner="x")
    tag = put(actors.owner, orders, text)["ETag"]
    assert get(actors.owner, orders)["ETag"] == tag
    other = text.replace("1.2.0", "2.0.0")
    assert put(actors.owner, orders, other, **{"If-Match": tag}).status_code == 201
    assert put(actors.owner, orders, text, **{"If-Match": tag}).status_code == 412
    assert DataContract.objects.count() == 2


def test_parts_are_taken_into_the_entry_if_asked(actors, orders) -> None:
    text = CONTRACT.format(owner=actors.team_mate.username)
    put(actors.owner, orders, text)
    orders.refresh_from_db()
    assert (orders.description, orders.dataset_tags.count()) == ("old", 0)
    answer = put(actors.owner, orders, text, query="?apply=descriptions,tags,owners").json()
    assert answer["not_taken"] == [
        "tag `Not A Tag` is not like `pii.email`",
        "there is no user or group `nobody`",
    ]
    detail = api_client(actors.owner).get(f"{BASE}/datasets/{orders.uuid}").json()
    assert (detail["description"], detail["tags"]) == ("Orders of all shops", ["gold"])
    assert [(each["description"], each["tags"]) for each in detail["fields"]] == [
        ("the key", []),
        ("", ["pii.email"]),
        ("", []),
    ]
    assert [each["name"] for each in detail["owners"]] == [
        actors.owner.username,
        actors.team_mate.username,
    ]
    assert put(actors.owner, orders, text, query="?apply=everything").status_code == 400


def test_a_generated_contract_is_valid_and_comes_back_without_drift(actors, orders) -> None:
    tag_dataset(orders, tag="gold")
    tag_field(orders.fields.get(name="email"), tag="pii.email")
    orders.domain = make_domain("Sales")
    orders.save()
    for accept, kind in (("application/json", "application/json"), (YAML, YAML)):
        response = get(actors.owner, orders, accept=accept, source="generated")
        made = put(actors.owner, orders, response.content, kind=kind)
        assert made.json()["drift"] == {"described": True, "breaking": False, "differences": []}
    document = get(actors.owner, orders).json()
    assert (document["domain"], document["tags"], document["status"]) == (
        "sales",
        ["gold"],
        "draft",
    )
    assert document["schema"][0]["properties"][1] == {
        "name": "email",
        "physicalType": "varchar(100)",
        "logicalType": "string",
        "required": False,
        "tags": ["pii.email"],
    }
    assert DataContract.objects.count() == 1


def test_who_only_discovers_reads_no_contract(actors, orders) -> None:
    put(actors.owner, orders, CONTRACT.format(owner="x"))
    reader = make_user()
    make_grant(reader, orders, "discover")
    for path in ("", "/drift", "/versions"):
        assert get(reader, orders, path).status_code == 403


BAD = {
    "{": 400,
    "- a": 422,
    "apiVersion: v2.2.2": 422,
    "apiVersion: v3.1.0": 422,
    "a: &x [1]\nb: *x": 422,
    "a: " + "[" * 200 + "]" * 200: 413,
    "a: !!python/object/apply:os.system ['true']": 400,
    "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: active\nextra: 1": 422,
    "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: active\nprice: {priceAmount: .inf}": 422,
    "a: '" + "x" * (1 << 20) + "'": 413,
    "1: 2": 422,
    '"\\0": 1': 400,
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:40])
def test_a_text_that_is_no_contract(actors, orders, text) -> None:
    response = put(actors.owner, orders, text)
    assert response.status_code == BAD[text], response.content
    assert response["Content-Type"] == "application/problem+json"
    assert DataContract.objects.count() == 0


def test_other_bad_bodies(actors, orders) -> None:
    assert put(actors.owner, orders, b"\xff", kind=YAML).status_code == 400
    assert put(actors.owner, orders, b"{", kind="application/json").status_code == 400
    assert put(actors.owner, orders, b"{}", kind="text/plain").status_code == 415


def test_the_standards_own_examples_are_taken(actors, orders, shared) -> None:
    files = sorted((shared / "specs" / "odcs" / "docs" / "examples").rglob("*.odcs.yaml"))
    assert len(files) > 10
    for file in files:
        response = put(actors.owner, orders, file.read_bytes())
        assert response.status_code == 201, (file.name, response.content)
        assert get(actors.owner, orders, accept=YAML).content == file.read_bytes()


def dcat(user, accept, **params):
    return api_client(user).get(f"{BASE}/dcat", params, headers={"Accept": accept})


FORMS = {
    "application/ld+json": "json-ld",
    "text/turtle": "turtle",
    "application/n-triples": "nt",
}


# rdflib's own parser of JSON-LD uses what rdflib has deprecated.
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.parametrize("accept", FORMS)
def test_dcat_says_what_the_caller_may_discover(actors, orders, accept) -> None:
    tag_dataset(orders, tag="gold")
    orders.domain = make_domain("Sales")
    orders.media_type = "application/json"
    orders.save()
    make_dataset("hidden")
    reader = make_user()
    make_grant(reader, orders, "discover")

    def graph(user) -> Graph:
        response = dcat(user, accept)
        assert response.status_code == 200
        body = b"".join(response) if response.streaming else response.content
        return Graph().parse(data=body, format=FORMS[accept])

    full, brief = graph(actors.owner), graph(reader)
    for found in (full, brief):
        datasets = list(found.subjects(RDF.type, DCAT.Dataset))
        assert [str(found.value(each, DCTERMS.identifier)) for each in datasets] == [
            str(orders.uuid)
        ]
        catalog = found.value(None, RDF.type, DCAT.Catalog)
        # Mandatory in DCAT-AP 3.0: title, description and publisher of the catalog; title and description of a dataset.
        for predicate in (DCTERMS.title, DCTERMS.description, DCTERMS.publisher, DCAT.dataset):
            assert found.value(catalog, predicate) is not None
        publisher = found.value(catalog, DCTERMS.publisher)
        assert found.value(publisher, FOAF.name) is not None
        for distribution in found.subjects(RDF.type, DCAT.Distribution):
            assert isinstance(found.value(distribution, DCAT.accessURL), URIRef)
        assert str(found.value(datasets[0], DCTERMS.title)) == "shop.orders"
        assert found.value(datasets[0], DCAT.theme) is not None
    assert [str(each) for each in full.objects(None, DCAT.keyword)] == ["gold"]
    assert list(brief.objects(None, DCAT.keyword)) == []
    (dataset,) = full.subjects(RDF.type, DCAT.Dataset)
    assert str(full.value(dataset, DCTERMS.description)) == "old"
    assert str(brief.value(dataset, DCTERMS.description)) == "db:shop.orders"
    for user in (actors.team_mate, actors.outsider):
        assert list(graph(user).subjects(RDF.type, DCAT.Dataset)) == []


def test_dcat_pages_cover_everything_once(actors) -> None:
    for number in range(5):
        make_dataset(f"d{number}", owners=[actors.owner])
    seen, params = [], {"page_size": 2}
    client = api_client(actors.owner)
    url = f"{BASE}/dcat"
    while url:
        response = client.get(url, params, headers={"Accept": "text/turtle"})
        graph = Graph().parse(data=response.content, format="turtle")
        seen += [
            str(graph.value(each, DCTERMS.title)) for each in graph.subjects(RDF.type, DCAT.Dataset)
        ]
        link = response.headers.get("Link", "")
        url, params = link.partition(";")[0].strip("<>").partition("/api")[2], {}
        url = f"/api{url}" if url else ""
    assert sorted(seen) == [f"d{number}" for number in range(5)]
    assert dcat(actors.owner, "image/png").status_code == 406
