"""Counting rows, where the one who counts could read them all."""

from collections.abc import Iterable

from catalog.models import Dataset
from governance.policy.binding import ANY_ATTRIBUTES, requirements_of
from governance.policy.rows import parse_row_filter
from governance.queries import decide_read, principal_of
from identity.models import User
from query.services import open_read


def count_rows(
    *, user: User, dataset: Dataset, where: str | None, scopes: Iterable[str] | None = None
) -> int | None:
    """How many rows `where` selects; None unless `user` reads every row, and unmasked what the condition is about.

    A condition on the reader's own attributes has no count by another. A governed read like any other, in the audit log.
    Raises what `open_read` raises.
    """
    obligations = decide_read(principal_of(user, scopes=scopes), dataset).obligations
    if obligations is None or obligations.row_filter is not None or not obligations.columns:
        return None
    plain = {rule.name for rule in obligations.columns if not rule.mask and not rule.visible_when}
    if where and ("principal." in where or not _columns_of(where) <= plain):
        return None
    first = obligations.columns[0].name
    read = open_read(user=user, dataset=dataset, columns=[first], where=where, scopes=scopes)
    return sum(int(batch.num_rows) for batch in read.reader)


def _columns_of(where: str) -> set[str]:
    return set(requirements_of(parse_row_filter(where), ANY_ATTRIBUTES))
