"""A few rows of a dataset as one viewer may see them, with what was masked, hidden and left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.models import Dataset
from core.errors import LakewardenError
from governance.policy.types import ColumnRule, Decision
from identity.models import User

ROWS_SHOWN = 20
TEXT_SHOWN = 160
BYTES_SHOWN = 16


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the sample; `mask` is the mask's name or empty, `partial` says that some rows hide it."""

    name: str
    mask: str
    partial: bool


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    is_null: bool
    masked: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """`problem` says why there are no rows although reading is allowed; `notes` say what is narrowed."""

    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[Cell]] = ()
    notes: Sequence[str] = ()
    problem: str = ""

    @property
    def masked(self) -> bool:
        return any(column.mask for column in self.columns)


def read_sample(user: User, dataset: Dataset, decision: Decision) -> Sample | None:
    """Read at most 20 rows by the governed read, which decides anew and records it; None where refused."""
    if not decision.allowed or decision.obligations is None:
        return None
    if not hasattr(dataset, "iceberg_table"):
        return Sample(problem="this dataset has no rows to show here")
    from query.services import open_read

    try:
        read = open_read(user=user, dataset=dataset, limit=ROWS_SHOWN)
        table = read.reader.read_all()
    except LakewardenError as error:
        return Sample(problem=error.message)
    rules = {rule.name: rule for rule in read.columns}
    columns = [_column(name, rules) for name in table.column_names]
    return Sample(
        columns=columns,
        rows=[
            [_cell(row[column.name], masked=bool(column.mask)) for column in columns]
            for row in table.to_pylist()
        ],
        notes=_notes(dataset, decision, shown=set(table.column_names)),
    )


def _column(name: str, rules: Mapping[str, ColumnRule]) -> Column:
    rule = rules.get(name)
    if rule is None:
        return Column(name, mask="", partial=False)
    return Column(name, mask=str(rule.mask or ""), partial=rule.visible_when is not None)


def _cell(value: Any, *, masked: bool) -> Cell:
    if value is None:
        return Cell("", is_null=True, masked=masked)
    if isinstance(value, bytes):
        dots = "…" if len(value) > BYTES_SHOWN else ""
        return Cell(value[:BYTES_SHOWN].hex(" ") + dots, is_null=False, masked=masked)
    text = str(value)
    if len(text) > TEXT_SHOWN:
        text = text[:TEXT_SHOWN] + "…"
    return Cell(text, is_null=False, masked=masked)


def _notes(dataset: Dataset, decision: Decision, *, shown: set[str]) -> list[str]:
    """What the viewer does not see, and which reason says so."""
    duties = decision.obligations
    notes = []
    if duties is not None and duties.row_filter is not None:
        notes.append(f"Only rows where {duties.row_filter}.")
    fields = dataset.fields.present().values_list("name", flat=True)
    left_out = [name for name in fields if name not in shown and "." not in name]
    if left_out:
        notes.append(f"Not opened to you: {', '.join(left_out)}.")
    # The kernel names the policy of each mask; the other reasons say why the read is allowed.
    masks = (reason.text for reason in decision.reasons if reason.kind == "policy")
    notes += [f"{text[:1].upper()}{text[1:]}." for text in masks]
    return notes
