"""Column lineage out of SQL, for jobs whose producer tells the query and no `columnLineage`.

Pure text work by sqlglot, no names are looked up: tables of the query are matched with the inputs that the event itself
names, so that an edge never leads from a dataset that the run did not read. What cannot be parsed, or matches two
inputs, gives no edge rather than a wrong one. Only values are followed (DIRECT), not filters and joins.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

from catalog.lineage.columns import ColumnEdge
from catalog.lineage.events import Name

# Longer queries are written by machines that tell column lineage themselves; parsing costs some 10 ms a thousand characters.
MAX_QUERY = 20_000
MAX_COLUMNS = 500

# From the weakest: a path of several steps is as strong as its strongest.
IDENTITY, TRANSFORMATION, AGGREGATION = "IDENTITY", "TRANSFORMATION", "AGGREGATION"
STRENGTH = (IDENTITY, TRANSFORMATION, AGGREGATION)


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset of the event with the names of its fields, empty where the event tells none."""

    name: Name
    fields: tuple[str, ...] = ()


def parse_column_edges(
    query: str,
    *,
    dialect: str = "",
    inputs: Sequence[Table],
    output: Table,
    is_only_output: bool = True,
) -> tuple[ColumnEdge, ...]:
    """The edges by which `query` fills the columns of `output` from `inputs`; none where that cannot be told."""
    if not query or len(query) > MAX_QUERY or not inputs:
        return ()
    try:
        statements = sqlglot.parse(query, dialect=_dialect(dialect))
        found: set[ColumnEdge] = set()
        for statement in statements:
            found |= set(_edges_of(statement, inputs, output, is_only_output=is_only_output))
    except (SqlglotError, RecursionError, ValueError, KeyError, AttributeError, TypeError):
        # sqlglot meets its own limits with any of these; a query that it cannot follow tells nothing.
        return ()
    return tuple(sorted(found))


def _dialect(name: str) -> str | None:
    """What sqlglot calls the facet's dialect; None (its own, permissive) for one that it does not know."""
    known = name.lower().replace("sparksql", "spark").replace("postgresql", "postgres")
    return known if known in sqlglot.Dialects._value2member_map_ else None


def _edges_of(
    statement: exp.Expr | None,
    inputs: Sequence[Table],
    output: Table,
    *,
    is_only_output: bool,
) -> Iterator[ColumnEdge]:
    target, query = _target_and_query(statement)
    if query is None or not (
        _is_called(target, output.name) if target is not None else is_only_output
    ):
        return
    sources = _bind_tables(query, inputs)
    if not sources:
        return
    schema: dict[str, Any] = {
        key: dict.fromkeys(table.fields, "text") for key, table in sources.items() if table.fields
    }
    whole = qualify(query, schema=schema, validate_qualify_columns=False, quote_identifiers=False)
    projections = whole.selects if isinstance(whole, exp.Query) else []
    # Trimming copies the whole query for each column.
    roots = lineage(None, whole, schema, scope=build_scope(whole), trim_selects=False)
    names = _target_columns(statement, output=output, projections=projections)
    for projection, name in list(zip(projections, names, strict=False))[:MAX_COLUMNS]:
        root = roots.get(projection.alias_or_name)
        if not name or root is None or projection.is_star:
            continue
        if output.fields and name not in output.fields:
            continue
        for key, column, kind in _leaves(root):
            if key in sources:
                yield ColumnEdge(
                    source=sources[key].name,
                    field=_as_told(column, sources[key].fields),
                    target=name,
                    type="DIRECT",
                    subtype=kind,
                    masking=False,
                    description="",
                    parsed=True,
                )


def _target_and_query(
    statement: exp.Expr | None,
) -> tuple[exp.Table | None, exp.Expr | None]:
    """The table that a statement fills and the query that it fills it with; a bare query fills what the event says."""
    if isinstance(statement, exp.Query):
        return None, statement.copy()
    if isinstance(statement, exp.Insert | exp.Create):
        query = statement.expression
        target = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
        if isinstance(query, exp.Query) and isinstance(target, exp.Table):
            inner = query.copy()
            with_ = statement.args.get("with_") or statement.args.get("with")
            if with_ is not None and isinstance(inner, exp.Query) and not inner.args.get("with_"):
                inner.set("with_" if "with_" in inner.arg_types else "with", with_.copy())
            return target, inner
    return None, None


def _bind_tables(query: exp.Expr, inputs: Sequence[Table]) -> dict[str, Table]:
    """Rename each table that is surely one of `inputs` to a key of its own; the inputs by key."""
    local = {cte.alias.lower() for cte in query.find_all(exp.CTE)}
    sources: dict[str, Table] = {}
    for table in list(query.find_all(exp.Table)):
        if not table.db and table.name.lower() in local:
            continue
        found = [each for each in inputs if _is_called(table, each.name)]
        if len(found) != 1:
            continue
        key = f"input_{inputs.index(found[0])}"
        sources[key] = found[0]
        bound = exp.to_table(key)
        bound.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias_or_name)))
        for member in ("joins", "laterals", "pivots"):
            if table.args.get(member):
                bound.set(member, table.args[member])
        table.replace(bound)
    return sources


def _is_called(table: exp.Table, name: Name) -> bool:
    """Whether the parts of a table's name are the last parts of a dataset's."""
    parts = [part.name.lower() for part in table.parts]
    own = name.name.lower().replace("/", ".").split(".")
    return bool(parts) and own[-len(parts) :] == parts


def _target_columns(
    statement: exp.Expr | None, *, output: Table, projections: Sequence[exp.Expr]
) -> list[str]:
    """The column of the output that each projection fills: as listed, else by place in a table that was there, else by name."""
    if isinstance(statement, exp.Insert):
        if isinstance(statement.this, exp.Schema):
            return [each.name for each in statement.this.expressions]
        if len(output.fields) == len(projections):
            return list(output.fields)
    return [_as_told(each.alias_or_name, output.fields) for each in projections]


def _as_told(name: str, fields: Sequence[str]) -> str:
    """SQL folds case where the producer's schema does not."""
    return next((each for each in fields if each.lower() == name.lower()), name)


def _leaves(root: Node) -> Iterator[tuple[str, str, str]]:
    """(key of the table, column, kind of the path) for each column that the root's values come from.

    Each node is gone through once a kind: common table expressions that use each other have endless paths.
    """
    seen: set[tuple[int, str]] = set()
    left = [(root, IDENTITY)]
    while left:
        node, kind = left.pop()
        if (id(node), kind) in seen:
            continue
        seen.add((id(node), kind))
        if isinstance(node.expression, exp.Table):
            yield node.expression.name, node.name.rpartition(".")[2].strip('"`'), kind
            continue
        strongest = max(kind, _kind_of(node.expression), key=STRENGTH.index)
        left += [(each, strongest) for each in node.downstream]


def _kind_of(expression: exp.Expr) -> str:
    inner = expression.unalias()
    if isinstance(inner, exp.Column | exp.Table | exp.Query):
        return IDENTITY
    return AGGREGATION if inner.find(exp.AggFunc) is not None else TRANSFORMATION


def query_of(facets: Mapping[str, Any]) -> tuple[str, str]:
    """Query and dialect of a job's `sql` facet; empty where there is none."""
    facet = facets.get("sql")
    if not isinstance(facet, Mapping) or not isinstance(facet.get("query"), str):
        return "", ""
    dialect = facet.get("dialect")
    return facet["query"], dialect if isinstance(dialect, str) else ""
