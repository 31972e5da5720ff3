"""What approving a request would open: columns and rows, the labels they bear, and what the person has today."""

from collections.abc import Sequence
from dataclasses import dataclass

from governance import queries
from governance.facts import load_resource
from governance.models import AccessRequest
from governance.policy.types import Decision


@dataclass(frozen=True, slots=True)
class OpenedColumn:
    """`today` says whether the person reads the column already; `mask` by which mask, if any."""

    name: str
    type: str
    labels: Sequence[str]
    today: bool
    mask: str


@dataclass(frozen=True, slots=True)
class Opening:
    """`rows` is the wanted filter, empty for all rows; `missing` are wanted columns that do not exist."""

    columns: Sequence[OpenedColumn]
    rows: str
    missing: Sequence[str]
    reads_today: bool
    rows_today: str

    @property
    def labels(self) -> list[str]:
        """Every label that the wanted columns bear."""
        return sorted({label for column in self.columns for label in column.labels})


def describe_opening(asked: AccessRequest) -> Opening:
    """The cells that `asked` wants, beside those that its requester reads now."""
    principal = queries.principal_of(asked.requester)
    facts = queries.load_facts(principal)
    resource = load_resource(asked.dataset, domains=facts.domains)
    today = queries.decide_read(principal, asked.dataset, facts=facts)
    now_open = _masks_today(today)
    wanted = set(asked.columns or resource.field_types)
    return Opening(
        columns=[
            OpenedColumn(
                name=info.name,
                type=info.type,
                labels=sorted(info.tags),
                today=info.name in now_open,
                mask=now_open.get(info.name, ""),
            )
            for info in resource.fields
            if info.name in wanted
        ],
        rows=asked.row_filter or "",
        missing=sorted(wanted - set(resource.field_types)),
        reads_today=today.allowed,
        rows_today=(today.obligations.row_filter or "") if today.obligations else "",
    )


def _masks_today(decision: Decision) -> dict[str, str]:
    """The columns that are open now, each with its mask or an empty text."""
    if decision.obligations is None:
        return {}
    return {rule.name: str(rule.mask or "") for rule in decision.obligations.columns}
