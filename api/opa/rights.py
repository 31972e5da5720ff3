"""What a user may do in Trino: each operation of its OPA plugin, answered by the kernel as the Iceberg catalog is.

INVARIANT: what is not named here is denied, and so is what cannot be evaluated.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from api.iceberg.access import (
    read_decision,
    require_creation,
    require_namespace,
    require_namespace_change,
    require_table,
    visible_namespaces,
    visible_tables,
)
from api.iceberg.requests import Caller
from api.opa.questions import Resource, TrinoTable
from api.opa.tables import (
    INFORMATION_SCHEMA,
    SYSTEM_CATALOG,
    TableRead,
    identifier_of,
    is_ours,
    levels_of,
    tells_of_files,
)
from core.errors import LakewardenError, NotFoundError
from governance.policy.types import Action, Decision, Reason
from governance.services.audit import record_decision
from identity.models import User
from storage.services.namespaces import domain_of
from storage.tables.documents import read_document

MAX_NAMED = 20
BUILTIN = (SYSTEM_CATALOG, "builtin")
# What drivers ask of `system`; Trino fills these by asking us for each name in them.
OPEN_SYSTEM_SCHEMAS = frozenset({"jdbc", INFORMATION_SCHEMA})
# The operations on a table that exists, and what each needs; the Iceberg catalog asks the same for a commit.
TABLE_ACTIONS: Mapping[str, Action] = {
    "ShowColumns": Action.VIEW_METADATA,
    "ShowCreateTable": Action.VIEW_METADATA,
    "InsertIntoTable": Action.WRITE,
    "DeleteFromTable": Action.WRITE,
    "TruncateTable": Action.WRITE,
    "UpdateTableColumns": Action.WRITE,
    "AddColumn": Action.WRITE,
    "AlterColumn": Action.WRITE,
    "DropColumn": Action.WRITE,
    "RenameColumn": Action.WRITE,
    "SetTableProperties": Action.WRITE,
    "SetTableComment": Action.WRITE,
    "SetColumnComment": Action.WRITE,
    "DropTable": Action.MANAGE,
    "ExecuteTableProcedure": Action.MANAGE,
}


class Rights:
    """One user's answers to one request; facts and decisions are read once, so that they agree with each other.

    `engine` is the account of the Trino cluster itself. It may name any column of a table, since Trino evaluates in its
    name the row filters that use columns which the user may not see; rows it gets only as any other user.
    """

    def __init__(self, caller: Caller, *, engine: User) -> None:
        self.caller = caller
        self.engine = engine
        self.is_engine = caller.user.pk == engine.pk
        self._reads: dict[tuple[str, ...], TableRead | None] = {}
        self._names: dict[tuple[str, ...], frozenset[str]] = {}

    def allows(self, operation: str, resource: Resource, *, target: Resource | None = None) -> bool:
        """Whether the user may do this; False for what we do not know and for what fails."""
        if not self.caller.user.is_active:
            return False
        try:
            if operation in TABLE_ACTIONS:
                return self._may_do(TABLE_ACTIONS[operation], resource)
            if operation == "RenameTable":
                return self._may_rename(resource, target or Resource())
            answer = _ANSWERS.get(operation)
            return answer is not None and answer(self, resource)
        except LakewardenError:
            return False

    def columns_shown(self, table: TrinoTable) -> list[int]:
        """The places in `table.columns` of those that the user may know: `FilterColumns` of one table."""
        names = table.columns or []
        if self._is_open_system(table.catalog_name, table.schema_name):
            return list(range(len(names)))
        read = self.read_of(table)
        if read is None or not self.allows("ShowColumns", Resource(table=table)):
            return []
        known = set(read.rules) if read.decision.allowed else {each.lower() for each in read.types}
        if tells_of_files(table):
            return list(range(len(names))) if read.is_whole else []
        return [place for place, name in enumerate(names) if name.lower() in known]

    def read_of(self, table: TrinoTable) -> TableRead | None:
        """The decision about reading a table, made once; None where there is no such table of ours."""
        if not is_ours(table.catalog_name):
            return None
        identifier = identifier_of(table)
        if identifier not in self._reads:
            self._reads[identifier] = self._decide(identifier)
        return self._reads[identifier]

    def needs_no_restriction(self, table: TrinoTable) -> bool:
        """Whether Trino may show a table as it is: one of its own, or a metadata table of one that is read whole."""
        if self._is_open_system(table.catalog_name, table.schema_name):
            return True
        if not tells_of_files(table):
            return False
        read = self.read_of(table)
        return read is not None and read.is_whole

    def record_select(self, table: TrinoTable, *, allowed: bool, query_id: str | None) -> None:
        """The audit record of a decision about data, where there is a table that it was about."""
        read = self.read_of(table)
        if read is None or self.is_engine:
            return
        asked = {"columns": table.columns or [], "query_id": query_id, "table": table.table_name}
        wanted = {name.lower() for name in table.columns or ()}
        decision = read.decision
        if decision.allowed and not allowed:
            decision = _refused_columns(sorted(wanted - set(read.rules)))
        record_decision(
            principal=self.caller.principal,
            dataset=read.document.table.dataset,
            decision=decision,
            via="trino",
            asked=asked,
            columns={rule.name for name, rule in read.rules.items() if name in wanted},
        )

    @cached_property
    def _namespaces(self) -> frozenset[tuple[str, ...]]:
        return frozenset(visible_namespaces(self.caller))

    def _decide(self, identifier: tuple[str, ...]) -> TableRead | None:
        try:
            document = read_document(identifier)
        except NotFoundError:
            return None
        return TableRead(document, read_decision(self.caller, document.table))

    def is_superuser(self) -> bool:
        return self.caller.principal.is_superuser

    def _is_open_system(self, catalog: str, schema: str) -> bool:
        """Whether a schema is Trino's own and tells of nothing but what the other questions let through."""
        if catalog == SYSTEM_CATALOG:
            return schema in OPEN_SYSTEM_SCHEMAS or self.is_superuser()
        return schema == INFORMATION_SCHEMA and self._may_enter(catalog)

    def _may_enter(self, catalog: str) -> bool:
        if catalog == SYSTEM_CATALOG:
            return True
        return is_ours(catalog) and (self.is_engine or bool(self._namespaces))

    def _may_do(self, action: Action, resource: Resource) -> bool:
        table = resource.table
        if table is None:
            return False
        if self._is_open_system(table.catalog_name, table.schema_name):
            return action is Action.VIEW_METADATA
        if not is_ours(table.catalog_name):
            return False
        # No engine writes through a metadata table.
        if tells_of_files(table) and action is not Action.VIEW_METADATA:
            return False
        require_table(self.caller, identifier_of(table), action)
        return True

    def _may_rename(self, resource: Resource, target: Resource) -> bool:
        if target.table is None or not is_ours(target.table.catalog_name):
            return False
        if not self._may_do(Action.MANAGE, resource):
            return False
        require_creation(self.caller, identifier_of(target.table))
        return True

    def may_select(self, resource: Resource) -> bool:
        table = resource.table
        if table is None:
            return False
        if self._is_open_system(table.catalog_name, table.schema_name):
            return True
        # Its own row filter and masks, which Trino asks for as well, keep closed what it may not read.
        if self.is_engine and not tells_of_files(table):
            return is_ours(table.catalog_name)
        read = self.read_of(table)
        if read is None or not read.decision.allowed:
            return False
        if tells_of_files(table):
            return read.is_whole
        return {name.lower() for name in table.columns or ()} <= set(read.rules)

    def shows_table(self, resource: Resource) -> bool:
        table = resource.table
        if table is None:
            return False
        if self._is_open_system(table.catalog_name, table.schema_name):
            return True
        if not is_ours(table.catalog_name):
            return False
        *levels, name = identifier_of(table)
        key = tuple(levels)
        if key not in self._names:
            self._names[key] = frozenset(visible_tables(self.caller, key))
        return name in self._names[key]

    def shows_columns(self, resource: Resource) -> bool:
        table = resource.table
        return table is not None and len(self.columns_shown(table)) == len(table.columns or [])

    def shows_schema(self, resource: Resource) -> bool:
        schema = resource.schema
        if schema is None:
            return False
        if self._is_open_system(schema.catalog_name, schema.schema_name):
            return True
        return is_ours(schema.catalog_name) and levels_of(schema.schema_name) in self._namespaces

    def enters_catalog(self, resource: Resource) -> bool:
        return resource.catalog is not None and self._may_enter(resource.catalog.name)

    def may_create_table(self, resource: Resource) -> bool:
        table = resource.table
        if table is None or not is_ours(table.catalog_name) or tells_of_files(table):
            return False
        if "location" in (table.properties or {}) and not self.is_superuser():
            return False
        require_creation(self.caller, identifier_of(table))
        return True

    def may_change_schema(self, resource: Resource) -> bool:
        schema = resource.schema
        if schema is None or not is_ours(schema.catalog_name):
            return False
        if "location" in (schema.properties or {}) and not self.is_superuser():
            return False
        levels = levels_of(schema.schema_name)
        require_namespace_change(self.caller, levels, domains=[domain_of(levels)])
        return True

    def may_drop_schema(self, resource: Resource) -> bool:
        schema = resource.schema
        if schema is None or not is_ours(schema.catalog_name):
            return False
        require_namespace(self.caller, levels_of(schema.schema_name))
        return self.may_change_schema(resource)

    def owns_query(self, resource: Resource) -> bool:
        owner = resource.user
        return owner is not None and (
            owner.user == self.caller.user.username or self.is_superuser()
        )

    def is_self(self, resource: Resource) -> bool:
        return resource.user is not None and resource.user.user == self.caller.user.username

    def may_call(self, resource: Resource) -> bool:
        """Trino's own functions compute; those of a connector may read tables past every filter."""
        function = resource.function
        return function is not None and (function.catalog_name, function.schema_name) == BUILTIN

    def shows_functions(self, resource: Resource) -> bool:
        schema = resource.schema
        return schema is not None and (schema.catalog_name, schema.schema_name) == BUILTIN

    def sets_session(self, resource: Resource) -> bool:
        given = resource.catalog_session_property
        return (
            given is not None
            and is_ours(given.catalog_name)
            and self._may_enter(given.catalog_name)
        )


def _refused_columns(names: Sequence[str]) -> Decision:
    """Of a read that is allowed, but not with these columns."""
    listed = ", ".join(f"`{name}`" for name in names[:MAX_NAMED])
    return Decision("deny", (Reason("missing", f"what may be read does not open {listed}"),))


def _known_user(rights: Rights, resource: Resource) -> bool:
    """What every active user may do: it tells of no table."""
    del rights, resource
    return True


def _superuser(rights: Rights, resource: Resource) -> bool:
    del resource
    return rights.is_superuser()


_ANSWERS: Mapping[str, Callable[[Rights, Resource], bool]] = {
    "ExecuteQuery": _known_user,
    "SetSystemSessionProperty": _known_user,
    "ReadSystemInformation": _superuser,
    "WriteSystemInformation": _superuser,
    "ImpersonateUser": Rights.is_self,
    "ViewQueryOwnedBy": Rights.owns_query,
    "FilterViewQueryOwnedBy": Rights.owns_query,
    "KillQueryOwnedBy": Rights.owns_query,
    "AccessCatalog": Rights.enters_catalog,
    "FilterCatalogs": Rights.enters_catalog,
    "ShowSchemas": Rights.enters_catalog,
    "FilterSchemas": Rights.shows_schema,
    "ShowTables": Rights.shows_schema,
    "ShowCreateSchema": Rights.shows_schema,
    "CreateSchema": Rights.may_change_schema,
    "DropSchema": Rights.may_drop_schema,
    "FilterTables": Rights.shows_table,
    "FilterColumns": Rights.shows_columns,
    "SelectFromColumns": Rights.may_select,
    "CreateTable": Rights.may_create_table,
    "ExecuteFunction": Rights.may_call,
    "FilterFunctions": Rights.may_call,
    "ShowFunctions": Rights.shows_functions,
    "SetCatalogSessionProperty": Rights.sets_session,
}
