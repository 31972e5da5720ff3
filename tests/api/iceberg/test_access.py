"""What owner, team-mate, programs and outsider get from the catalog, and what is withheld."""

import pyarrow as pa
import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField, StringType

from catalog.models import Dataset, FieldTag
from governance.models import AuditRecord, DatasetUserGrant, Policy, PolicyVersion
from storage.models import IcebergTable
from storage.services.namespaces import create_namespace
from storage.tables.catalog import LakewardenCatalog
from tests.api.iceberg.conftest import make_account
from tests.factories.audit import audited_by, payload_of, payload_text
from tests.factories.catalog import make_tag

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "email", StringType(), required=False),
    NestedField(3, "region", StringType(), required=False),
)
DELEGATED = {"X-Iceberg-Access-Delegation": "vended-credentials"}


@pytest.fixture
def table(place):
    table = LakewardenCatalog().create_table((*place.levels, "people"), SCHEMA)
    table.append(pa.table({"id": [1], "email": ["a@b.example"], "region": ["EWR"]}))
    return table


@pytest.fixture
def url(place, table) -> str:
    return f"/iceberg/v1/namespaces/{place}/tables/people"


def call(account, method: str, path: str, body=None, **headers):
    send = getattr(Client(headers={**account.headers, **headers}), method)
    return send(path) if body is None else send(path, body, content_type="application/json")


def grant(user, table, verb: str, **narrowing) -> None:
    DatasetUserGrant.objects.create(
        user=user,
        content_object=Dataset.objects.get(iceberg_table__table_uuid=table.metadata.table_uuid),
        permission=Permission.objects.get(codename=f"{verb}_dataset"),
        **narrowing,
    )


def refusals(account):
    """What is recorded of reads that this account was refused."""
    rows = audited_by(account.user.username).filter(action="data.read-denied").order_by("pk")
    return [payload_of(row) for row in rows]


def test_no_token_is_refused_in_the_protocols_form(db):
    answer = Client().get("/iceberg/v1/config")
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {
            "message": "a bearer token is needed",
            "type": "NotAuthorizedException",
            "code": 401,
        }
    }


def test_a_program_that_may_read_all_gets_credentials(url, table, engine):
    answer = call(engine, "get", url, **DELEGATED).json()
    assert answer["metadata-location"] == table.metadata_location
    assert answer["metadata"]["table-uuid"] == str(table.metadata.table_uuid)
    assert answer["metadata"]["current-snapshot-id"] == table.metadata.current_snapshot_id
    assert "read-restrictions" not in answer
    assert answer["config"]["s3.access-key-id"]
    assert answer["storage-credentials"][0]["config"]["s3.secret-access-key"]
    record = AuditRecord.objects.get(action="table.load")
    assert b'"credentials":true' in payload_text(record)


def test_credentials_are_for_programs_that_ask(url, engine, analyst):
    for account, headers in ((engine, {}), (analyst, DELEGATED)):
        answer = call(account, "get", url, **headers).json()
        assert "storage-credentials" not in answer
        assert "s3.secret-access-key" not in answer["config"]


def test_restricted_program_gets_restrictions_and_no_credentials(url, table, db):
    account = make_account("narrow", is_service=True)
    grant(account.user, table, "read", row_filter="region = 'EWR' AND id <> 7")
    dataset = Dataset.objects.get(iceberg_table__table_uuid=table.metadata.table_uuid)
    FieldTag.objects.create(field=dataset.fields.get(name="email"), tag=make_tag("pii.email"))
    PolicyVersion.objects.create(
        policy=Policy.objects.create(name="mask-email"),
        number=1,
        status="published",
        document={
            "name": "mask-email",
            "applies_to": {"field_tags": ["pii.*"]},
            "effect": {"column_mask": "mask-alphanum"},
        },
    )
    answer = call(account, "get", url, **DELEGATED).json()
    assert answer["read-restrictions"] == {
        "required-column-projections": [{"field-id": 2, "action": "mask-alphanum"}],
        "required-row-filter": {
            "type": "and",
            "left": {
                "type": "and",
                "left": {"type": "not-null", "term": "region"},
                "right": {"type": "eq", "term": "region", "value": "EWR"},
            },
            "right": {
                "type": "and",
                "left": {"type": "not-null", "term": "id"},
                "right": {"type": "not-eq", "term": "id", "value": 7},
            },
        },
    }
    assert "storage-credentials" not in answer
    assert "s3.secret-access-key" not in answer["config"]


def test_hidden_columns_become_null_for_engines(url, table, db):
    account = make_account("narrow", is_service=True)
    grant(account.user, table, "read", columns=["id", "region"])
    answer = call(account, "get", url, **DELEGATED).json()
    assert answer["read-restrictions"] == {
        "required-column-projections": [{"field-id": 2, "action": "replace-with-null"}]
    }


def test_what_is_lost_by_narrowing_is_reported(url, table, db):
    account = make_account("narrow", is_service=True)
    grant(account.user, table, "read", columns=["id"])
    assert "lakewarden.lost-columns" not in call(account, "get", url).json()["config"]
    grant(account.user, table, "read", row_filter="region = 'EWR'", columns=["id", "region"])
    answer = call(account, "get", url).json()
    assert answer["config"]["lakewarden.lost-columns"] == '["region"]'
    assert {
        each["field-id"] for each in answer["read-restrictions"]["required-column-projections"]
    } == {
        2,
        3,
    }
    loads = AuditRecord.objects.filter(action="table.load").order_by("pk")
    told = [payload_of(row)["lost_columns"] for row in loads]
    assert told == [[], ["region"]]


def test_what_an_engine_cannot_apply_is_refused(url, table, db):
    account = make_account("narrow", is_service=True)
    grant(account.user, table, "read", row_filter="lower(region) = 'ewr'")
    answer = call(account, "get", url, **DELEGATED)
    assert answer.status_code == 403
    assert answer.json()["error"]["type"] == "ForbiddenException"
    (told,) = refusals(account)
    assert (told["effect"], told["via"], told["outcome"]) == (
        "allow",
        "iceberg",
        answer.json()["error"]["message"],
    )


def test_a_load_that_opens_no_data_is_a_refused_decision(url, table, outsider, place):
    """Of a table that may be seen and not read, known and not seen, and not even known; of none the same is recorded."""
    viewer, finder = (make_account(name, is_service=True) for name in ("viewer", "finder"))
    grant(viewer.user, table, "view")
    grant(finder.user, table, "discover")
    for account, status in ((viewer, 200), (finder, 403), (outsider, 404)):
        assert call(account, "get", url, **DELEGATED).status_code == status
        assert call(account, "head", url).status_code in (204, 404)
        (told,) = refusals(account)
        assert (told["effect"], told["via"], told["reasons"][0]["kind"]) == (
            "deny",
            "iceberg",
            "missing",
        )
    hidden = refusals(outsider)
    assert call(outsider, "get", f"/iceberg/v1/namespaces/{place}/tables/none").status_code == 404
    assert refusals(outsider) == hidden * 2
    assert not AuditRecord.objects.filter(action="table.load").exists()


def test_outsider_cannot_tell_a_table_from_none(url, outsider, place):
    for method, path in [
        ("get", url),
        ("delete", url),
        ("head", url),
        ("post", f"{url}/metrics"),
    ]:
        body = {} if method == "post" else None
        there = call(outsider, method, path, body)
        absent = call(outsider, method, path.replace("people", "nobody"), body)
        assert (there.status_code, absent.status_code) == (404, 404)
        if method != "head":
            assert there.json()["error"]["type"] == "NoSuchTableException"
            assert there.content.replace(b"people", b"nobody") == absent.content
    assert call(outsider, "get", "/iceberg/v1/namespaces").json()["namespaces"] == []
    assert call(outsider, "get", f"/iceberg/v1/namespaces/{place}").status_code == 404


def test_reader_cannot_write_and_writer_cannot_drop(url, analyst, engine, table):
    change = {
        "requirements": [{"type": "assert-table-uuid", "uuid": str(table.metadata.table_uuid)}],
        "updates": [{"action": "set-properties", "updates": {"a": "b"}}],
    }
    assert call(analyst, "post", url, change).status_code == 403
    assert call(engine, "post", url, change).json()["metadata"]["properties"] == {"a": "b"}
    assert call(engine, "delete", url).status_code == 403
    assert call(analyst, "delete", url).status_code == 403


def test_reading_token_cannot_write(url, engine, table):
    reading = make_account("reading", scopes=("read",))
    grant(reading.user, table, "write")
    assert call(reading, "post", url, {"updates": []}).status_code == 403


def test_creation_needs_the_domain(place, engine, analyst, outsider):
    body = {"name": "fresh", "schema": SCHEMA.model_dump()}
    path = f"/iceberg/v1/namespaces/{place}/tables"
    assert call(outsider, "post", path, body).status_code == 404
    # She sees nothing here yet, and may create nothing: to her the namespace is not there.
    assert call(analyst, "post", path, body).status_code == 404
    assert call(engine, "post", path, body).status_code == 200
    dataset = Dataset.objects.get(name=f"{place}.fresh")
    assert dataset.domain.slug == place.properties["lakewarden.domain"]
    assert [owner.user.username for owner in dataset.owners.all()] == ["engine"]
    assert call(analyst, "post", path, {**body, "name": "other"}).status_code == 403


def test_placing_and_registering_are_for_superusers(place, engine, table, object_buckets):
    body = {
        "name": "fresh",
        "schema": SCHEMA.model_dump(),
        "location": f"s3://{object_buckets[0]}/x/y",
    }
    assert call(engine, "post", f"/iceberg/v1/namespaces/{place}/tables", body).status_code == 403
    body = {"name": "again", "metadata-location": table.metadata_location}
    assert call(engine, "post", f"/iceberg/v1/namespaces/{place}/register", body).status_code == 403
    moved = {
        "requirements": [],
        "updates": [{"action": "set-location", "location": f"{table.location()}-2"}],
    }
    path = f"/iceberg/v1/namespaces/{place}/tables/people"
    assert call(engine, "post", path, moved).status_code == 403


def test_transaction_is_all_or_nothing(place, engine, table):
    path = f"/iceberg/v1/namespaces/{place}/tables"
    call(engine, "post", path, {"name": "other", "schema": SCHEMA.model_dump()})

    def change(name: str, uuid: str) -> dict:
        return {
            "identifier": {"namespace": place.levels, "name": name},
            "requirements": [{"type": "assert-table-uuid", "uuid": uuid}],
            "updates": [{"action": "set-properties", "updates": {"seen": "yes"}}],
        }

    rows = {row.name: row for row in IcebergTable.objects.filter(namespace=place)}
    good = change("other", str(rows["other"].table_uuid))
    bad = change("people", "00000000-0000-0000-0000-000000000000")
    answer = call(engine, "post", "/iceberg/v1/transactions/commit", {"table-changes": [good, bad]})
    assert (answer.status_code, answer.json()["error"]["type"]) == (409, "CommitFailedException")
    rows["other"].refresh_from_db()
    assert rows["other"].metadata["properties"] == {}
    bad["requirements"] = []
    answer = call(engine, "post", "/iceberg/v1/transactions/commit", {"table-changes": [good, bad]})
    assert answer.status_code == 204
    rows["other"].refresh_from_db()
    assert rows["other"].metadata["properties"] == {"seen": "yes"}


def test_pages(place, engine):
    for name in ("a", "b", "c"):
        LakewardenCatalog().create_table((*place.levels, name), SCHEMA)
    path = f"/iceberg/v1/namespaces/{place}/tables"
    first = call(engine, "get", f"{path}?pageSize=2").json()
    second = call(engine, "get", f"{path}?pageSize=2&pageToken={first['next-page-token']}").json()
    names = [each["name"] for page in (first, second) for each in page["identifiers"]]
    assert names == ["a", "b", "c"]
    assert second["next-page-token"] is None


def test_nested_namespaces_and_views(place, engine):
    (level,) = place.levels
    create_namespace(levels=(level, "inner"))
    answer = call(engine, "get", f"/iceberg/v1/namespaces/{level}%1Finner")
    assert answer.json()["namespace"] == [level, "inner"]
    missing = call(engine, "get", f"/iceberg/v1/namespaces/{level}%1Fnone/views/v")
    assert missing.json()["error"]["type"] == "NoSuchViewException"
    missing = call(engine, "get", f"/iceberg/v1/namespaces/{level}%1Fnone/tables/snapshots")
    assert missing.json()["error"]["type"] == "NoSuchTableException"
    assert call(engine, "get", f"/iceberg/v1/namespaces/{level}/views").json() == {
        "identifiers": []
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("not json", 400),
        ({"updates": "x"}, 400),
        ({"updates": [{"action": "upgrade-format-version", "format-version": 3}]}, 406),
        ({"updates": [{"action": "no-such-update"}]}, 400),
        (
            {"updates": [{"action": "set-properties", "updates": {"write.data.path": "s3://x/y"}}]},
            400,
        ),
        (
            {
                "requirements": [{"type": "assert-current-schema-id", "current-schema-id": 9}],
                "updates": [],
            },
            409,
        ),
    ],
)
def test_bad_commits(url, engine, body, status):
    answer = call(engine, "post", url, body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == status
