"""What approving a request would open: exactly the cells that the person does not have today, and what still covers them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from catalog.models import Field
from governance import queries
from governance.facts import load_resource
from governance.models import AccessRequest
from governance.policy.types import Action, ColumnRule, Decision, FieldInfo, Principal

ALL_ROWS = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a column; `path` are the fields that it came through, as far as the approver may know them."""

    name: str
    path: Sequence[str] = ()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class OpenedColumn:
    """One wanted column. Rows are SQL, empty for all and None for none; masks are empty for none.

    `opens` are the rows that would be new; `mask` is the mask of today, `mask_after` the one that a policy would put on.
    """

    name: str
    type: str
    labels: Sequence[Label]
    today: bool
    mask: str
    rows_today: str | None
    rows_after: str | None
    mask_after: str
    opens: str | None


@dataclass(frozen=True, slots=True)
class Opening:
    """`rows` is the wanted filter, empty for all rows; `missing` are wanted columns that do not exist.

    `covered` says which policies would still filter or mask, in the words of the decision.
    """

    columns: Sequence[OpenedColumn]
    rows: str
    missing: Sequence[str]
    reads_today: bool
    rows_today: str
    reads_after: bool
    covered: Sequence[str]

    @property
    def labels(self) -> list[str]:
        """Every label that the wanted columns bear."""
        return sorted({label.name for column in self.columns for label in column.labels})


def describe_opening(asked: AccessRequest, *, viewer: Principal) -> Opening:
    """The cells that `asked` would open, as `viewer`, who may approve it, may know them."""
    principal = queries.principal_of(asked.requester)
    facts = queries.load_facts(principal)
    terms = asked.terms()
    resource = load_resource(asked.dataset, domains=facts.domains)
    today = queries.decide_read(principal, asked.dataset, facts=facts)
    after = queries.decide_as_if_granted(
        principal, asked.dataset, row_filter=terms.row_filter, columns=terms.columns, facts=facts
    )
    wanted = set(resource.field_types if terms.columns is None else terms.columns)
    infos = [info for info in resource.fields if info.name in wanted]
    names = _known_fields(infos, viewer)
    now_open, then_open = _rules(today), _rules(after)
    return Opening(
        columns=[
            _column(info, names, before=now_open.get(info.name), after=then_open.get(info.name))
            for info in infos
        ],
        rows=terms.row_filter or ALL_ROWS,
        missing=sorted(wanted - set(resource.field_types)),
        reads_today=today.allowed,
        rows_today=(today.obligations.row_filter or ALL_ROWS) if today.obligations else ALL_ROWS,
        reads_after=after.allowed,
        covered=[each.text for each in after.reasons if each.kind == "policy"],
    )


@dataclass(frozen=True, slots=True)
class _Cells:
    """The rows of one column that are open, and its mask."""

    rows: str
    mask: str


def _rules(decision: Decision) -> dict[str, _Cells]:
    if decision.obligations is None:
        return {}
    whole = decision.obligations.row_filter
    return {rule.name: _cells(rule, whole) for rule in decision.obligations.columns}


def _cells(rule: ColumnRule, whole: str | None) -> _Cells:
    parts = [each for each in (whole, rule.visible_when) if each is not None]
    return _Cells(" AND ".join(parts) or ALL_ROWS, str(rule.mask or ""))


def _column(
    info: FieldInfo,
    names: Mapping[object, str],
    *,
    before: _Cells | None,
    after: _Cells | None,
) -> OpenedColumn:
    return OpenedColumn(
        name=info.name,
        type=info.type,
        labels=[
            Label(tag, [names[each] for each in info.label_paths.get(tag, ()) if each in names])
            for tag in sorted(info.tags)
        ],
        today=before is not None,
        mask=before.mask if before else "",
        rows_today=before.rows if before else None,
        rows_after=after.rows if after else None,
        mask_after=after.mask if after else "",
        opens=_difference(before, after),
    )


def _difference(before: _Cells | None, after: _Cells | None) -> str | None:
    """The rows that are open after and not before; None for none. A condition that is NULL opens nothing."""
    if after is None or (before is not None and before.rows in (ALL_ROWS, after.rows)):
        return None
    if before is None:
        return after.rows
    former = f"NOT COALESCE({before.rows}, FALSE)"
    return former if after.rows == ALL_ROWS else f"({after.rows}) AND {former}"


def _known_fields(infos: Iterable[FieldInfo], viewer: Principal) -> dict[object, str]:
    """The names of the fields that labels came through, of datasets of which the viewer may see the metadata."""
    ids = {each for info in infos for path in info.label_paths.values() for each in path}
    if not ids:
        return {}
    shown = queries.visible_datasets(viewer, action=Action.VIEW_METADATA).order_by().values("pk")
    rows = Field.objects.filter(pk__in=ids, dataset__in=shown).select_related("dataset")
    return {row.pk: f"{row.dataset.name}.{row.name}" for row in rows}
