"""Terms, products, properties, fields, tags, domains, jobs: who reads and who writes each, and what is checked."""

from importlib import import_module

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import (
    Dataset,
    DatasetEdge,
    DatasetTerm,
    FieldTerm,
    GlossaryTerm,
    PropertyDefinition,
    Run,
    RunDataset,
)
from catalog.services.glossary import create_term, link_dataset, link_field
from catalog.services.merging import merge_datasets
from catalog.services.products import add_port, create_product
from catalog.services.properties import define_property, set_field_properties
from core.ids import uuid7
from governance.models import AuditRecord
from tests.factories.catalog import make_dataset, make_domain, make_job
from tests.factories.governance import make_grant
from tests.factories.identity import api_client, make_actors, make_user

pytestmark = pytest.mark.django_db

BASE = "/api/v1/catalog"
JSON = {"content_type": "application/json"}


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def root():
    return make_user("root", is_superuser=True)


@pytest.fixture
def sales(actors):
    """A domain that the owner stewards."""
    return make_domain("Sales", stewards=[actors.owner])


@pytest.fixture
def orders(actors, sales) -> Dataset:
    return make_dataset(
        "orders", domain=sales, owners=[actors.owner], fields=[("amount", "double")]
    )


@pytest.fixture
def revenue(sales) -> GlossaryTerm:
    return create_term(domain=sales, name="Revenue", synonyms=["turnover"], actor="t")


def call(user, method, path, body=None, **headers):
    client = api_client(user)
    data = {} if body is None else {"data": orjson.dumps(body), **JSON}
    return getattr(client, method)(f"{BASE}/{path}", headers=headers, **data)


def statuses(actors, method, path, body=None) -> list[int]:
    """Of the outsider, the team-mate and the owner, in this order: only the last one's counts."""
    return [
        call(user, method, path, body).status_code
        for user in (actors.outsider, actors.team_mate, actors.owner)
    ]


def test_a_term_is_written_by_stewards_and_read_by_those_who_know_the_domain(
    actors, sales, orders, revenue
) -> None:
    reader = make_user()
    make_grant(reader, orders, "discover")
    path = f"terms/{revenue.uuid}"
    assert statuses(actors, "get", path) == [404, 404, 200]
    assert call(reader, "get", path).json()["synonyms"] == ["turnover"]
    assert statuses(actors, "patch", path, {"definition": "what comes in"}) == [404, 404, 200]
    assert call(reader, "patch", path, {"definition": "x"}).status_code == 403
    new = {"domain": "sales", "name": "Net revenue", "parent": str(revenue.uuid)}
    assert statuses(actors, "post", "terms", new) == [404, 404, 201]
    assert call(reader, "post", "terms", {**new, "name": "Other"}).status_code == 403
    child = GlossaryTerm.objects.get(name="Net revenue")
    assert call(actors.owner, "get", path).json()["children"] == [str(child.uuid)]
    assert call(actors.owner, "delete", path).status_code == 409
    assert statuses(actors, "delete", f"terms/{child.uuid}") == [404, 404, 204]
    assert [
        record.action for record in AuditRecord.objects.filter(resource__startswith="term:")
    ] == ["term.create", "term.change", "term.create", "term.delete"]


def test_lists_of_terms(actors, sales, orders, revenue) -> None:
    create_term(domain=sales, name="Cost", definition="what goes out", actor="t")
    create_term(domain=make_domain("Hidden"), name="Secret", actor="t")
    for params, names in [
        ("order=name", ["Cost", "Revenue"]),
        ("order=-name", ["Revenue", "Cost"]),
        ("q=turnover", ["Revenue"]),
        ("q=goes", ["Cost"]),
        ("domain=sales&order=name", ["Cost", "Revenue"]),
        ("domain=hidden", []),
        (f"parent={revenue.uuid}", []),
    ]:
        found = call(actors.owner, "get", f"terms?{params}").json()["items"]
        assert [each["name"] for each in found] == names, params
    for user in (actors.team_mate, actors.outsider):
        assert call(user, "get", "terms").json() == {"items": [], "next_cursor": None}


def test_a_term_links_to_what_the_caller_manages(actors, orders, revenue) -> None:
    field = orders.fields.get()
    for path, model in [
        (f"datasets/{orders.uuid}/terms/{revenue.uuid}", DatasetTerm),
        (f"datasets/{orders.uuid}/fields/{field.uuid}/terms/{revenue.uuid}", FieldTerm),
    ]:
        assert statuses(actors, "put", path) == [404, 404, 204]
        assert model.objects.count() == 1
        detail = call(actors.owner, "get", f"datasets/{orders.uuid}").json()
        shown = [{"uuid": str(revenue.uuid), "domain": "sales", "name": "Revenue"}]
        assert shown in (detail["terms"], detail["fields"][0]["terms"])
        found = call(actors.owner, "get", f"datasets?term={revenue.uuid}").json()["items"]
        assert [each["name"] for each in found] == ["orders"]
        assert call(actors.owner, "get", f"terms/{revenue.uuid}").json()["datasets"] == 1
        assert statuses(actors, "delete", path) == [404, 404, 204]
        assert model.objects.count() == 0


def test_who_only_discovers_a_dataset_does_not_learn_its_terms(actors, orders, revenue) -> None:
    link_dataset(orders, term=revenue, actor="t")
    reader = make_user()
    make_grant(reader, orders, "discover")
    assert call(reader, "get", f"datasets/{orders.uuid}").json()["terms"] is None
    assert call(reader, "get", f"datasets?term={revenue.uuid}").json()["items"] == []
    assert call(reader, "get", f"terms/{revenue.uuid}").json()["datasets"] == 0


def test_a_term_is_findable_by_search(actors, orders, revenue) -> None:
    link_field(orders.fields.get(), term=revenue, actor="t")
    names = [
        each["name"]
        for each in api_client(actors.owner).get("/api/v1/search", {"q": "revenue"}).json()["items"]
    ]
    assert names == ["orders"]


def test_a_terms_tree_stays_a_tree(actors, sales, revenue) -> None:
    other = create_term(domain=make_domain("Other", stewards=[actors.owner]), name="X", actor="t")
    child = create_term(domain=sales, name="Child", parent=revenue, actor="t")
    path = f"terms/{revenue.uuid}"
    for parent in (other, child, revenue):
        answer = call(actors.owner, "patch", path, {"parent": str(parent.uuid)})
        assert (answer.status_code, answer.json()["pointer"]) == (422, "/parent")
    assert call(actors.owner, "patch", path, {"name": "CHILD"}).status_code == 409
    deep = child
    for number in range(11):
        deep = (
            create_term(domain=sales, name=f"level {number}", parent=deep, actor="t")
            if number < 10
            else deep
        )
    answer = call(
        actors.owner,
        "post",
        "terms",
        {"domain": "sales", "name": "too deep", "parent": str(deep.uuid)},
    )
    assert answer.status_code == 422


def test_products(actors, sales, orders) -> None:
    hidden = make_dataset("hidden")
    new = {"domain": "sales", "name": "Figures", "status": "active"}
    assert statuses(actors, "post", "products", new) == [404, 404, 201]
    uuid = call(actors.owner, "get", "products").json()["items"][0]["uuid"]
    path = f"products/{uuid}"
    assert statuses(actors, "get", path) == [404, 404, 200]
    assert statuses(actors, "put", f"{path}/outputs/{orders.uuid}") == [404, 404, 204]
    assert call(actors.owner, "put", f"{path}/inputs/{hidden.uuid}").status_code == 404
    mate = actors.team_mate.username
    assert statuses(actors, "put", f"{path}/owners/users/{mate}") == [404, 404, 204]
    # An owner of the product sees it, but not its ports, and does not change it.
    shown = call(actors.team_mate, "get", path).json()
    assert (shown["owners"], shown["ports"]) == ([{"kind": "user", "name": mate}], [])
    assert call(actors.team_mate, "patch", path, {"name": "x"}).status_code in {403, 404}
    assert call(actors.owner, "get", path).json()["ports"] == [
        {
            "uuid": str(orders.uuid),
            "namespace": "lakewarden",
            "name": "orders",
            "direction": "output",
        }
    ]
    changed = call(actors.owner, "patch", path, {"status": "deprecated"})
    assert changed.json()["status"] == "deprecated"
    for params, count in [("status=deprecated", 1), ("status=draft", 0), ("q=fig", 1)]:
        assert len(call(actors.owner, "get", f"products?{params}").json()["items"]) == count
    assert call(actors.outsider, "get", "products").json()["items"] == []
    assert call(actors.owner, "delete", f"{path}/outputs/{orders.uuid}").status_code == 204
    assert call(actors.owner, "delete", f"{path}/owners/users/{mate}").status_code == 204
    assert statuses(actors, "delete", path) == [404, 404, 204]


def test_properties_are_declared_by_administrators(actors, root) -> None:
    new = {"name": "level", "applies_to": "dataset", "schema": {"type": "integer"}}
    assert statuses(actors, "post", "properties", new) == [403, 403, 403]
    assert call(root, "post", "properties", new).status_code == 201
    assert call(root, "post", "properties", new).status_code == 409
    path = "properties/dataset/level"
    assert statuses(actors, "get", path) == [200, 200, 200]
    change = {"schema": {"type": "integer", "maximum": 3}}
    assert statuses(actors, "put", path, change) == [403, 403, 403]
    assert call(root, "put", path, change).json()["schema"] == change["schema"]
    assert statuses(actors, "delete", path) == [403, 403, 403]
    assert call(root, "delete", path).status_code == 204
    assert call(root, "get", path).status_code == 404


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "no-such-type"},
        {"$ref": "https://example.org/schema.json"},
        {"properties": {"a": {"$dynamicRef": "file:///etc/passwd"}}},
        "text",
        {"minimum": "x"},
    ],
)
def test_a_schema_that_is_none_or_leads_elsewhere_is_refused(root, schema) -> None:
    body = {"name": "p", "applies_to": "dataset", "schema": schema}
    assert call(root, "post", "properties", body).status_code == 422


@pytest.mark.parametrize("name", ["Level", "1a", "a b", "", "a..b", "level\n", "x" * 101])
def test_a_property_name_is_plain(root, name) -> None:
    body = {"name": name, "applies_to": "dataset", "schema": {}}
    assert call(root, "post", "properties", body).status_code == 400 or name == "level\n"


def test_values_are_checked_at_writing(actors, sales, orders) -> None:
    for target in ("dataset", "field", "domain", "job"):
        define_property(
            name="level", applies_to=target, schema={"type": "integer", "maximum": 3}, actor="t"
        )
    job = make_job()
    DatasetEdge.objects.create(dataset=orders, job=job, direction="output")
    field = orders.fields.get()
    for path in (
        f"datasets/{orders.uuid}",
        f"datasets/{orders.uuid}/fields/{field.uuid}",
        "domains/sales",
        f"jobs/{job.uuid}",
    ):
        good = call(actors.owner, "patch", path, {"properties": {"level": 3}})
        assert (good.status_code, good.json()["properties"]) == (200, {"level": 3})
        for bad in ({"level": 4}, {"level": "x"}, {"other": 1}):
            answer = call(actors.owner, "patch", path, {"properties": bad})
            pointer = f"/properties/{next(iter(bad))}"
            assert (answer.status_code, answer.json()["pointer"]) == (422, pointer)
        assert call(actors.owner, "get", path).json()["properties"] == {"level": 3}
        for user in (actors.team_mate, actors.outsider):
            body = {"properties": {"level": 1}}
            assert call(user, "patch", path, body).status_code == 404


def test_what_was_there_before_its_declaration_does_not_lock_the_entry(actors, orders) -> None:
    Dataset.objects.filter(pk=orders.pk).update(properties={"old": "value"})
    define_property(name="level", applies_to="dataset", schema={"type": "integer"}, actor="t")
    path = f"datasets/{orders.uuid}"
    both = {"old": "value", "level": 1}
    assert call(actors.owner, "patch", path, {"properties": both}).status_code == 200
    changed = {"old": "other", "level": 1}
    assert call(actors.owner, "patch", path, {"properties": changed}).status_code == 422


def test_datasets_are_made_by_stewards(actors, root, sales) -> None:
    make_dataset("hidden", namespace="db")
    new = {
        "namespace": "db",
        "name": "new",
        "domain": "sales",
        "kind": "view",
        "fields": [{"name": "a", "type": "int"}],
    }
    assert statuses(actors, "post", "datasets", new) == [404, 404, 201]
    assert call(actors.owner, "post", "datasets", new).status_code == 409
    hidden = {**new, "name": "hidden"}
    assert call(actors.owner, "post", "datasets", hidden).status_code == 403
    outside = {**new, "name": "outside", "domain": None}
    assert call(actors.owner, "post", "datasets", outside).status_code == 403
    made = call(root, "post", "datasets", outside)
    assert (made.status_code, made.json()["kind"]) == (201, "view")
    assert [each["name"] for each in made.json()["fields"]] == ["a"]


def test_a_field_is_described_by_who_manages(actors, orders) -> None:
    field = orders.fields.get()
    path = f"datasets/{orders.uuid}/fields/{field.uuid}"
    assert statuses(actors, "get", path) == [404, 404, 200]
    assert statuses(actors, "patch", path, {"description": "euro"}) == [404, 404, 200]
    found = api_client(actors.owner).get("/api/v1/search", {"q": "euro"}).json()["items"]
    assert [each["name"] for each in found] == ["orders"]


def test_domains(actors, root, sales, orders) -> None:
    assert statuses(actors, "get", "domains/sales") == [404, 404, 200]
    assert statuses(actors, "patch", "domains/sales", {"description": "d"}) == [404, 404, 200]
    assert call(actors.owner, "delete", "domains/sales").status_code == 409
    make_domain("Empty", parent=sales)
    listed = call(actors.owner, "get", "domains?order=-name").json()["items"]
    assert [each["slug"] for each in listed] == ["sales", "empty"]
    assert len(call(actors.owner, "get", "domains?parent=sales").json()["items"]) == 1
    assert statuses(actors, "delete", "domains/empty") == [404, 404, 204]


def test_tags(actors, root, orders) -> None:
    assert statuses(actors, "post", "tags", {"name": "gold"}) == [403, 403, 201]
    assert call(actors.owner, "post", "tags", {"name": "gold"}).status_code == 409
    # Nothing bears it yet, so only administrators see it.
    assert statuses(actors, "get", "tags/gold") == [404, 404, 404]
    call(actors.owner, "put", f"datasets/{orders.uuid}/tags/gold")
    assert statuses(actors, "get", "tags/gold") == [404, 404, 200]
    assert statuses(actors, "patch", "tags/gold", {"description": "d"}) == [404, 404, 403]
    assert call(root, "patch", "tags/gold", {"description": "d"}).json()["datasets"] == 1
    assert call(root, "delete", "tags/gold").status_code == 409
    call(actors.owner, "delete", f"datasets/{orders.uuid}/tags/gold")
    assert call(root, "delete", "tags/gold").status_code == 204


def test_a_job_is_described_by_who_manages_what_it_writes(actors, orders) -> None:
    job = make_job()
    DatasetEdge.objects.create(dataset=orders, job=job, direction="output")
    assert statuses(actors, "patch", f"jobs/{job.uuid}", {"description": "d"}) == [404, 404, 200]
    DatasetEdge.objects.create(dataset=make_dataset(), job=job, direction="output")
    answer = call(actors.owner, "patch", f"jobs/{job.uuid}", {"description": "e"})
    assert answer.status_code == 403


def test_as_many_statements_for_one_row_as_for_three(actors, root, sales, orders) -> None:
    def add(name: str) -> None:
        term = create_term(domain=sales, name=name, actor="t")
        link_dataset(orders, term=term, actor="t")
        product = create_product(domain=sales, name=name, actor="t")
        product.owners.create(user=actors.owner)
        add_port(product, dataset=orders, actor="t")
        define_property(name=name, applies_to="dataset", schema={}, actor="t")

    def count(path: str) -> int:
        client = api_client(actors.owner)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"{BASE}/{path}").status_code == 200
        return len(queries)

    paths = ("terms", "products", "properties", "domains", "jobs")
    add("one")
    before = [count(path) for path in paths]
    for name in ("two", "three"):
        add(name)
    assert [count(path) for path in paths] == before


def test_runs_of_a_job_are_narrowed_and_turned_round(actors, orders) -> None:
    job = make_job()
    DatasetEdge.objects.create(dataset=orders, job=job, direction="output")
    runs = []
    for state in ("COMPLETED", "FAILED", "COMPLETED"):
        run = Run.objects.create(uuid=uuid7(), job=job, state=state)
        RunDataset.objects.create(run=run, dataset=orders, direction="output")
        runs.append(str(run.uuid))
    path = f"jobs/{job.uuid}/runs?fields=uuid"

    def listed(more: str = "") -> list[str]:
        return [each["uuid"] for each in call(actors.owner, "get", path + more).json()["items"]]

    assert listed() == runs[::-1]
    assert listed("&order=created_at") == runs
    assert listed("&state=COMPLETED") == [runs[2], runs[0]]
    assert call(actors.owner, "get", f"{path}&since=yesterday").status_code == 400
    first = call(actors.owner, "get", f"{path}&page_size=2").json()
    assert [each["uuid"] for each in first["items"]] == [runs[2], runs[1]]
    assert listed(f"&page_size=2&cursor={first['next_cursor']}") == [runs[0]]
    assert statuses(actors, "get", f"jobs/{job.uuid}/runs") == [404, 404, 200]


def test_properties_in_use_are_declared_by_the_migration(actors, orders) -> None:
    migration = import_module("catalog.migrations.0009_glossary_and_products")
    Dataset.objects.filter(pk=orders.pk).update(properties={"former": 1, "Not Plain": 2})
    Dataset.objects.filter(pk=make_dataset("second").pk).update(properties=[])
    with connection.cursor() as cursor:
        cursor.execute(migration.DECLARE_WHAT_IS_THERE)
    answer = call(actors.owner, "patch", f"datasets/{orders.uuid}", {"properties": {"former": "x"}})
    assert (answer.status_code, answer.json()["properties"]) == (200, {"former": "x"})
    assert [each.name for each in PropertyDefinition.objects.all()] == ["former"]


def test_what_was_said_of_one_name_holds_for_the_dataset_that_it_turns_out_to_be(
    actors, sales, orders, revenue
) -> None:
    alias = make_dataset(
        "orders-alias", domain=sales, fields=[("amount", "double"), ("tax", "double")]
    )
    define_property(name="unit", applies_to="field", schema={}, actor="t")
    product = create_product(domain=sales, name="Orders", actor="t")
    add_port(product, dataset=alias, actor="t")
    link_dataset(alias, term=revenue, actor="t")
    for field in alias.fields.all():
        link_field(field, term=revenue, actor="t")
        set_field_properties(field, properties={"unit": f"EUR of {field.name}"}, actor="t")
    merge_datasets(source=alias, target=orders, actor="t")
    assert [*DatasetTerm.objects.values_list("dataset", "term")] == [(orders.pk, revenue.pk)]
    assert [*product.ports.values_list("dataset", flat=True)] == [orders.pk]
    fields = orders.fields.order_by("name").values_list(
        "name", "custom__values", "field_terms__term"
    )
    assert [*fields] == [
        ("amount", {"unit": "EUR of amount"}, revenue.pk),
        ("tax", {"unit": "EUR of tax"}, revenue.pk),
    ]
