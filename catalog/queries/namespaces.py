"""Namespaces and sources: those that people declared, and those that the datasets and jobs in sight imply.

For an administrator each namespace is looked up once by the index of names, so that the cost follows the number of
namespaces; for all others it follows the number of datasets and jobs that they see.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Max, Min, QuerySet

from catalog.models import Dataset, DataSource, Job, Namespace

# Of what the caller sees.
SEEN_NAMES = """
SELECT n.name FROM (
    SELECT d.namespace FROM ({datasets}) AS d UNION SELECT j.namespace FROM ({jobs}) AS j UNION SELECT r.name FROM ({rows}) AS r
) AS n (name) ORDER BY n.name COLLATE "C" LIMIT %s OFFSET %s
"""

# Of everything; names by index only: the next name above each, as long as there is one.
ALL_NAMES = """
WITH RECURSIVE of_datasets (name) AS (
    (SELECT namespace FROM catalog_dataset ORDER BY namespace LIMIT 1)
    UNION ALL
    SELECT (SELECT namespace FROM catalog_dataset WHERE namespace > d.name ORDER BY namespace LIMIT 1)
      FROM of_datasets d WHERE d.name IS NOT NULL
), of_jobs (name) AS (
    (SELECT namespace FROM catalog_job ORDER BY namespace LIMIT 1)
    UNION ALL
    SELECT (SELECT namespace FROM catalog_job WHERE namespace > j.name ORDER BY namespace LIMIT 1)
      FROM of_jobs j WHERE j.name IS NOT NULL
), names (name) AS (
    SELECT name FROM of_datasets WHERE name IS NOT NULL
    UNION SELECT name FROM of_jobs WHERE name IS NOT NULL
    UNION SELECT name FROM {table}
)
SELECT n.name FROM names n
 WHERE EXISTS (SELECT 1 FROM ({datasets}) AS d WHERE d.namespace = n.name)
    OR EXISTS (SELECT 1 FROM ({jobs}) AS j WHERE j.namespace = n.name)
    OR EXISTS (SELECT 1 FROM ({rows}) AS r WHERE r.name = n.name)
 ORDER BY n.name COLLATE "C" LIMIT %s OFFSET %s
"""


@dataclass(frozen=True, slots=True)
class NamespaceEntry:
    """A namespace as an answer shows it; `row` is None where nobody said anything of it."""

    name: str
    row: Namespace | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """A source as an answer shows it; `row` is None where only datasets imply it."""

    name: str
    row: DataSource | None
    created_at: datetime
    updated_at: datetime


def list_namespaces(
    *,
    datasets: QuerySet[Dataset],
    jobs: QuerySet[Job],
    rows: QuerySet[Namespace],
    limit: int,
    offset: int,
    most: bool = False,
) -> list[NamespaceEntry]:
    """The namespaces of these datasets, jobs and rows, by name; four queries.

    `most`: the caller sees all of them, or nearly all; the answer is the same, only found by another way.
    """
    statement = ALL_NAMES if most else SEEN_NAMES
    names = _names(statement, datasets=datasets, jobs=jobs, rows=rows, limit=limit, offset=offset)
    return describe_namespaces(names, datasets=datasets, jobs=jobs)


def find_namespace(
    name: str, *, datasets: QuerySet[Dataset], jobs: QuerySet[Job], rows: QuerySet[Namespace]
) -> NamespaceEntry | None:
    """The namespace, if one of these datasets, jobs or rows bears it."""
    in_sight = (
        rows.filter(name=name).exists()
        or datasets.filter(namespace=name).exists()
        or jobs.filter(namespace=name).exists()
    )
    found = describe_namespaces([name], datasets=datasets, jobs=jobs) if in_sight else []
    return next(iter(found), None)


def describe_namespaces(
    names: Sequence[str], *, datasets: QuerySet[Dataset], jobs: QuerySet[Job]
) -> list[NamespaceEntry]:
    """What is said of `names`, which the caller is known to see, in their order; three queries.

    Where nobody said anything, times are the first and the last of the datasets and jobs in sight.
    """
    known = {row.name: row for row in Namespace.objects.filter(name__in=names, hidden=False)}
    spans = _spans([name for name in names if name not in known], datasets, jobs)
    entries = []
    for name in names:
        row = known.get(name)
        if row is not None:
            entries.append(NamespaceEntry(name, row, row.created_at, row.updated_at))
        elif name in spans:
            entries.append(NamespaceEntry(name, None, *spans[name]))
    return entries


def list_sources(
    *,
    datasets: QuerySet[Dataset],
    rows: QuerySet[DataSource],
    limit: int,
    offset: int,
    most: bool = False,
) -> list[SourceEntry]:
    """The sources of these rows, and those that the namespaces of these datasets imply, by name; three queries.

    `most` as for `list_namespaces`.
    """
    names = _names(
        ALL_NAMES if most else SEEN_NAMES,
        datasets=datasets,
        jobs=Job.objects.none(),
        rows=rows,
        limit=limit,
        offset=offset,
    )
    return _describe_sources(names, datasets=datasets)


def find_source(
    name: str, *, datasets: QuerySet[Dataset], rows: QuerySet[DataSource]
) -> SourceEntry | None:
    """The source, if one of these rows bears the name, or one of these datasets has it for its namespace."""
    in_sight = rows.filter(name=name).exists() or datasets.filter(namespace=name).exists()
    found = _describe_sources([name], datasets=datasets) if in_sight else []
    return next(iter(found), None)


def _describe_sources(names: Sequence[str], *, datasets: QuerySet[Dataset]) -> list[SourceEntry]:
    known = {row.name: row for row in DataSource.objects.filter(name__in=names)}
    spans = _spans([name for name in names if name not in known], datasets)
    entries = []
    for name in names:
        row = known.get(name)
        if row is not None:
            entries.append(SourceEntry(name, row, row.created_at, row.updated_at))
        elif name in spans:
            entries.append(SourceEntry(name, None, *spans[name]))
    return entries


def _names(
    template: str,
    *,
    datasets: QuerySet[Dataset],
    jobs: QuerySet[Job],
    rows: QuerySet[Any],
    limit: int,
    offset: int,
) -> list[str]:
    parts = {
        "datasets": _compile(datasets.order_by().values("namespace")),
        "jobs": _compile(jobs.order_by().values("namespace")),
        "rows": _compile(rows.order_by().values("name")),
    }
    statement = template.format(
        table=connection.ops.quote_name(rows.model._meta.db_table),  # noqa: SLF001 - Django's documented Model _meta API
        **{key: sql for key, (sql, _) in parts.items()},
    )
    params = [value for _, values in parts.values() for value in values]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, limit, offset])
        return [row[0] for row in cursor.fetchall()]


def _spans(names: Sequence[str], *sights: QuerySet[Any]) -> dict[str, tuple[datetime, datetime]]:
    found: dict[str, tuple[datetime, datetime]] = {}
    for each in sights if names else ():
        spans = (
            each.filter(namespace__in=names)
            .order_by()
            .values_list("namespace")
            .annotate(first=Min("created_at"), last=Max("updated_at"))
        )
        for name, first, last in spans:
            known = found.get(name, (first, last))
            found[name] = (min(first, known[0]), max(last, known[1]))
    return found


def _compile(queryset: QuerySet[Any, Any]) -> tuple[str, Sequence[Any]]:
    """The queryset's SQL to stand in a larger statement, whose own `%s` are parameters too; nothing for none()."""
    from django.core.exceptions import EmptyResultSet

    try:
        sql, params = queryset.query.sql_with_params()
    except EmptyResultSet:
        return "SELECT NULL::text AS namespace, NULL::text AS name WHERE false", ()
    return sql, params
