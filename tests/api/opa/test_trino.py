"""What owner, analysts and outsider may do in Trino, and what is withheld from them there."""

import pytest
from django.test import Client

from catalog.models import Dataset, FieldTag
from governance.auditing.reading import read_record
from governance.models import AuditRecord
from storage.services.namespaces import create_namespace
from storage.tables.catalog import LakewardenCatalog
from tests.api.opa.conftest import CATALOG, PATH, PEOPLE
from tests.factories.audit import payload_text
from tests.factories.catalog import make_tag
from tests.factories.governance import make_mask, make_policy
from tests.factories.identity import make_service, make_token, make_user

pytestmark = pytest.mark.django_db
COLUMNS = ["id", "email", "region", "age", "fare", "born", "seen"]


@pytest.fixture
def analyst(db):
    return make_user("ana", attributes={"region": "EWR"})


@pytest.fixture
def outsider(db):
    return make_user("otto")


def test_without_the_scope_nothing_is_answered(trino, engine, superuser):
    for token in (None, make_token(engine), make_token(superuser, scopes=["admin"])):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = Client(headers=headers).post(
            f"{PATH}/allow", {"input": {}}, content_type="application/json"
        )
        assert answer.status_code == (403 if token else 401)


def test_the_scope_is_given_by_superusers_and_works_for_nobody_else(trino, superuser):
    demoted = make_token(superuser, scopes=["engine"])
    superuser.is_superuser = False
    superuser.save()
    client = Client(headers={"Authorization": f"Bearer {demoted}"})
    answer = client.post(f"{PATH}/allow", {"input": {}}, content_type="application/json")
    assert answer.status_code == 403


def test_the_token_may_come_in_the_context_as_trino_sends_it(trino, engine_token, superuser):
    context = {"identity": {"user": "root"}, "properties": {"lakewarden-token": engine_token}}
    question = {"context": context, "action": {"operation": "ExecuteQuery"}}
    send = {"data": {"input": question}, "content_type": "application/json"}
    assert Client().post(f"{PATH}/allow", **send).json() == {"result": True}
    context["properties"] = {"lakewarden-token": engine_token + "x"}
    assert Client().post(f"{PATH}/allow", **send).status_code == 401
    # Nowhere else does a body speak for its sender.
    context["properties"] = {"lakewarden-token": engine_token}
    assert Client().post("/api/v1/policies", **send).status_code == 401


def test_a_question_that_is_none_is_named(trino):
    for body in ({}, {"input": {"context": {}}}, {"input": []}, []):
        answer = trino.client.post(f"{PATH}/allow", body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")


def test_who_is_unknown_or_inactive_may_do_nothing(trino, analyst, grant):
    grant(analyst, "read")
    assert trino.selects("ana", "id")
    assert not trino.allows("nobody", "ExecuteQuery")
    assert trino.row_filters("nobody") == [{"expression": "FALSE"}]
    assert trino.mask("nobody", "id") == {"expression": "NULL"}
    assert trino.shown("nobody", "FilterTables", trino.table()) == []
    analyst.is_active = False
    analyst.save()
    assert not trino.selects("ana", "id")
    assert trino.row_filters("ana") == [{"expression": "FALSE"}]


def test_an_outsider_sees_no_name_and_reads_nothing(trino, outsider):
    schema = {"schema": {"catalogName": CATALOG, "schemaName": trino.schema}}
    assert trino.shown("otto", "FilterCatalogs", {"catalog": {"name": CATALOG}}) == []
    assert trino.shown("otto", "FilterSchemas", schema) == []
    assert trino.shown("otto", "FilterTables", trino.table()) == []
    assert trino.shown("otto", "FilterColumns", trino.table(columns=COLUMNS)) == []
    assert not trino.selects("otto", "id")
    assert trino.row_filters("otto") == [{"expression": "FALSE"}]
    assert trino.masks("otto", *COLUMNS) == dict.fromkeys(COLUMNS, "NULL")
    assert not trino.allows("otto", "AccessCatalog", {"catalog": {"name": CATALOG}})


def test_what_may_be_read_whole_has_no_filter_and_no_mask(trino, analyst, grant):
    grant(analyst, "read")
    schema = {"schema": {"catalogName": CATALOG, "schemaName": trino.schema}}
    elsewhere = {"schema": {"catalogName": "hive", "schemaName": trino.schema}}
    assert trino.shown(
        "ana", "FilterCatalogs", {"catalog": {"name": "hive"}}, {"catalog": {"name": CATALOG}}
    ) == [1]
    assert trino.shown("ana", "FilterSchemas", elsewhere, schema) == [1]
    assert trino.shown("ana", "FilterTables", trino.table("other"), trino.table()) == [1]
    assert trino.shown("ana", "FilterColumns", trino.table(columns=["nope", *COLUMNS])) == [
        *range(1, 8)
    ]
    assert trino.selects("ana", *COLUMNS)
    assert not trino.selects("ana", "nope")
    assert trino.row_filters("ana") == []
    assert trino.masks("ana", *COLUMNS) == {}
    assert trino.mask("ana", "email") is None


def test_metadata_alone_shows_names_and_no_data(trino, analyst, grant):
    grant(analyst, "view")
    assert trino.allows("ana", "ShowColumns", trino.table())
    assert trino.shown("ana", "FilterColumns", trino.table(columns=COLUMNS)) == [*range(7)]
    assert not trino.selects("ana")
    assert trino.row_filters("ana") == [{"expression": "FALSE"}]


def test_rows_and_columns_are_narrowed_by_one_decision(trino, analyst, grant, dataset):
    grant(analyst, "read", row_filter="region = principal.region", columns=["id", "email"])
    assert trino.selects("ana", "id", "email")
    assert not trino.selects("ana", "id", "region")
    assert trino.shown("ana", "FilterColumns", trino.table(columns=COLUMNS)) == [0, 1]
    # The filter's column is hidden from the user: Trino evaluates it in the name of its own account.
    assert trino.row_filters("ana") == [{"expression": "(\"region\" = 'EWR')", "identity": "trino"}]
    assert trino.masks("ana", *COLUMNS) == dict.fromkeys(COLUMNS[2:], "NULL")
    assert trino.allows("trino", "AccessCatalog", {"catalog": {"name": CATALOG}})
    assert trino.selects("trino", "region")
    assert trino.row_filters("trino") == [{"expression": "FALSE"}]


def test_two_rectangles_hide_single_cells(trino, analyst, grant):
    grant(analyst, "read", row_filter="region = 'EWR'", columns=["id", "region"])
    grant(analyst, "read", row_filter="id < 10", columns=["email", "id"])
    assert trino.row_filters("ana") == [{"expression": '(("id" < 10) OR ("region" = \'EWR\'))'}]
    assert trino.masks("ana", "id", "email", "region") == {
        "email": 'CASE WHEN ("id" < 10) THEN "email" END',
        "region": 'CASE WHEN ("region" = \'EWR\') THEN "region" END',
    }


def test_masks_of_policies_are_trinos_sql(trino, analyst, grant, dataset):
    grant(analyst, "read")
    FieldTag.objects.create(field=dataset.fields.get(name="email"), tag=make_tag("pii.email"))
    make_mask("pii.email", "sha-256-global")
    assert trino.masks("ana", *COLUMNS) == {"email": 'lower(to_hex(sha256(to_utf8("email"))))'}
    assert trino.mask("ana", "EMAIL") == {"expression": 'lower(to_hex(sha256(to_utf8("email"))))'}
    assert trino.selects("ana", "email")


def test_a_query_has_one_salt_and_the_next_another(trino, analyst, grant, dataset):
    grant(analyst, "read")
    FieldTag.objects.create(field=dataset.fields.get(name="email"), tag=make_tag("pii.email"))
    make_mask("pii.email", "sha-256-query-local")
    one = trino.masks("ana", "email")["email"]
    assert one == trino.mask("ana", "email")["expression"]
    document = {
        "context": {"identity": {"user": "ana"}, "queryId": "another"},
        "action": {"operation": "GetColumnMask", "resource": trino.column("email")},
    }
    other = trino.client.post(
        f"{PATH}/columnMask", {"input": document}, content_type="application/json"
    )
    assert other.json()["result"]["expression"] != one


def test_metadata_tables_show_bounds_so_they_need_an_unrestricted_read(
    trino, analyst, grant, dataset
):
    grant(analyst, "read")
    assert trino.selects("ana", "file_path", table="people$files")
    assert trino.row_filters("ana", "people$files") == []
    assert trino.mask("ana", "lower_bounds", "people$files") is None
    make_policy(
        {
            "name": "only-ewr",
            "applies_to": {"name": dataset.name},
            "effect": {"row_filter": "region = 'EWR'"},
        }
    )
    assert trino.selects("ana", "id")
    assert not trino.selects("ana", "file_path", table="people$files")
    assert trino.row_filters("ana", "people$files") == [{"expression": "FALSE"}]
    assert trino.mask("ana", "lower_bounds", "people$files") == {"expression": "NULL"}
    assert not trino.selects("trino", "file_path", table="people$files")


def test_a_deny_wins_everywhere(trino, analyst, grant, dataset):
    grant(analyst, "read")
    make_policy(
        {
            "name": "closed",
            "applies_to": {"name": dataset.name},
            "effect": {"deny": "discover"},
        }
    )
    assert trino.shown("ana", "FilterTables", trino.table()) == []
    assert not trino.selects("ana", "id")
    assert trino.row_filters("ana") == [{"expression": "FALSE"}]


def test_writing_is_asked_of_the_kernel_as_a_commit_is(trino, analyst, outsider, grant, place):
    grant(analyst, "read")
    for operation in ("InsertIntoTable", "DeleteFromTable", "AddColumn", "TruncateTable"):
        assert not trino.allows("ana", operation, trino.table())
    grant(analyst, "write")
    for operation in ("InsertIntoTable", "DeleteFromTable", "AddColumn", "TruncateTable"):
        assert trino.allows("ana", operation, trino.table())
        assert not trino.allows("ana", operation, trino.table("people$files"))
        assert not trino.allows("otto", operation, trino.table())
    assert not trino.allows("ana", "DropTable", trino.table())
    grant(analyst, "manage")
    assert trino.allows("ana", "DropTable", trino.table())
    # The destination must be open to them as well.
    rename = {"targetResource": trino.table("persons")}
    assert not trino.allows("ana", "RenameTable", trino.table(), **rename)
    assert trino.allows("root", "RenameTable", trino.table(), **rename)


def test_creating_asks_the_namespaces_domain(trino, domain, superuser, outsider):
    steward = make_user("steward")
    domain.stewards.create(user=steward)
    new = trino.table("fresh")
    schema = {"schema": {"catalogName": CATALOG, "schemaName": f"{trino.schema}.deeper"}}
    for operation, resource in (("CreateTable", new), ("CreateSchema", schema)):
        assert trino.allows("steward", operation, resource)
        assert not trino.allows("otto", operation, resource)
    placed = trino.table("fresh", properties={"location": "s3://elsewhere/x"})
    assert not trino.allows("steward", "CreateTable", placed)
    assert trino.allows("root", "CreateTable", placed)


def test_nested_namespaces_are_schemas_with_dots(trino, analyst, place, domain):
    levels = (*place.levels, "deep")
    create_namespace(levels=levels, properties={"lakewarden.domain": domain.slug})
    LakewardenCatalog().create_table((*levels, "people"), PEOPLE)
    deep = Dataset.objects.get(name=".".join((*levels, "people")))
    deep.owners.create(user=analyst)
    named = {"catalogName": CATALOG, "schemaName": ".".join(levels)}
    table = {"table": {**named, "tableName": "people"}}
    assert trino.shown("ana", "FilterTables", trino.table(), table) == [1]
    assert trino.shown("ana", "FilterSchemas", {"schema": named}) == [0]


def test_what_trino_itself_offers(trino, analyst, outsider, superuser, grant):
    grant(analyst, "read")
    builtin = {"catalogName": "system", "schemaName": "builtin", "functionName": "lower"}
    ours = {"catalogName": CATALOG, "schemaName": "system", "functionName": "table_changes"}
    runtime = {"table": {"catalogName": "system", "schemaName": "runtime", "tableName": "queries"}}
    names = {
        "table": {"catalogName": CATALOG, "schemaName": "information_schema", "tableName": "tables"}
    }
    answers = {
        ("ana", "ExecuteQuery"): trino.allows("ana", "ExecuteQuery"),
        ("ana", "builtin"): trino.allows("ana", "ExecuteFunction", {"function": builtin}),
        ("ana", "ours"): trino.allows("ana", "ExecuteFunction", {"function": ours}),
        ("ana", "procedure"): trino.allows("ana", "ExecuteProcedure", {"function": ours}),
        ("ana", "runtime"): trino.allows("ana", "SelectFromColumns", runtime),
        ("root", "runtime"): trino.allows("root", "SelectFromColumns", runtime),
        ("ana", "names"): trino.allows("ana", "SelectFromColumns", names),
        ("otto", "names"): trino.allows("otto", "SelectFromColumns", names),
        ("ana", "impersonate"): trino.allows("ana", "ImpersonateUser", {"user": {"user": "root"}}),
        ("ana", "own query"): trino.allows("ana", "KillQueryOwnedBy", {"user": {"user": "ana"}}),
        ("otto", "her query"): trino.allows("otto", "ViewQueryOwnedBy", {"user": {"user": "ana"}}),
        ("root", "CreateView"): trino.allows("root", "CreateView", trino.table("v")),
        ("root", "new in Trino"): trino.allows("root", "OpenTheDoor", trino.table()),
    }
    assert {key for key, allowed in answers.items() if allowed} == {
        ("ana", "ExecuteQuery"),
        ("ana", "builtin"),
        ("root", "runtime"),
        ("ana", "names"),
        ("ana", "own query"),
    }


def test_each_decision_about_data_is_in_the_log(trino, analyst, outsider, grant, dataset):
    grant(analyst, "read", columns=["id"])
    trino.selects("ana", "id")
    trino.selects("ana", "email")
    trino.selects("otto", "id")
    found = AuditRecord.objects.filter(action__startswith="data.").order_by("pk")
    assert [(read_record(each).actor, each.action, each.resource) for each in found] == [
        ("ana", "data.read", dataset.node_id),
        ("ana", "data.read-denied", dataset.node_id),
        ("otto", "data.read-denied", dataset.node_id),
    ]
    assert b"does not open `email`" in payload_text(found[1])
    assert b'"query_id":"20260101_000000_00001_abcde"' in payload_text(found[0])


def test_a_batch_reads_the_facts_once(trino, analyst, grant, django_assert_max_num_queries):
    grant(analyst, "read")
    few = [trino.table(f"t{number}") for number in range(3)]
    many = [trino.table(f"t{number}") for number in range(300)]
    with django_assert_max_num_queries(30) as queries:
        trino.shown("ana", "FilterTables", *few)
    asked = len(queries)
    with django_assert_max_num_queries(asked):
        trino.shown("ana", "FilterTables", *many)


def test_wide_tables_are_one_decision(trino, analyst, grant, django_assert_max_num_queries):
    grant(analyst, "read", columns=["id"])
    with django_assert_max_num_queries(40) as queries:
        trino.masks("ana", "id")
    asked = len(queries)
    with django_assert_max_num_queries(asked):
        trino.masks("ana", *COLUMNS)


def test_a_service_accounts_token_of_a_person_who_may_not_give_it(trino):
    with pytest.raises(Exception, match="made by superusers"):
        make_token(make_service("own"), scopes=["engine"], issuer=make_user("somebody"))


def test_a_purpose_is_declared_as_an_extra_credential(trino, analyst, grant):
    # A grant for a purpose holds for who declares it, and for who declares none.
    grant(analyst, "read", purpose="research")
    answers = {}
    for purpose in ("research", "advertising", "", "x" * 201):
        identity = {"user": "ana", "extraCredentials": {"lakewarden-purpose": purpose}}
        action = {"operation": "SelectFromColumns", "resource": trino.table(columns=["id"])}
        question = {"context": {"identity": identity}, "action": action}
        answer = trino.client.post(
            f"{PATH}/allow", {"input": question}, content_type="application/json"
        )
        answers[purpose[:11]] = answer.json().get("result", answer.status_code)
    assert answers == {"research": True, "advertising": False, "": True, "x" * 11: 400}
