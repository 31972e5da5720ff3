"""Governed reads: one decision, one statement, Arrow batches, and a record of it."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression

from catalog.models import Dataset
from core.errors import ConflictError, NotFoundError, PermissionDeniedError
from governance.facts import load_facts, principal_of
from governance.policy.errors import RowFilterError
from governance.policy.rows import parse_row_filter
from governance.policy.types import Action, ColumnRule, Decision, Obligations, Principal
from governance.queries import decide_on, decide_read
from governance.services.audit import record_decision
from identity.models import User
from query.engine import open_cursor, stream_batches
from query.errors import NotReadableError
from query.scan import ScanPlan, plan_scan, write_relation
from query.statement import Wishes, read_wishes, write_statement
from storage.models import IcebergTable
from storage.services.files import record_reads
from storage.tables.pruning import pruning_expression

SALT_BYTES = 32
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class GovernedRead:
    """The rows that the decision opens, and what the caller may know about how they were restricted.

    `policies` are the reasons of the decision that restrict, as text; `reader` yields the batches once.
    """

    reader: pa.RecordBatchReader
    columns: tuple[ColumnRule, ...]
    has_row_filter: bool
    hidden_columns: int
    reasons: tuple[str, ...]
    snapshot_id: int | None
    files: int


def read_dataset(
    *,
    user: User,
    dataset: Dataset,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    limit: int | None = None,
    purpose: str | None = None,
) -> pa.RecordBatchReader:
    """The rows and columns of `dataset` that `user` may read, masked as the decision says, of one snapshot.

    `where` is an SQL condition over what the user sees, in the language of row filters; `limit` is in rows. The
    decision is in the audit log, an allowance as well as a refusal. Raises NotFoundError for a dataset that the
    user may not know of, PermissionDeniedError, InvalidInputError, NotReadableError; ReadLimitError and
    ReadFailedError also while batches are read.
    """
    return open_read(
        user=user, dataset=dataset, columns=columns, where=where, limit=limit, purpose=purpose
    ).reader


def open_read(
    *,
    user: User,
    dataset: Dataset,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    limit: int | None = None,
    purpose: str | None = None,
    scopes: Iterable[str] | None = None,
) -> GovernedRead:
    """`read_dataset` with what the caller may know about the decision. `scopes` are those of the token used."""
    principal = principal_of(user, scopes=scopes, purpose=purpose)
    decision, table = _decide(principal, dataset)
    asked = {"columns": columns and list(columns), "where": where, "limit": limit}
    if decision.obligations is None:
        raise _refused(principal, dataset, decision, asked=asked)
    if table is None:
        raise NotReadableError("only tables have rows to read")
    obligations = decision.obligations
    wishes = read_wishes(obligations, columns=columns, where=where, limit=limit)
    plan = plan_scan(table, row_filter=_pruning(obligations, wishes, table))
    _check_columns(obligations, plan)
    record_decision(
        principal=principal,
        dataset=dataset,
        decision=decision,
        via="query",
        asked=asked | {"snapshot_id": plan.snapshot_id, "files": len(plan.files)},
        columns={rule.name for rule in wishes.rules},
    )
    record_reads(table=table, paths=[each.path for each in plan.files])
    reader = _run(plan, obligations, wishes)
    return GovernedRead(
        reader=reader,
        columns=wishes.rules,
        has_row_filter=obligations.row_filter is not None,
        hidden_columns=len(plan.schema.fields) - len(obligations.columns),
        reasons=tuple(reason.text for reason in decision.reasons),
        snapshot_id=plan.snapshot_id,
        files=len(plan.files),
    )


def _decide(principal: Principal, dataset: Dataset) -> tuple[Decision, IcebergTable | None]:
    """The decision, and the table as it was while the decision was made."""
    for _ in range(_ATTEMPTS):
        table = IcebergTable.objects.filter(dataset=dataset).select_related("namespace").first()
        decision = decide_read(principal, dataset)
        now = IcebergTable.objects.filter(dataset=dataset).values_list(
            "metadata_location", flat=True
        )
        if now.first() == (table.metadata_location if table else None):
            return decision, table
    raise ConflictError("the table changes faster than it can be read: try again")


def _refused(
    principal: Principal, dataset: Dataset, decision: Decision, *, asked: dict[str, Any]
) -> PermissionDeniedError | NotFoundError:
    """The error to raise; the refusal is recorded."""
    record_decision(
        principal=principal, dataset=dataset, decision=decision, via="query", asked=asked
    )
    if not decide_on(principal, Action.DISCOVER, dataset, facts=load_facts(principal)).allowed:
        return NotFoundError("there is no such dataset")
    return PermissionDeniedError(
        "you may not `read` this dataset", reasons=[each.text for each in decision.reasons]
    )


def _run(plan: ScanPlan, obligations: Obligations, wishes: Wishes) -> pa.RecordBatchReader:
    cursor = open_cursor()
    try:
        relation = write_relation(cursor, plan)
    except BaseException:
        cursor.close()
        raise
    salt = secrets.token_bytes(SALT_BYTES)
    return stream_batches(cursor, write_statement(relation, obligations, wishes, salt=salt))


def _pruning(obligations: Obligations, wishes: Wishes, table: IcebergTable) -> BooleanExpression:
    """What the row filter and the caller's condition rule out, the latter by unmasked columns only."""
    from storage.tables.metadata import parse_metadata

    schema = parse_metadata(table.metadata).schema()
    expression: BooleanExpression = AlwaysTrue()
    if obligations.row_filter is not None:
        try:
            condition = parse_row_filter(obligations.row_filter)
        except RowFilterError:
            condition = None
        if condition is not None:
            names = {field.name for field in schema.fields}
            expression = pruning_expression(condition, schema=schema, columns=names)
    if wishes.condition is not None:
        plain = {
            rule.name
            for rule in obligations.columns
            if rule.mask is None and rule.visible_when is None
        }
        own = pruning_expression(wishes.condition, schema=schema, columns=plain)
        expression = And(expression, own)
    return expression


def _check_columns(obligations: Obligations, plan: ScanPlan) -> None:
    """The catalog's columns must be the table's, by id: a decision about others would mean nothing."""
    ids = {field.name: field.field_id for field in plan.schema.fields}
    for rule in obligations.columns:
        if ids.get(rule.name) != rule.field_id:
            raise ConflictError("the table's columns are not those of the catalog: try again")
