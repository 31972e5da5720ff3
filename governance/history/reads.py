"""Who did read a dataset, out of the audit log, with what they saw as it was recorded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from catalog.models import Dataset
from governance.auditing.reading import read_records, records_by
from governance.history.rows import history_of
from governance.models import AuditRecord

# What the log calls handing out data, or refusing to.
READING: Final = ("data.read", "data.read-denied", "table.load")
_SEEN: Final = (
    "effect",
    "via",
    "purpose",
    "outcome",
    "row_filter",
    "columns",
    "masked",
    "partly_hidden",
    "reasons",
)


@dataclass(frozen=True, slots=True)
class Read:
    """One decision about data. `seen` is None where the key of a person whom the record tells of was erased."""

    record: int
    at: datetime
    action: str
    actor: str
    seen: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Reads:
    """One page, oldest first. Go on after `after`; None where nothing follows."""

    items: tuple[Read, ...]
    after: int | None


def list_reads(
    dataset: Dataset,
    *,
    since: datetime,
    until: datetime,
    username: str | None = None,
    after: int = 0,
    limit: int,
) -> Reads:
    """What was read of the dataset, or refused, under any name that it had: after `since` and not after `until`."""
    names = history_of(Dataset).filter(pgh_obj=dataset.pk).values_list("namespace", "name")
    resources = {f"dataset:{namespace}:{name}" for namespace, name in names} | {dataset.node_id}
    rows = AuditRecord.objects.filter(
        resource__in=resources, action__in=READING, at__gt=since, at__lte=until, pk__gt=after
    ).order_by("pk")
    if username is not None:
        rows = records_by(username, rows)
    page = list(rows[: limit + 1])
    told = read_records(page[:limit])
    items = tuple(
        Read(
            record=record.pk,
            at=record.at,
            action=record.action,
            actor=each.actor,
            seen=each.payload
            and {name: each.payload[name] for name in _SEEN if name in each.payload},
        )
        for record, each in zip(page[:limit], told, strict=True)
    )
    return Reads(items, page[limit - 1].pk if len(page) > limit else None)
