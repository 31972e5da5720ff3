"""What a statement of a pipeline may be: one query over tables of the catalog. Plain Python, no I/O.

The author of a pipeline is trusted with data, not with the machine: Spark SQL can run programs (`TRANSFORM …
USING`), call any Java method (`reflect`) and read any file (``parquet.`path` ``), and none of it is let through. The
runner holds the statement to Spark's own parser as well (`processing.spark.guard`).
"""

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from processing.errors import InvalidPipelineError

DIALECT = "spark"
# The name under which Spark sees our Iceberg catalog.
CATALOG = "lakewarden"
MAX_SQL = 100_000
MAX_NODES = 20_000
# Functions that reach outside the query.
FORBIDDEN_FUNCTIONS = frozenset({"reflect", "try_reflect", "java_method", "input_file_name"})


def check_query(sql: str, *, pointer: str) -> frozenset[str]:
    """The names of the tables that the query reads, dotted; InvalidPipelineError for anything but a query."""
    if not 0 < len(sql) <= MAX_SQL:
        raise InvalidPipelineError(f"a statement has 1 to {MAX_SQL} characters", pointer=pointer)
    if "${" in sql:
        raise InvalidPipelineError("a statement may not hold `${`", pointer=pointer)
    try:
        statements = sqlglot.parse(sql, dialect=DIALECT)
    except (SqlglotError, RecursionError):
        raise InvalidPipelineError(
            "the statement cannot be parsed as Spark SQL", pointer=pointer
        ) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise InvalidPipelineError("a statement must be one SELECT", pointer=pointer)
    query = statements[0]
    _refuse_forbidden(query, pointer)
    return _tables_of(query, pointer)


def _refuse_forbidden(query: exp.Query, pointer: str) -> None:
    for count, node in enumerate(query.walk()):
        if count > MAX_NODES:
            raise InvalidPipelineError("the statement is too large", pointer=pointer)
        if isinstance(
            node, exp.QueryTransform | exp.Command | exp.DML | exp.DDL
        ) and not isinstance(node, exp.Query):
            raise InvalidPipelineError("a statement may only query", pointer=pointer)
        if isinstance(node, exp.Into):
            raise InvalidPipelineError("a statement may only query", pointer=pointer)
        if isinstance(node, exp.Func) and _function_name(node) in FORBIDDEN_FUNCTIONS:
            raise InvalidPipelineError(
                f"the function `{_function_name(node)}` is not allowed", pointer=pointer
            )


def _function_name(node: exp.Func) -> str:
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
    return str(name).rsplit(".", 1)[-1].lower()


def _tables_of(query: exp.Query, pointer: str) -> frozenset[str]:
    named = {each.alias_or_name for each in query.find_all(exp.CTE)}
    tables = set()
    for table in query.find_all(exp.Table):
        if not table.name or table.find_ancestor(exp.Hint):
            continue  # a table-valued function such as `range`, or an alias in a hint
        if "/" in table.name or ":" in table.name:
            raise InvalidPipelineError("a statement reads tables, not files", pointer=pointer)
        dotted = ".".join(part.name for part in table.parts)
        if dotted not in named:
            tables.add(dotted.removeprefix(f"{CATALOG}."))
    return frozenset(tables)
