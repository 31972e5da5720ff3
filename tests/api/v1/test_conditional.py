"""Entity tags, preconditions, sparse answers, orders and cursors."""

import threading
from types import SimpleNamespace

import orjson
import pytest
from django.db import connection

from catalog.models import Dataset
from catalog.services.datasets import ensure_dataset
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.governance import make_grant
from tests.factories.identity import api_client, make_user

BASE = "/api/v1/catalog"
JSON = {"content_type": "application/json"}


@pytest.fixture
def owner(db):
    return make_user("owner")


@pytest.fixture
def orders(owner) -> Dataset:
    return make_dataset("orders", owners=[owner], description="one", fields=["a"])


def etag(user, row) -> str:
    return api_client(user).get(f"{BASE}/datasets/{row.uuid}")["ETag"]


def test_a_tag_changes_exactly_when_what_the_caller_sees_changes(owner, orders) -> None:
    reader = make_user()
    make_grant(reader, orders, "discover")
    # What is not shown in the answer: the same row, seen by the reader without its metadata.
    before = {user: etag(user, orders) for user in (owner, reader)}
    assert before[owner] != before[reader]
    assert {user: etag(user, orders) for user in (owner, reader)} == before
    orders.fields.update(description="hidden from the reader")
    assert etag(owner, orders) != before[owner]
    assert etag(reader, orders) == before[reader]
    orders.owners.create(user=reader)
    assert etag(reader, orders) != before[reader]


def test_not_modified(owner, orders) -> None:
    client, url = api_client(owner), f"{BASE}/datasets/{orders.uuid}"
    tag = client.get(url)["ETag"]
    for given, status in [
        (tag, 304),
        (f"W/{tag}", 304),
        (f'"other", {tag}', 304),
        ("*", 304),
        ('"other"', 200),
        ("nonsense", 200),
    ]:
        response = client.get(url, headers={"If-None-Match": given})
        assert (response.status_code, response["ETag"]) == (status, tag)
    assert client.get(url, headers={"If-None-Match": tag}).content == b""


def test_if_match(owner, orders, settings) -> None:
    client, url = api_client(owner), f"{BASE}/datasets/{orders.uuid}"

    def patch(text, **headers):
        return client.patch(url, {"description": text}, headers=headers, **JSON)

    tag = client.get(url)["ETag"]
    # A weak tag never matches (RFC 9110 §13.1.1).
    assert patch("x", **{"If-Match": f"W/{tag}"}).status_code == 412
    changed = patch("two", **{"If-Match": f'"other", {tag}'})
    assert (changed.status_code, changed["ETag"]) == (200, client.get(url)["ETag"])
    stale = patch("three", **{"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition-failed")
    assert stale["Content-Type"] == "application/problem+json"
    assert patch("four", **{"If-Match": "*"}).status_code == 200
    assert patch("five").status_code == 200
    settings.LAKEWARDEN = SimpleNamespace(**{**vars(settings.LAKEWARDEN), "require_if_match": True})
    assert (patch("six").status_code, patch("six").json()["code"]) == (428, "precondition-required")
    assert patch("six", **{"If-Match": changed["ETag"]}).status_code == 412
    assert patch("six", **{"If-Match": "*"}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_at_once_one_is_refused() -> None:
    """Both have read the same state, and write on connections of their own."""
    owner = make_user("owner")
    row = ensure_dataset(namespace="db", name="orders")
    row.owners.create(user=owner)
    url = f"{BASE}/datasets/{row.uuid}"
    clients = [api_client(owner), api_client(owner)]
    tag = clients[0].get(url)["ETag"]
    start, found = threading.Barrier(2), {}

    def write(number: int) -> None:
        try:
            start.wait()
            response = clients[number].patch(
                url, {"description": f"of {number}"}, headers={"If-Match": tag}, **JSON
            )
            found[number] = response.status_code
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found.values()) == [200, 412]
    winner = next(number for number, status in found.items() if status == 200)
    assert Dataset.objects.get(pk=row.pk).description == f"of {winner}"


def test_sparse_answers(owner, orders) -> None:
    client = api_client(owner)
    url = f"{BASE}/datasets/{orders.uuid}"
    assert client.get(url, {"fields": "name,kind"}).json() == {"name": "orders", "kind": "table"}
    assert client.get(url, {"fields": "name"})["ETag"] == client.get(url)["ETag"]
    listed = client.get(f"{BASE}/datasets", {"fields": "name"}).json()
    assert listed == {"items": [{"name": "orders"}], "next_cursor": None, "total": 1}
    for wrong in ("nothing", "name,", "", "name;kind", "uuid," * 50):
        response = client.get(url, {"fields": wrong})
        assert (response.status_code, response.json()["code"]) == (400, "invalid-input")


def test_orders_and_cursors(owner) -> None:
    for name in ("b", "a", "c", "a"):
        make_dataset(name, namespace=f"ns-{Dataset.objects.count()}", owners=[owner])
    client = api_client(owner)

    def walk(order: str) -> list[str]:
        found, params = [], {"order": order, "page_size": 1}
        while True:
            page = client.get(f"{BASE}/datasets", params).json()
            found += [each["name"] + each["namespace"][-1] for each in page["items"]]
            if page["next_cursor"] is None:
                return found
            params["cursor"] = page["next_cursor"]

    assert walk("name") == ["a1", "a3", "b0", "c2"]
    assert walk("-name") == ["c2", "b0", "a3", "a1"]
    assert walk("updated_at") == ["b0", "a1", "c2", "a3"]
    assert walk("-created_at") == ["a3", "c2", "a1", "b0"]
    cursor = client.get(f"{BASE}/datasets", {"order": "name", "page_size": 1}).json()["next_cursor"]
    for params in (
        {"order": "-name", "cursor": cursor},
        {"cursor": cursor},
        {"order": "nothing"},
        {"order": "-"},
        {"order": "name", "cursor": "AAAA"},
    ):
        response = client.get(f"{BASE}/datasets", params)
        assert (response.status_code, params) == (400, params)


@pytest.mark.parametrize(
    "place", [["name", "a", "x"], ["name", None, 1], ["name", "a", 1 << 80], ["name"], {}, 3]
)
def test_a_made_up_cursor_is_refused(owner, place) -> None:
    from api.pagination import encode_cursor

    raw = (
        encode_cursor(place)
        if place != ["name", "a", 1 << 80]
        else "WyJuYW1lIiwiYSIsMTIwODkyNTgxOTYxNDYyOTE3NDcwNjE3Nl0"
    )
    response = api_client(owner).get(f"{BASE}/datasets", {"order": "name", "cursor": raw})
    assert response.status_code == 400


def test_filters(owner) -> None:
    domain = make_domain("Sales")
    make_dataset("a", owners=[owner], domain=domain)
    client = api_client(owner)
    for params, count in [
        ({"owner": "user:owner"}, 1),
        ({"owner": "user:nobody"}, 0),
        ({"updated_since": "2020-01-01T00:00:00Z"}, 1),
        ({"updated_since": "2999-01-01T00:00:00+02:00"}, 0),
        ({"domain": "sales"}, 1),
    ]:
        found = client.get(f"{BASE}/datasets", params).json()
        assert (len(found["items"]), found["total"]) == (count, count), params
    for params in (
        {"owner": "owner"},
        {"updated_since": "x"},
        {"updated_since": "2020-01-01T00:00:00"},
        {"term": "x"},
    ):
        assert client.get(f"{BASE}/datasets", params).status_code == 400, params


def test_every_single_entry_has_a_tag_and_honours_it(owner, orders) -> None:
    domain = make_domain("Mine", stewards=[owner])
    client = api_client(owner)

    def post(path, body):
        return client.post(f"{BASE}/{path}", orjson.dumps(body), **JSON).json()

    term = post("terms", {"domain": domain.slug, "name": "T"})["uuid"]
    product = post("products", {"domain": domain.slug, "name": "P"})["uuid"]
    field = orders.fields.get().uuid
    for path, body in [
        (f"terms/{term}", {"definition": "d"}),
        (f"products/{product}", {"description": "d"}),
        (f"domains/{domain.slug}", {"description": "d"}),
        (f"datasets/{orders.uuid}/fields/{field}", {"description": "d"}),
    ]:
        url = f"{BASE}/{path}"
        tag = client.get(url)["ETag"]
        assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
        wrong = client.patch(url, body, headers={"If-Match": '"no"'}, **JSON)
        right = client.patch(url, body, headers={"If-Match": tag}, **JSON)
        again = client.patch(url, body, headers={"If-Match": tag}, **JSON)
        assert [wrong.status_code, right.status_code, again.status_code] == [412, 200, 412], path
    for path in (f"terms/{term}", f"products/{product}"):
        url = f"{BASE}/{path}"
        assert client.delete(url, headers={"If-Match": '"no"'}).status_code == 412
        assert client.delete(url, headers={"If-Match": client.get(url)["ETag"]}).status_code == 204
