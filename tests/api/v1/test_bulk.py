"""Export and import: who gets what, what a broken line does, and that what is exported comes back the same."""

import gzip
import io
import uuid
from types import SimpleNamespace

import orjson
import pytest
from django.db import connection
from django.test import Client

from api.v1.bulk import _whole
from catalog.models import (
    CatalogImport,
    Dataset,
    DatasetEdge,
    Domain,
    Field,
    FieldTag,
    GlossaryTerm,
    Job,
    Tag,
)
from catalog.services.bulk import chunks as cutting
from catalog.services.properties import define_property
from core.errors import InvalidInputError
from governance.history.rows import history_of
from governance.models import AuditRecord
from tests.factories.audit import payload_of
from tests.factories.catalog import make_dataset, make_domain, make_job
from tests.factories.identity import api_client, make_actors, make_user

pytestmark = pytest.mark.django_db

EXPORT, IMPORT = "/api/v1/catalog/export", "/api/v1/catalog/import"
NDJSON = "application/x-ndjson"


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def root():
    return make_user("root", is_superuser=True)


def lines_of(response) -> list[dict]:
    assert response.status_code == 200, response.content
    return [orjson.loads(line) for line in b"".join(response).splitlines()]


def exported(user, **params) -> list[dict]:
    found = lines_of(api_client(user).get(EXPORT, params))
    return [each for each in found if each["kind"] != "cursor"]


def send(user, lines, *, query="", **headers) -> list[dict]:
    body = lines if isinstance(lines, bytes) else b"\n".join(map(orjson.dumps, lines)) + b"\n"
    client = api_client(user)
    return lines_of(client.post(IMPORT + query, body, content_type=NDJSON, headers=headers))


def refused(answer) -> dict[int, str]:
    return {row["line"]: row["problem"]["code"] for row in answer if "line" in row}


def dataset(name: str, **more) -> dict:
    return {"kind": "dataset", "namespace": "db", "name": name, **more}


def everything() -> list[dict]:
    return [
        {
            "kind": "property",
            "name": "retention_days",
            "applies_to": "dataset",
            "schema": {"type": "integer", "minimum": 1},
            "description": "how long",
        },
        {
            "kind": "property",
            "name": "unit",
            "applies_to": "field",
            "schema": {"enum": ["m", "s"]},
            "description": "",
        },
        {
            "kind": "property",
            "name": "on_call",
            "applies_to": "job",
            "schema": {"type": "string"},
            "description": "",
        },
        {
            "kind": "domain",
            "slug": "sales",
            "name": "Sales",
            "description": "all of it",
            "parent": None,
            "properties": {},
        },
        {
            "kind": "domain",
            "slug": "eu-sales",
            "name": "EU Sales",
            "description": "",
            "parent": "sales",
            "properties": {},
        },
        {
            "kind": "term",
            "domain": "sales",
            "name": "Revenue",
            "definition": "what comes in",
            "synonyms": ["turnover"],
            "parent": None,
        },
        {
            "kind": "term",
            "domain": "sales",
            "name": "Net revenue",
            "definition": "",
            "synonyms": [],
            "parent": "Revenue",
        },
        {
            "kind": "dataset",
            "namespace": "db",
            "name": "orders",
            "dataset_kind": "table",
            "structure": "structured",
            "media_type": "",
            "domain": "eu-sales",
            "owners": [{"kind": "user", "name": "root"}],
            "description": "Orders, «with» ünïcode",
            "tags": ["gold", "pii.email"],
            "terms": [{"domain": "sales", "name": "Revenue"}],
            "properties": {"retention_days": 30},
            "symlinks": [{"namespace": "s3://b", "name": "orders/", "type": "LOCATION"}],
            "fields": [
                {
                    "name": "id",
                    "type": "bigint",
                    "description": "the key",
                    "nullable": False,
                    "field_id": 1,
                    "tags": [],
                    "terms": [],
                    "properties": {},
                },
                {
                    "name": "amount",
                    "type": "double",
                    "description": "",
                    "nullable": True,
                    "field_id": None,
                    "tags": ["money"],
                    "terms": [{"domain": "sales", "name": "Net revenue"}],
                    "properties": {"unit": "m"},
                },
            ],
        },
        {
            "kind": "dataset",
            "namespace": "db",
            "name": "report",
            "dataset_kind": "view",
            "structure": "semi-structured",
            "media_type": "application/json",
            "domain": None,
            "owners": [],
            "description": "",
            "tags": [],
            "terms": [],
            "properties": {},
            "symlinks": [],
            "fields": [
                {
                    "name": "total",
                    "type": "double",
                    "description": "",
                    "nullable": True,
                    "field_id": None,
                    "tags": [],
                    "terms": [],
                    "properties": {},
                }
            ],
        },
        {
            "kind": "product",
            "domain": "sales",
            "name": "Sales figures",
            "description": "",
            "status": "active",
            "owners": [{"kind": "user", "name": "root"}],
            "ports": [{"dataset": {"namespace": "db", "name": "orders"}, "direction": "output"}],
        },
        {
            "kind": "job",
            "namespace": "airflow",
            "name": "sum",
            "type": "BATCH",
            "description": "sums",
            "properties": {"on_call": "ops"},
        },
        {
            "kind": "edge",
            "job": {"namespace": "airflow", "name": "sum"},
            "dataset": {"namespace": "db", "name": "orders"},
            "direction": "input",
            "origin": "declared",
        },
        {
            "kind": "edge",
            "job": {"namespace": "airflow", "name": "sum"},
            "dataset": {"namespace": "db", "name": "report"},
            "direction": "output",
            "origin": "parsed",
        },
        {
            "kind": "field_edge",
            "source": {"namespace": "db", "name": "orders", "field": "amount"},
            "target": {"namespace": "db", "name": "report", "field": "total"},
            "job": {"namespace": "airflow", "name": "sum"},
            "type": "DIRECT",
            "subtype": "AGGREGATION",
            "description": "",
            "masking": False,
            "origin": "declared",
        },
    ]


def test_what_is_imported_is_exported_and_comes_back_unchanged(root) -> None:
    lines = everything()
    answer = send(root, lines)
    assert refused(answer) == {}
    assert (answer[-1]["state"], answer[-1]["created"], answer[-1]["unchanged"]) == (
        "completed",
        len(lines),
        0,
    )
    assert exported(root) == lines
    again = send(root, exported(root))
    assert [again[-1][key] for key in ("created", "updated", "unchanged", "refused")] == [
        0,
        0,
        len(lines),
        0,
    ]
    assert exported(root) == lines


def test_what_an_import_leaves_beside_the_rows(root) -> None:
    before = AuditRecord.objects.count()
    answer = send(root, everything())
    row = Dataset.objects.get(name="orders")
    assert (row.declared, row.current_version.number) == (True, 1)
    assert [each["name"] for each in row.current_version.schema] == ["id", "amount"]
    assert row.facet_stamps["schema"].startswith("2|")
    history = row.namespace_name_kind_domain_deleted_at_events.values_list("pgh_label", flat=True)
    assert list(history) == ["insert"]
    fields = Field.objects.filter(dataset=row)
    assert [history_of(Field).filter(pgh_obj=each).count() for each in fields] == [1, 1]
    chunk = AuditRecord.objects.get(action="catalog.import")
    payload = payload_of(chunk)
    assert (payload["first_line"], payload["last_line"], payload["created"]) == (1, 14, 14)
    assert len(payload["sha256"]) == 64
    assert CatalogImport.objects.get().acknowledged_line == 14
    assert str(CatalogImport.objects.get().uuid) == answer[0]["import"]
    assert AuditRecord.objects.count() > before
    for text in ("amount", "gold", "orders", "root"):
        found = api_client(root).get("/api/v1/search", {"q": text}).json()["items"]
        assert "orders" in [each["name"] for each in found], text


def test_only_what_a_line_says_is_changed(root) -> None:
    send(root, everything())
    send(
        root,
        [
            dataset("orders", tags=["gold"], fields=[{"name": "amount", "type": "bigint"}]),
            dataset("report", description="new", terms=[{"domain": "sales", "name": "revenue"}]),
        ],
    )
    found = {each["name"]: each for each in exported(root, kinds="dataset")}
    orders = found["orders"]
    assert (orders["tags"], orders["description"]) == (["gold"], "Orders, «with» ünïcode")
    assert [
        (each["name"], each["type"], each["tags"], each["properties"]) for each in orders["fields"]
    ] == [("amount", "bigint", ["money"], {"unit": "m"})]
    row = Dataset.objects.get(name="orders")
    assert row.current_version.number == 2
    assert found["report"]["terms"] == [{"domain": "sales", "name": "Revenue"}]
    assert found["report"]["description"] == "new"


def test_an_export_shows_each_what_they_may_see(root, actors) -> None:
    send(root, everything())
    row = Dataset.objects.get(name="orders")
    row.owners.create(user=actors.owner)
    kinds = [each["kind"] for each in exported(actors.owner)]
    # Of the domains those above what is seen; of the edges the one to it; the field edge leads to what is hidden.
    assert kinds == [
        *["property"] * 3,
        *["domain"] * 2,
        *["term"] * 2,
        "dataset",
        "product",
        "job",
        "edge",
    ]
    for user in (actors.team_mate, actors.outsider):
        assert [each["kind"] for each in exported(user)] == ["property"] * 3
    assert Client().get(EXPORT).status_code == 401


def test_an_export_goes_on_from_a_cursor(root) -> None:
    send(root, everything())
    whole = lines_of(api_client(root).get(EXPORT))
    for index, line in enumerate(whole):
        if line["kind"] == "cursor":
            rest = lines_of(api_client(root).get(EXPORT, {"cursor": line["cursor"]}))
            assert rest == whole[index + 1 :]
    assert [each["kind"] for each in exported(root, kinds="job,edge")] == ["job", "edge", "edge"]
    for params in ({"kinds": "nothing"}, {"cursor": "x"}):
        assert api_client(root).get(EXPORT, params).status_code == 400


def test_each_is_refused_what_they_may_not_manage(root, actors) -> None:
    mine = make_dataset("mine", namespace="db", owners=[actors.owner])
    make_dataset("hidden", namespace="db")
    job = make_job("job")
    DatasetEdge.objects.create(dataset=mine, job=job, direction="output")
    lines = [
        dataset("mine", description="changed"),
        dataset("hidden", description="changed"),
        dataset("new", description="changed"),
        {
            "kind": "edge",
            "job": {"namespace": "jobs", "name": "job"},
            "dataset": {"namespace": "db", "name": "hidden"},
            "direction": "input",
        },
        {
            "kind": "edge",
            "job": {"namespace": "jobs", "name": "job"},
            "dataset": {"namespace": "db", "name": "absent"},
            "direction": "input",
        },
        {"kind": "job", "namespace": "jobs", "name": "job", "description": "changed"},
        {"kind": "job", "namespace": "jobs", "name": "other"},
        {"kind": "domain", "slug": "mine", "name": "Mine"},
        {"kind": "property", "name": "p", "applies_to": "job", "schema": {}},
        dataset("mine", tags=["never-made"], domain="no-such"),
    ]
    for user in (actors.team_mate, actors.outsider):
        answer = send(user, lines)
        assert sorted(refused(answer)) == list(range(1, 11))
    answer = send(actors.owner, lines)
    assert sorted(refused(answer)) == [2, 3, 4, 5, 7, 8, 9, 10]
    told = {row["line"]: row["problem"] for row in answer if "line" in row}
    # What is hidden and what is not there are refused in the same words.
    assert told[2] == told[3]
    assert told[4] == told[5]
    assert Dataset.objects.get(name="mine").description == "changed"
    assert Dataset.objects.get(name="hidden").description == ""
    assert Job.objects.get().description == "changed"
    assert not Tag.objects.filter(name="never-made").exists()
    assert api_client(actors.owner, scopes=["read"]).post(IMPORT).status_code == 403


def test_a_steward_makes_what_is_in_the_own_domain(root, actors) -> None:
    make_domain("Mine", stewards=[actors.owner])
    make_domain("Other")
    answer = send(
        actors.owner,
        [
            dataset("a", domain="mine"),
            dataset("b", domain="other"),
            dataset("c"),
            {"kind": "term", "domain": "mine", "name": "Word"},
            {"kind": "term", "domain": "other", "name": "Word"},
            {"kind": "domain", "slug": "below", "name": "Below", "parent": "mine"},
        ],
    )
    assert refused(answer) == {
        2: "unprocessable",
        3: "permission-denied",
        5: "unprocessable",
    }
    assert [row.name for row in Dataset.objects.all()] == ["a"]
    assert [row.name for row in GlossaryTerm.objects.all()] == ["Word"]
    assert Domain.objects.get(slug="below").parent.slug == "mine"


BROKEN = {
    b"{": ("invalid-input", None),
    b"[]": ("invalid-input", ""),
    b'{"kind":"dataset","namespace":"db"}': ("invalid-input", ""),
    b'{"kind":"dataset","namespace":"db","name":3}': ("invalid-input", "/name"),
    b'{"kind":"dataset","namespace":"db","name":"x","fields":[{"name":""}]}': (
        "invalid-input",
        "/fields/0/name",
    ),
    b'{"kind":"dataset","namespace":"db","name":"x","fields":[{"name":"a"},{"name":"a"}]}': (
        "invalid-input",
        "/fields/1/name",
    ),
    b'{"kind":"dataset","namespace":"db","name":"x","extra":1}': ("invalid-input", ""),
    b'{"kind":"dataset","namespace":"db","name":"a\\u0000"}': ("invalid-input", None),
    b'{"kind":"dataset","namespace":"db","name":"\xff"}': ("invalid-input", None),
    b'{"kind":"dataset","namespace":"db","name":"\\ud800"}': ("invalid-input", None),
    b'{"kind":"dataset","namespace":"db","name":"x","properties":{"a":1}}': (
        "unprocessable",
        "/properties/a",
    ),
    b'{"kind":"dataset","namespace":"db","name":"x","tags":["Not A Tag"]}': (
        "invalid-input",
        "/tags/0",
    ),
    b'{"kind":"dataset","namespace":"db","name":"x","owners":[{"kind":"user","name":"no"}]}': (
        "unprocessable",
        "/owners",
    ),
    b'{"kind":"nothing"}': ("invalid-input", "/kind"),
    b'{"kind":"dataset","namespace":"db","name":"x","properties":{"a":'
    + b"[" * 100_000
    + b"]" * 100_000
    + b"}}": ("limit-exceeded", None),
    b'{"kind":"dataset","namespace":"db","name":"' + b"x" * (5 << 20) + b'"}': (
        "limit-exceeded",
        None,
    ),
    b'{"kind":"dataset","namespace":"db","name":"x","properties":{"a":99999999999999999999}}': (
        "invalid-input",
        None,
    ),
}


def test_a_broken_line_is_told_with_its_number_and_the_others_are_taken(root) -> None:
    good = orjson.dumps(dataset("good"))
    body = b"\n".join([*BROKEN, b"", good])
    answer = send(root, body)
    told = {row["line"]: row["problem"] for row in answer if "line" in row}
    expected = dict(enumerate(BROKEN.values(), start=1))
    assert {
        line: (problem["code"], problem.get("pointer")) for line, problem in told.items()
    } == expected
    assert [row.name for row in Dataset.objects.all()] == ["good"]
    assert (answer[-1]["created"], answer[-1]["refused"]) == (1, len(BROKEN))
    stored = api_client(root).get(f"/api/v1/catalog/imports/{answer[0]['import']}/problems").json()
    assert [row["line"] for row in stored["items"]] == list(expected)


def test_gzip_of_one_and_of_two_members(root) -> None:
    one, two = (gzip.compress(orjson.dumps(dataset(name)) + b"\n") for name in "ab")
    answer = send(root, one + two, **{"Content-Encoding": "gzip"})
    assert (answer[-1]["created"], answer[-1]["state"]) == (2, "completed")
    for body, code in [
        (one[:-9], "invalid-input"),
        (b"not gzip", "invalid-input"),
    ]:
        answer = send(root, body, **{"Content-Encoding": "gzip"})
        assert answer[-1]["problem"]["code"] == code
    response = api_client(root).post(
        IMPORT, one, content_type=NDJSON, headers={"Content-Encoding": "br"}
    )
    assert response.status_code == 400


def test_what_unpacks_beyond_the_limit_is_cut_off(root, settings) -> None:
    settings.LAKEWARDEN = SimpleNamespace(**{**vars(settings.LAKEWARDEN), "max_import_bytes": 2048})
    bomb = gzip.compress(b"\n" * 1_000_000)
    answer = send(root, bomb, **{"Content-Encoding": "gzip"})
    assert answer[-1]["problem"]["code"] == "limit-exceeded"
    response = api_client(root).post(IMPORT, b"x" * 4096, content_type=NDJSON)
    assert (response.status_code, response.json()["limit"]) == (413, "body")


def test_the_ordinary_limit_holds_for_any_other_body_type(root, settings) -> None:
    settings.LAKEWARDEN = SimpleNamespace(**{**vars(settings.LAKEWARDEN), "max_body_bytes": 1024})
    client = api_client(root)
    assert client.post(IMPORT, b"x" * 4096, content_type="text/plain").status_code == 413
    assert client.post(IMPORT, b"x", content_type="text/plain").status_code == 415


def test_an_import_goes_on_where_it_stood(root, monkeypatch) -> None:
    monkeypatch.setattr(cutting, "CHUNK_LINES", 2)
    lines = [dataset(f"d{number}") for number in range(5)]
    key = uuid.uuid4()
    # A stream that was cut off after its third line.
    body = b"\n".join(map(orjson.dumps, lines[:2])) + b"\n"
    first = send(root, body, query=f"?import={key}")
    assert [row.get("acknowledged_line") for row in first] == [0, 2, 2]
    whole = send(root, lines, query=f"?import={key}")
    assert [row.get("acknowledged_line") for row in whole] == [2, 4, 5, 5]
    assert (whole[-1]["created"], Dataset.objects.count()) == (5, 5)
    # The rest alone, by its number; nothing is left of it.
    rest = send(root, lines[4:], query=f"?import={key}&first_line=5")
    assert (rest[-1]["state"], rest[-1]["acknowledged_line"]) == ("completed", 5)
    # Another stream under the same id is refused.
    other = send(root, [dataset("other"), *lines[1:]], query=f"?import={key}")
    assert other[-1]["problem"]["code"] == "conflict"
    gap = api_client(root).post(f"{IMPORT}?import={key}&first_line=9", b"\n", content_type=NDJSON)
    assert (gap.status_code, gap.json()["acknowledged_line"]) == (409, 5)
    assert Dataset.objects.count() == 5


@pytest.mark.parametrize("first_line", [1, 2, 4])
def test_a_stream_that_broke_off_anywhere_goes_on(root, monkeypatch, first_line) -> None:
    monkeypatch.setattr(cutting, "CHUNK_LINES", 4)
    lines = [orjson.dumps(dataset(f"d{number}")) + b"\n" for number in range(11)]
    key = uuid.uuid4()
    # Within a line: the whole ones before it count, and the import is not done.
    torn = send(root, b"".join(lines[:3]) + lines[3][:9], query=f"?import={key}")
    assert (torn[-1]["problem"]["code"], torn[-1]["acknowledged_line"]) == ("invalid-input", 3)
    assert CatalogImport.objects.get().state == "running"
    # Again, between two lines, which nobody can tell from an end.
    send(root, b"".join(lines[first_line - 1 : 6]), query=f"?import={key}&first_line={first_line}")
    assert CatalogImport.objects.get().acknowledged_line == 6
    for _ in range(2):
        done = send(root, b"".join(lines), query=f"?import={key}")
        assert (done[-1]["state"], done[-1]["created"]) == ("completed", 11)
    assert Dataset.objects.count() == 11
    assert CatalogImport.objects.get().cuts == [3, 6, 11]


def test_a_body_shorter_than_announced_is_cut_off() -> None:
    """As a server hands it over when the client is gone."""

    def read(length: str) -> bytes:
        request = SimpleNamespace(META={"CONTENT_LENGTH": length}, read=io.BytesIO(b"abc").read)
        whole = _whole(request)
        return whole(2) + whole(2) + whole(2)

    assert read("3") == read("") == b"abc"
    with pytest.raises(InvalidInputError):
        read("4")


def test_an_import_is_its_users_own(root, actors) -> None:
    key = send(root, [dataset("a")])[0]["import"]
    for user in (actors.owner, actors.outsider):
        client = api_client(user)
        assert client.post(f"{IMPORT}?import={key}", b"\n", content_type=NDJSON).status_code == 409
        assert client.get("/api/v1/catalog/imports").json()["items"] == []
        for path in ("", "/problems"):
            assert client.get(f"/api/v1/catalog/imports/{key}{path}").status_code == 404
    assert api_client(root).get(f"/api/v1/catalog/imports/{key}").json()["created"] == 1


def test_a_right_that_ends_meanwhile_ends_the_import(root, actors, monkeypatch) -> None:
    monkeypatch.setattr(cutting, "CHUNK_LINES", 1)
    monkeypatch.setattr(cutting, "READ_BYTES", 64)
    mine = make_dataset("mine", namespace="db", owners=[actors.owner])
    body = b"\n".join(
        orjson.dumps(dataset("mine", description=f"text {number}")) for number in range(5)
    )
    response = api_client(actors.owner).post(IMPORT, io.BytesIO(body).read(), content_type=NDJSON)
    answer = iter(response)
    next(answer)
    assert orjson.loads(next(answer))["updated"] == 1
    mine.owners.all().delete()
    rest = [orjson.loads(line) for line in answer]
    assert refused(rest) == dict.fromkeys(range(2, 6), "permission-denied")
    mine.refresh_from_db()
    assert mine.description == "text 0"


def test_properties_are_checked_by_their_schemas(root) -> None:
    define_property(
        name="level", applies_to="dataset", schema={"type": "integer", "maximum": 3}, actor="t"
    )
    answer = send(
        root,
        [
            dataset("a", properties={"level": 3}),
            dataset("b", properties={"level": 4}),
            dataset("c", properties={"level": "x"}),
        ],
    )
    told = {row["line"]: row["problem"] for row in answer if "line" in row}
    assert {line: problem["pointer"] for line, problem in told.items()} == {
        2: "/properties/level",
        3: "/properties/level",
    }


def test_as_many_statements_for_one_line_as_for_fifty(root) -> None:
    from django.test.utils import CaptureQueriesContext

    def count(names) -> int:
        lines = [dataset(name, fields=[{"name": "a", "tags": ["t"]}], tags=["t"]) for name in names]
        with CaptureQueriesContext(connection) as queries:
            assert refused(send(root, lines)) == {}
        return len(queries)

    count(["warm"])
    assert count(["one"]) == count([f"many{number}" for number in range(50)])
    assert FieldTag.objects.count() == 52
