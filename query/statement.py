"""A decision and a caller's wishes as one DuckDB statement. Pure: no I/O.

    SELECT wanted columns
    FROM (SELECT masked columns FROM files WHERE row filter) AS visible
    WHERE caller's condition LIMIT n

INVARIANT: the caller's condition sees the masked view only, so neither a hidden row nor a masked value can be
probed by it; and no text of the caller reaches the engine, since conditions are read and written anew.

Partial masks of text are the exception to "masked columns": the engine has only regular expressions for them, so where
the condition does not name such a column, its mask is left to `apply_late_masks`, batch by batch, behind the engine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from core.errors import InvalidInputError
from governance.policy.binding import bind
from governance.policy.errors import RowFilterError
from governance.policy.mask_arrow import ARROW_MASKS, mask_array
from governance.policy.mask_sql import column_sql, quote_identifier
from governance.policy.masks import Mask
from governance.policy.rows import Condition, parse_row_filter
from governance.policy.types import ColumnRule, Obligations

MAX_COLUMNS = 1000


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller asks for, checked against what they may see. `where` is DuckDB SQL, written by us."""

    rules: tuple[ColumnRule, ...]
    condition: Condition | None
    where: str | None
    limit: int | None


def read_wishes(
    obligations: Obligations,
    *,
    columns: Sequence[str] | None,
    where: str | None,
    limit: int | None,
) -> Wishes:
    """Check a caller's wishes. InvalidInputError, in the same words, for what is not there and what is hidden."""
    visible = {rule.name: rule for rule in obligations.columns}
    names = list(visible) if columns is None else list(columns)
    if not names or len(names) > MAX_COLUMNS or len(set(names)) != len(names):
        raise InvalidInputError(f"`columns` must name 1 to {MAX_COLUMNS} columns, each once")
    for name in names:
        if name not in visible:
            raise InvalidInputError(f"there is no column `{name[:200]}` that you may read")
    if limit is not None and limit < 0:
        raise InvalidInputError("`limit` must be 0 or more")
    condition, sql = _bound_condition(where, {name: rule.type for name, rule in visible.items()})
    return Wishes(
        rules=tuple(visible[name] for name in names), condition=condition, where=sql, limit=limit
    )


@dataclass(frozen=True, slots=True)
class Statement:
    """What the engine is asked, and the masks that its answer still lacks: one, or None, for each column of it.

    INVARIANT: no batch of the answer leaves this app before `apply_late_masks`.
    """

    sql: str
    late_masks: tuple[Mask | None, ...]


def write_statement(
    relation: str, obligations: Obligations, wishes: Wishes, *, salt: bytes
) -> Statement:
    """The statement over `relation`, a table expression with the dataset's original columns."""
    probed = _named_in(wishes.condition)
    needed = {rule.name for rule in wishes.rules} | probed
    late = {
        rule.name: rule.mask
        for rule in obligations.columns
        if rule.mask in ARROW_MASKS and rule.name not in probed
    }
    masked = ", ".join(
        column_sql(replace(rule, mask=None) if rule.name in late else rule, salt=salt)
        for rule in obligations.columns
        if rule.name in needed
    )
    visible = f"SELECT {masked} FROM {relation}"  # noqa: S608 - every part is quoted or written by us
    if obligations.row_filter is not None:
        visible += f" WHERE {obligations.row_filter}"
    wanted = ", ".join(quote_identifier(rule.name) for rule in wishes.rules)
    sql = f"SELECT {wanted} FROM ({visible}) AS visible"  # noqa: S608 - as above
    if wishes.where is not None:
        sql += f" WHERE {wishes.where}"
    if wishes.limit is not None:
        sql += f" LIMIT {wishes.limit}"
    return Statement(sql, tuple(late.get(rule.name) for rule in wishes.rules))


def apply_late_masks(statement: Statement, batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch of the engine's answer to `statement`, with the masks that it still lacks. Raises ValueError."""
    columns = [
        column if mask is None else mask_array(mask, column)
        for mask, column in zip(statement.late_masks, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _bound_condition(
    where: str | None, types: Mapping[str, str]
) -> tuple[Condition | None, str | None]:
    if where is None or not where.strip():
        return None, None
    try:
        condition = parse_row_filter(where)
        return condition, bind(condition, field_types=types, attributes={})
    except RowFilterError as error:
        message = error.message.replace("row filter", "`where`")
        raise InvalidInputError(message, pointer="/where") from error


def _named_in(condition: Condition | None) -> set[str]:
    if condition is None:
        return set()
    from governance.policy.binding import requirements_of

    return set(requirements_of(condition, {}))
