"""A Trino cluster's account, a real Iceberg table, and questions in the form of Trino's OPA plugin."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pyiceberg.schema import Schema
from pyiceberg.types import (
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
)

from catalog.models import Dataset
from governance.models import DatasetUserGrant
from identity.models import User
from storage.tables.catalog import LakewardenCatalog
from tests.factories.identity import make_service, make_token, make_user

PEOPLE = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "email", StringType(), required=False),
    NestedField(3, "region", StringType(), required=False),
    NestedField(4, "Age", IntegerType(), required=False),
    NestedField(5, "fare", DoubleType(), required=False),
    NestedField(6, "born", DateType(), required=False),
    NestedField(7, "seen", TimestampType(), required=False),
)
CATALOG = "lakewarden"
PATH = "/opa/v1/data/trino"


@dataclass(frozen=True)
class Trino:
    """Asks as the OPA plugin does. `schema` is the table's."""

    client: Client
    engine: User
    schema: str

    def post(self, name: str, user: str, operation: str, **action: Any):
        document = {
            "input": {
                "context": {
                    "identity": {"user": user, "groups": ["root", "everything"]},
                    "queryId": "20260101_000000_00001_abcde",
                    "softwareStack": {"trinoVersion": "480"},
                },
                "action": {"operation": operation, **action},
            }
        }
        return self.client.post(f"{PATH}/{name}", document, content_type="application/json")

    def result(self, name: str, user: str, operation: str, **action: Any) -> Any:
        answer = self.post(name, user, operation, **action)
        assert answer.status_code == 200, answer.content
        return answer.json()["result"]

    def table(self, name: str = "people", **more: Any) -> dict[str, Any]:
        return {
            "table": {
                "catalogName": CATALOG,
                "schemaName": self.schema,
                "tableName": name,
                **more,
            }
        }

    def column(self, column: str, table: str = "people") -> dict[str, Any]:
        names = self.table(table)["table"]
        return {"column": {**names, "columnName": column, "columnType": "varchar"}}

    def allows(self, user: str, operation: str, resource: Any = None, **more: Any) -> bool:
        action = more if resource is None else {"resource": resource, **more}
        return self.result("allow", user, operation, **action)

    def selects(self, user: str, *columns: str, table: str = "people") -> bool:
        return self.allows(user, "SelectFromColumns", self.table(table, columns=list(columns)))

    def row_filters(self, user: str, table: str = "people") -> list[dict[str, str]]:
        return self.result("rowFilters", user, "GetRowFilters", resource=self.table(table))

    def mask(self, user: str, column: str, table: str = "people") -> dict[str, str] | None:
        resource = self.column(column, table)
        return self.result("columnMask", user, "GetColumnMask", resource=resource)

    def masks(self, user: str, *columns: str) -> dict[str, str]:
        resources = [self.column(each) for each in columns]
        found = self.result("batchColumnMasks", user, "GetColumnMask", filterResources=resources)
        return {columns[each["index"]]: each["viewExpression"]["expression"] for each in found}

    def shown(self, user: str, operation: str, *resources: dict[str, Any]) -> list[int]:
        return self.result("batch", user, operation, filterResources=list(resources))


@pytest.fixture
def people(place):
    return LakewardenCatalog().create_table((*place.levels, "people"), PEOPLE)


@pytest.fixture
def dataset(people) -> Dataset:
    return Dataset.objects.get(iceberg_table__table_uuid=people.metadata.table_uuid)


@pytest.fixture
def engine(db) -> User:
    return make_service("trino")


@pytest.fixture
def superuser(db) -> User:
    return make_user("root", is_superuser=True)


@pytest.fixture
def engine_token(engine, superuser) -> str:
    return make_token(engine, scopes=["engine"], issuer=superuser)


@pytest.fixture
def trino(engine, engine_token, people, place) -> Trino:
    client = Client(headers={"Authorization": f"Bearer {engine_token}"})
    return Trino(client, engine, ".".join(place.levels))


@pytest.fixture
def grant(dataset) -> Callable[..., None]:
    """Give a user an action on the table, perhaps narrowed to rows and columns."""

    def give(user: User, verb: str, **narrowing: Any) -> None:
        DatasetUserGrant.objects.create(
            user=user,
            content_object=dataset,
            permission=Permission.objects.get(codename=f"{verb}_dataset"),
            **narrowing,
        )

    return give
