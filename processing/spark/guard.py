"""Holds a statement to Spark's own parser before Spark may run it.

`processing.sql` judged it when it was declared, by another parser. Where two parsers differ, the stricter one wins.
"""

import re
from typing import Any

# As `LogicalPlan.toString` writes them before anything is resolved.
_FORBIDDEN = re.compile(
    r"ScriptTransform|UnresolvedFunction \[(\w+, )*(reflect|try_reflect|java_method)|"
    r"'?\b(reflect|try_reflect|java_method)\(",
    re.IGNORECASE,
)
# The nodes that Spark 4.1's parser makes of queries; whatever else it makes does something.
_QUERY_NODES = frozenset(
    [
        "Aggregate",
        "Distinct",
        "Except",
        "Filter",
        "Generate",
        "GlobalLimit",
        "Intersect",
        "Join",
        "LateralJoin",
        "LimitAll",
        "LocalLimit",
        "LocalRelation",
        "Offset",
        "OneRowRelation",
        "PipeOperator",
        "Pivot",
        "Project",
        "RelationTimeTravel",
        "RepartitionByExpression",
        "Sample",
        "Sort",
        "SubqueryAlias",
        "Union",
        "Unpivot",
        "UnresolvedHaving",
        "UnresolvedHint",
        "UnresolvedInlineTable",
        "UnresolvedRelation",
        "UnresolvedSubqueryColumnAliases",
        "UnresolvedTVFAliases",
        "UnresolvedTableValuedFunction",
        "UnresolvedWith",
        "WithWindowDefinition",
    ]
)


class ForbiddenStatementError(Exception):
    """The statement is no query, or one that reaches outside the catalog."""


def check_plan(spark: Any, sql: str) -> None:
    """Raise ForbiddenStatementError for all but a query of tables; nothing is executed."""
    plan = spark._jsparkSession.sessionState().sqlParser().parsePlan(sql)  # noqa: SLF001
    if not _QUERY_NODES.issuperset(_plan_kinds(plan)) or _FORBIDDEN.search(plan.toString()):
        raise ForbiddenStatementError("the statement may only query tables of the catalog")


def _plan_kinds(plan: Any) -> list[str]:
    kinds, stack = [], [plan]
    while stack:
        node = stack.pop()
        kinds.append(str(node.getClass().getSimpleName()))
        children = node.children()
        stack += [children.apply(index) for index in range(children.size())]
    return kinds
