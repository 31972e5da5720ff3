"""Runs, their state, and what each read and wrote: pure merging of rows that the batch holds."""

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from catalog.lineage.columns import ColumnEdge, hash_column_edges, read_column_edges
from catalog.lineage.events import TERMINAL, Event, EventDataset, hash_facets
from catalog.lineage.facets import nominal_times, schema_rows
from catalog.lineage.sql_columns import Table, parse_column_edges, query_of
from catalog.lineage.stamps import PARSED, READ, WRITTEN, make_stamp
from catalog.models.job import RunState
from catalog.services.openlineage.batch import Batch, RunRow, UseRow
from catalog.services.openlineage.cache import ENTRIES, Memory

# A later state wins, in whatever order the events come: FAIL and then COMPLETE of one run is a failed run.
FINALITY = {state: rank for rank, state in enumerate(RunState.values)}

CODE_FACETS = ("sql", "sourceCode", "sourceCodeLocation")

RUN_COLUMNS = (
    "uuid, job_id, state, started_at, ended_at, nominal_start, nominal_end, parent_id,"
    " job_stamp, nominal_stamp, parent_stamp, code_hash, code_stamp, observed, last_event_at, version_id"
)
LOCK_RUNS = f"""
SELECT {RUN_COLUMNS} FROM catalog_run WHERE uuid = ANY(%s::uuid[]) ORDER BY uuid FOR NO KEY UPDATE
"""  # noqa: S608 - constants
LOAD_USES = """
SELECT run_id, dataset_id, direction, origin, column_hash, column_stamp, version_stamp
  FROM catalog_rundataset WHERE run_id = ANY(%s::uuid[])
"""
_RUN_ARRAYS = """unnest(%s::uuid[], %s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[],
    %s::timestamptz[], %s::timestamptz[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::boolean[],
    %s::timestamptz[], %s::bigint[])"""
INSERT_RUNS = f"""
INSERT INTO catalog_run ({RUN_COLUMNS}, stale_at, created_at, updated_at)
SELECT q.*, NULL, now(), now() FROM {_RUN_ARRAYS} AS q ORDER BY 1
"""  # noqa: S608 - constants
INSERT_PARENTS = f"{INSERT_RUNS} ON CONFLICT (uuid) DO NOTHING"
UPDATE_RUNS = f"""
UPDATE catalog_run r SET job_id = q.job_id, state = q.state, started_at = q.started_at, ended_at = q.ended_at,
       nominal_start = q.nominal_start, nominal_end = q.nominal_end, parent_id = q.parent_id,
       job_stamp = q.job_stamp, nominal_stamp = q.nominal_stamp, parent_stamp = q.parent_stamp,
       code_hash = q.code_hash, code_stamp = q.code_stamp,
       observed = q.observed, last_event_at = q.last_event_at, version_id = q.version_id,
       stale_at = NULL, updated_at = now()
  FROM {_RUN_ARRAYS} AS q ({RUN_COLUMNS}) WHERE r.uuid = q.uuid
"""  # noqa: S608 - constants
_USE_ARRAYS = (
    "unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
)
INSERT_USES = f"""
INSERT INTO catalog_rundataset (run_id, dataset_id, direction, origin, column_hash, column_stamp, version_stamp)
SELECT * FROM {_USE_ARRAYS} AS q ORDER BY 1, 2, 3
"""  # noqa: S608 - constants
UPDATE_USES = f"""
UPDATE catalog_rundataset u SET origin = q.origin, column_hash = q.column_hash, column_stamp = q.column_stamp,
       version_stamp = q.version_stamp
  FROM {_USE_ARRAYS} AS q (run_id, dataset_id, direction, origin, column_hash, column_stamp, version_stamp)
 WHERE u.run_id = q.run_id AND u.dataset_id = q.dataset_id AND u.direction = q.direction
"""  # noqa: S608 - constants
KEEP_COLUMN_LINEAGE = """
INSERT INTO catalog_columnlineage (hash, edges, created_at)
SELECT hash, edges, now() FROM unnest(%s::text[], %s::jsonb[]) AS q (hash, edges) ORDER BY hash
    ON CONFLICT (hash) DO NOTHING
"""

# Hash of column lineage as a facet (and the schema's names), or of SQL and its tables → hash of its edges, and the edges.
known_edges: Memory[bytes, tuple[str, tuple[ColumnEdge, ...]]] = Memory(
    ENTRIES, weigh=lambda known: 1 + len(known[1])
)
# Column lineage that is stored.
stored_edges: Memory[str, bool] = Memory(ENTRIES)


def merge_runs(batch: Batch) -> None:
    """Merge the fresh events into their runs, made if need be, and note whose edges may change."""
    for event in batch.fresh:
        if event.run_id is None or event.job is None:
            continue
        run = batch.runs.get(event.run_id)
        if run is None:
            run = batch.runs[event.run_id] = RunRow(event.run_id, batch.jobs[event.job])
            run.observed = event.kind == "run"
        run.is_told = True
        _add_parent(event, batch=batch)
        _merge_run(event, run=run, batch=batch)


def _add_parent(event: Event, *, batch: Batch) -> None:
    """A parent that nothing was heard of gets a row, so that it can be named."""
    if event.parent_run_id is None or event.parent_job is None:
        return
    if event.parent_run_id not in batch.runs and event.parent_run_id not in batch.known_parents:
        batch.runs[event.parent_run_id] = RunRow(
            event.parent_run_id, batch.jobs[event.parent_job], observed=event.kind == "run"
        )


def _merge_run(event: Event, *, run: RunRow, batch: Batch) -> None:
    stamp = make_stamp(at=event.time, rank=WRITTEN, digest=event.digest)
    _apply_job(event, run=run, batch=batch)
    _apply_state(event, run=run, batch=batch)
    if run.last_event_at is None or run.last_event_at < event.time:
        run.last_event_at = event.time
    if "nominalTime" in event.run_facets and run.nominal_stamp < stamp:
        run.nominal_stamp = stamp
        run.nominal_start, run.nominal_end = nominal_times(event.run_facets)
    code = code_of(event)
    if code and run.code_stamp < stamp:
        run.code_stamp, run.code_hash = stamp, hash_facets(code).hex()
    if event.parent_run_id is not None and run.parent_stamp < stamp:
        run.parent_stamp = stamp
        run.parent_id = event.parent_run_id if event.parent_run_id != run.uuid else None


def code_of(event: Event) -> dict[str, Any]:
    """The facets that tell what code the job is."""
    return {name: event.job_facets[name] for name in CODE_FACETS if name in event.job_facets}


def _apply_job(event: Event, *, run: RunRow, batch: Batch) -> None:
    """The word of the last terminal event counts most; a parent's name in a child's event counts least."""
    if event.job is None:
        return
    job_id = batch.jobs[event.job]
    stamp = make_stamp(
        at=event.time, rank=WRITTEN if event.type in TERMINAL else READ, digest=event.digest
    )
    if run.job_stamp < stamp:
        run.job_stamp = stamp
        if run.job_id != job_id:
            batch.touch(run.job_id, event.time)
            run.job_id = job_id


def _apply_state(event: Event, *, run: RunRow, batch: Batch) -> None:
    """State by finality; `started_at` is the earliest word of the run, `ended_at` the last word of its final state."""
    if run.started_at is None or event.time < run.started_at:
        if run.started_at is not None:
            batch.earlier_jobs.add(run.job_id)
        run.started_at = event.time
    if event.state is None:
        return
    rank, known = FINALITY[event.state], FINALITY[run.state]
    if rank > known:
        run.state = event.state
        run.ended_at = None
    is_end = event.kind != "run" or event.type in TERMINAL
    if rank >= known and is_end and (run.ended_at is None or event.time > run.ended_at):
        run.ended_at = event.time


def merge_uses(batch: Batch) -> None:
    """Merge what the fresh events say that runs read and write, and store column lineage that is new."""
    new_edges: dict[str, tuple[ColumnEdge, ...]] = {}
    for event in batch.fresh:
        if event.run_id is None:
            continue
        uses = batch.uses.setdefault(event.run_id, {})
        for told in event.datasets:
            key = (batch.datasets[told.name], told.use_direction)
            use = uses.get(key)
            if use is None:
                use = uses[key] = UseRow(event.run_id, *key)
            _apply_columns(event, told, use=use, new_edges=new_edges)
        if uses:
            batch.touch(batch.runs[event.run_id].job_id, event.time)
    if new_edges:
        _store_edges(new_edges, batch=batch)


def _apply_columns(
    event: Event, told: EventDataset, *, use: UseRow, new_edges: dict[str, tuple[ColumnEdge, ...]]
) -> None:
    """The last word of the run about how the columns of this output come about."""
    if told.direction == "input" or event.is_failed:
        return
    is_told = told.column_lineage is not None
    if not is_told and "sql" not in event.job_facets:
        return
    stamp = _use_stamp(event) if is_told else _parsed_stamp(event)
    if use.column_stamp >= stamp:
        return
    digest, edges = column_edges_of(told) if is_told else parsed_edges_of(event, told)
    if not edges:
        return
    use.column_stamp, use.column_hash, use.changed = stamp, digest, True
    if stored_edges.get(digest) is None:
        new_edges[digest] = edges


def _use_stamp(event: Event) -> str:
    rank = WRITTEN if event.type in TERMINAL or event.kind != "run" else READ
    return make_stamp(at=event.time, rank=rank, digest=event.digest)


def _parsed_stamp(event: Event) -> str:
    return make_stamp(at=event.time, rank=PARSED, digest=event.digest)


def column_edges_of(told: EventDataset) -> tuple[str, tuple[ColumnEdge, ...]]:
    """The column lineage that an event tells of an output, and its hash; read once for all that tell the same."""
    facet = told.column_lineage
    names: tuple[str, ...] = ()
    if isinstance(facet, dict) and facet.get("dataset"):
        names = schema_field_names(told)
    key = hash_facets({"columnLineage": facet}, *names)
    return _known(key, lambda: read_column_edges(facet, schema_fields=names))


def parsed_edges_of(event: Event, told: EventDataset) -> tuple[str, tuple[ColumnEdge, ...]]:
    """The column lineage of an output as the job's SQL tells it, and its hash; parsed once for all that tell the same."""
    query, dialect = query_of(event.job_facets)
    inputs = [
        Table(each.name, schema_field_names(each))
        for each in event.datasets
        if each.direction == "input"
    ]
    outputs = {each.name for each in event.datasets if each.direction == "output"}
    output = Table(told.name, schema_field_names(told))
    tables = [[each.name.namespace, each.name.name, each.fields] for each in (output, *inputs)]
    key = hash_facets({"query": query, "dialect": dialect, "tables": tables}, str(len(outputs)))
    return _known(
        key,
        lambda: parse_column_edges(
            query,
            dialect=dialect,
            inputs=inputs,
            output=output,
            is_only_output=len(outputs) == 1,
        ),
    )


def _known(
    key: bytes, read: Callable[[], tuple[ColumnEdge, ...]]
) -> tuple[str, tuple[ColumnEdge, ...]]:
    found = known_edges.get(key)
    if found is None:
        edges = read()
        found = (hash_column_edges(edges) if edges else "", edges)
        known_edges.put(key, found)
    return found


def parse_ahead(event: Event) -> None:
    """Parse the job's SQL now, while nothing is locked, and not while others wait for the writer."""
    if event.run_id is None or event.is_failed or "sql" not in event.job_facets:
        return
    for told in event.datasets:
        if told.direction == "output" and told.column_lineage is None:
            parsed_edges_of(event, told)


def schema_field_names(told: EventDataset) -> tuple[str, ...]:
    """The names of the fields that the event's own schema facet gives the dataset."""
    return tuple(row["name"] for row in schema_rows(told.facets.get("schema")) or ())


def _store_edges(new_edges: dict[str, tuple[ColumnEdge, ...]], *, batch: Batch) -> None:
    hashes = sorted(new_edges)
    texts = [
        orjson.dumps([edge.as_row() for edge in new_edges[digest]]).decode() for digest in hashes
    ]
    batch.writes.send(KEEP_COLUMN_LINEAGE, [hashes, texts])


def read_run(row: tuple[Any, ...]) -> RunRow:
    """A row of LOCK_RUNS."""
    run = RunRow(*row)
    run.is_new = False
    run.former_job_id, run.former_state = run.job_id, run.state
    return run


def read_use(row: tuple[Any, ...]) -> UseRow:
    """A row of LOAD_USES."""
    use = UseRow(*row)
    use.is_new = False
    return use


def write_runs(batch: Batch) -> None:
    """Insert and update the runs that the fresh events are of.

    IntegrityError if another writer made one of them meanwhile. Of parents that is no matter: they are only named.
    """
    parents = (row for row in batch.runs.values() if row.is_new and not row.is_told)
    told = batch.told_runs
    parts = (
        (INSERT_PARENTS, sorted(parents, key=lambda row: row.uuid)),
        (INSERT_RUNS, [row for row in told if row.is_new]),
        (UPDATE_RUNS, [row for row in told if not row.is_new]),
    )
    for text, part in parts:
        if part:
            batch.writes.send(text, _run_arrays(part))


def _run_arrays(rows: Iterable[RunRow]) -> list[list[Any]]:
    table = [
        (
            row.uuid,
            row.job_id,
            row.state,
            row.started_at,
            row.ended_at,
            row.nominal_start,
            row.nominal_end,
            row.parent_id,
            row.job_stamp,
            row.nominal_stamp,
            row.parent_stamp,
            row.code_hash,
            row.code_stamp,
            row.observed,
            row.last_event_at,
            row.version_id,
        )
        for row in rows
    ]
    return [list(column) for column in zip(*table, strict=True)]


def write_uses(batch: Batch) -> None:
    """Insert and update what the runs read and wrote."""
    new = [row for row in batch.all_uses if row.is_new]
    if new:
        batch.writes.send(INSERT_USES, _use_arrays(new))
    changed = [row for row in batch.all_uses if row.changed and not row.is_new]
    if changed:
        batch.writes.send(UPDATE_USES, _use_arrays(changed))


def _use_arrays(rows: Iterable[UseRow]) -> list[list[Any]]:
    table = [
        (
            row.run_id,
            row.dataset_id,
            row.direction,
            row.origin,
            row.column_hash,
            row.column_stamp,
            row.version_stamp,
        )
        for row in rows
    ]
    return [list(column) for column in zip(*table, strict=True)]
