"""Trino's names for our tables, and the one decision about each."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.utils.crypto import salted_hmac

from api.iceberg.restrictions import is_unrestricted
from api.opa import trino_sql
from api.opa.questions import TrinoTable
from governance.policy.types import ColumnRule, Decision
from storage.tables.documents import TableDocument
from storage.tables.schema import type_name

# What Trino calls a view expression: SQL, and perhaps the `identity` in whose name it is evaluated.
Expression = dict[str, str]
NO_ROWS: Expression = {"expression": "FALSE"}
HIDDEN: Expression = {"expression": "NULL"}
SALT_BYTES = 32
INFORMATION_SCHEMA = "information_schema"
SYSTEM_CATALOG = "system"


def is_ours(catalog: str) -> bool:
    """Whether this is the Trino catalog whose connector reads our Iceberg REST catalog."""
    return catalog == settings.LAKEWARDEN.trino_catalog


def levels_of(schema: str) -> tuple[str, ...]:
    """The Iceberg namespace of a Trino schema: nested ones are joined by dots, which no level's name holds."""
    return tuple(schema.split("."))


def identifier_of(table: TrinoTable) -> tuple[str, ...]:
    """The Iceberg identifier of a table, or of the table that a metadata table such as `t$files` tells of."""
    return (*levels_of(table.schema_name), table.table_name.partition("$")[0])


def tells_of_files(table: TrinoTable) -> bool:
    """Whether this is a metadata table: those show bounds of columns, whatever is masked or filtered."""
    return "$" in table.table_name


def salt_of(query_id: str | None) -> bytes:
    """The salt of one query: the same in each of its requests, and nothing that can be told without our secret."""
    if query_id is None:
        return secrets.token_bytes(SALT_BYTES)
    return salted_hmac("lakewarden.opa.salt", query_id, algorithm="sha256").digest()


@dataclass(frozen=True)
class TableRead:
    """The decision about reading one table, as Trino needs to hear it."""

    document: TableDocument
    decision: Decision

    @cached_property
    def types(self) -> Mapping[str, str]:
        return {field.name: type_name(field.field_type) for field in self.document.schema.fields}

    @cached_property
    def rules(self) -> Mapping[str, ColumnRule]:
        """The visible columns by their lower-case names, as Trino calls them.

        Two names that differ by case only cannot be told apart there, and are not there.
        """
        if self.decision.obligations is None:
            return {}
        names = [name.lower() for name in self.types]
        return {
            rule.name.lower(): rule
            for rule in self.decision.obligations.columns
            if names.count(rule.name.lower()) == 1
        }

    @property
    def is_whole(self) -> bool:
        """Whether every row and every column may be read as it is."""
        return is_unrestricted(self.decision, self.document.schema)

    def row_filter(self, *, engine: str) -> Expression | None:
        """The condition that rows must meet: None is every row, and a refused read gets no row."""
        obligations = self.decision.obligations
        if obligations is None:
            return NO_ROWS
        if obligations.row_filter is None:
            return None
        sql = trino_sql.row_filter_sql(obligations.row_filter, types=self.types)
        return self._expression(sql, obligations.row_filter, engine=engine)

    def mask(self, column: str, *, salt: bytes, engine: str) -> Expression | None:
        """What stands in place of a column: None is the column itself; a hidden one is NULL."""
        rule = self.rules.get(column.lower())
        if rule is None:
            return HIDDEN
        sql = trino_sql.column_sql(rule, types=self.types, salt=salt)
        return None if sql is None else self._expression(sql, rule.visible_when, engine=engine)

    def _expression(self, sql: str, condition: str | None, *, engine: str) -> Expression:
        """In the name of the cluster's account where `condition` uses a column that the user may not select."""
        if condition is not None:
            named = {name.lower() for name in trino_sql.columns_of(condition)}
            if not named <= set(self.rules):
                return {"expression": sql, "identity": engine}
        return {"expression": sql}
