"""What rules of retention delete: rows, snapshots and objects whose time is over, in bounded steps, dry or not.

Rows and snapshots go from the table's metadata; their bytes go with the next sweep of orphans, as those of any expired
snapshot do. Held persons' rows and objects stay, and so does all of a held dataset.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.db import transaction
from pyiceberg.expressions import LessThan, Reference
from pyiceberg.expressions.literals import literal
from pyiceberg.table import Table
from pyiceberg.types import DateType, TimestampType, TimestamptzType

from catalog.models import Dataset
from catalog.models.dataset import DatasetKind
from core import audit
from core.clock import utc_now
from core.errors import UnprocessableError
from governance.holds import describe_holds, held_persons, holds_on, rules_in_force, terms_of
from governance.policy.types import Action, Principal
from governance.queries import require
from governance.retention.precedence import Cause, Term, What, cutoff, decide_deletion
from storage.models import CollectionObject, IcebergTable
from storage.services.collections import record_collection_version
from storage.services.erasure.matching import BoolArray, Matcher
from storage.services.gate import delete_file, require_deletable
from storage.tables.catalog import LakewardenCatalog
from storage.tables.rewriting import read_task, replace_files, write_rows
from storage.tiering.relocation import protected_snapshots

OBJECTS_A_STEP = 500
FILES_A_STEP = 50
# Of a term and a literal, which its type does not tell.
_LESS_THAN: Any = LessThan


class RetentionRuleError(UnprocessableError):
    """A rule of retention does not fit the dataset that it applies to."""

    code = "retention-rule-misfit"


@dataclass(frozen=True, kw_only=True)
class Due:
    """What one rule deletes of a dataset, or would: `count` rows, snapshots or objects older than `before`.

    `kept` says why nothing goes; `more` that another step is needed.
    """

    dataset: Dataset
    rule: str
    what: What
    before: datetime
    count: int = 0
    kept: tuple[str, ...] = ()
    more: bool = False


def retained_datasets() -> list[Dataset]:
    """The live tables and collections that a rule in force deletes from."""
    rules = [rule for rule in rules_in_force() if rule.term.what is not None]
    if not rules:
        return []
    ours = Dataset.objects.live().filter(kind__in=[DatasetKind.TABLE, DatasetKind.COLLECTION])
    return [each for each in ours.order_by("pk") if terms_of(each, rules)]


def preview_retention(dataset: Dataset, *, by: Principal) -> list[Due]:
    """What the rules would delete of the dataset now. Needs `manage`."""
    require(by, Action.MANAGE, dataset)
    return apply_retention(dataset, dry_run=True)


def apply_retention(dataset: Dataset, *, dry_run: bool = True, actor: str = "system") -> list[Due]:
    """Delete what is due, so much as one step does, audited. Raises RetentionRuleError for a column that is no time."""
    terms = terms_of(dataset)
    found: list[Due] = []
    for term in terms:
        if term.what is None or term.delete_after is None:
            continue
        due = Due(
            dataset=dataset,
            rule=term.rule,
            what=term.what,
            before=cutoff(term, terms, now=utc_now()),
        )
        found.append(_apply(due, term, terms, dry_run=dry_run, actor=actor))
    return found


def _apply(due: Due, term: Term, terms: Sequence[Term], *, dry_run: bool, actor: str) -> Due:
    verdict = decide_deletion(
        Cause.RETENTION,
        holds=describe_holds(holds_on(due.dataset)),
        terms=terms,
        age=utc_now() - due.before,
    )
    if not verdict.allowed:
        return _with(due, kept=verdict.reasons)
    with transaction.atomic():
        if not dry_run:
            require_deletable(due.dataset)
        done = _delete(due, term, dry_run=dry_run)
        if done.count and not dry_run:
            audit.record(
                actor=actor,
                action="retention.delete",
                resource=due.dataset.node_id,
                payload={
                    "rule": due.rule,
                    "what": due.what.value,
                    "count": done.count,
                    "before": due.before.isoformat(),
                },
            )
    return done


def _delete(due: Due, term: Term, *, dry_run: bool) -> Due:
    table = IcebergTable.objects.filter(dataset=due.dataset).first()
    if table is None:
        return _objects(due, dry_run=dry_run) if due.what in (What.OBJECTS, What.DATASET) else due
    loaded = LakewardenCatalog().load_table((*table.namespace.levels, table.name))
    if due.what == What.ROWS:
        return _rows(due, loaded, term.column, dry_run=dry_run)
    if due.what == What.SNAPSHOTS:
        return _snapshots(due, loaded, dry_run=dry_run)
    return _all_rows(due, loaded, dry_run=dry_run) if due.what == What.DATASET else due


def _rows(due: Due, table: Table, column: str, *, dry_run: bool) -> Due:
    edge, text = _edge(table, column, due.before)
    tasks = list(table.scan(row_filter=_LESS_THAN(Reference(column), literal(text))).plan_files())
    held = _held()
    count, replaced = 0, {}
    for task in tasks[:FILES_A_STEP]:
        rows = read_task(table, task)
        old = pc.fill_null(pc.less(rows.column(column), edge), False).to_numpy()
        going = old & ~_of(held, rows)
        count += int(going.sum())
        if going.any() and not dry_run:
            replaced[task.file.file_path] = write_rows(table, rows.filter(~going))
    if replaced:
        _commit(table, replaced)
    return _with(due, count=count, more=len(tasks) > FILES_A_STEP)


def _all_rows(due: Due, table: Table, *, dry_run: bool) -> Due:
    """Everything, once nothing was written for so long."""
    head = table.current_snapshot()
    if head is None or datetime.fromtimestamp(head.timestamp_ms / 1000, tz=UTC) >= due.before:
        return due
    count, replaced, held = 0, {}, _held()
    tasks = list(table.scan().plan_files())
    for task in tasks[:FILES_A_STEP]:
        rows = read_task(table, task)
        staying = _of(held, rows)
        count += int((~staying).sum())
        if not staying.all() and not dry_run:
            replaced[task.file.file_path] = write_rows(table, rows.filter(staying))
    if replaced:
        _commit(table, replaced)
    return _with(due, count=count, more=len(tasks) > FILES_A_STEP)


def _commit(table: Table, replaced: dict[str, Any]) -> None:
    """Replace the files, and expire the snapshots that hold the former rows, so that their bytes go too."""
    replace_files(table, replaced)
    table.refresh()
    protected = protected_snapshots(table.metadata)
    former = [
        each.snapshot_id for each in table.metadata.snapshots if each.snapshot_id not in protected
    ]
    if former:
        table.maintenance.expire_snapshots().by_ids(former).commit()


def _snapshots(due: Due, table: Table, *, dry_run: bool) -> Due:
    protected = protected_snapshots(table.metadata)
    edge = due.before.timestamp() * 1000
    old = [
        each.snapshot_id
        for each in table.metadata.snapshots
        if each.timestamp_ms < edge and each.snapshot_id not in protected
    ]
    if old and not dry_run:
        table.maintenance.expire_snapshots().by_ids(old).commit()
    return _with(due, count=len(old))


def _objects(due: Due, *, dry_run: bool) -> Due:
    rows = CollectionObject.objects.filter(dataset=due.dataset, added_at__lt=due.before)
    held = _held()
    old = list(rows.select_for_update().order_by("added_at", "pk")[: OBJECTS_A_STEP + 1])
    going = [
        row
        for row in old[:OBJECTS_A_STEP]
        if not any(each.is_in(row.key) or each.is_in(row.metadata) for each in held)
    ]
    if going and not dry_run:
        # Bytes first: who is killed in between finds the rows still due, and what is missing is no error.
        for row in going:
            for uri in {row.uri, *row.movements.values_list("source_uri", flat=True)}:
                delete_file(uri, dataset=due.dataset)
        CollectionObject.objects.filter(pk__in=[row.pk for row in going]).delete()
        record_collection_version(due.dataset)
    return _with(due, count=len(going), more=len(old) > OBJECTS_A_STEP)


def _edge(table: Table, column: str, before: datetime) -> tuple[pa.Scalar, str]:
    """The instant as a value of the column, and as Iceberg writes it."""
    try:
        kind = table.schema().find_type(column)
    except ValueError:
        kind = None
    if isinstance(kind, DateType):
        return pa.scalar(before.date(), pa.date32()), before.date().isoformat()
    if isinstance(kind, TimestamptzType):
        return pa.scalar(before, pa.timestamp("us", "UTC")), before.isoformat()
    if isinstance(kind, TimestampType):
        plain = before.replace(tzinfo=None)
        return pa.scalar(plain, pa.timestamp("us")), plain.isoformat()
    raise RetentionRuleError(f"column `{column}` is not there, or is no date and no timestamp")


def _held() -> list[Matcher]:
    return [Matcher(forms) for _, forms in held_persons()]


def _of(held: Sequence[Matcher], rows: pa.Table) -> BoolArray:
    """Which rows are of a held person, whatever the column."""
    found = np.zeros(rows.num_rows, dtype=bool)
    for each in held:
        found |= each.rows(rows, reached=rows.column_names)
    return found


def _with(due: Due, **changes: Any) -> Due:
    return replace(due, **changes)
