"""What the dataset page shows of one dataset, gathered in a fixed number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from catalog.models import Dataset, DatasetEdge, Field, Run
from governance.explanations import Step, label_origins
from governance.facts import load_resource
from governance.models import Classification, ClassificationState
from governance.policy.types import Decision, Facts, FieldInfo, Principal
from storage.models import CollectionObject, DataFile, Movement, MovementState
from storage.queries import tier_summary

VERSIONS_SHOWN = 10
RUNS_SHOWN = 10
FILES_SHOWN = 20
SUGGESTIONS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field with the labels it bears: declared on it, or inherited along lineage with the way that each came."""

    field: Field
    declared: tuple[str, ...]
    inherited: tuple[tuple[str, tuple[Step, ...]], ...]


@dataclass(frozen=True, slots=True)
class TierRow:
    """What a tier holds of the dataset; `share` is in percent of its bytes."""

    tier: str
    count: int
    size: int
    share: int


def field_rows(dataset: Dataset, principal: Principal, facts: Facts) -> list[FieldRow]:
    """The present fields in order, with their labels as the kernel sees them."""
    origins = label_origins(principal, dataset, facts=facts)
    ways = {(each.field, each.tag): each.steps for each in origins}
    resource = load_resource(dataset, domains=facts.domains)
    infos = {info.name: info for info in resource.fields}
    fields = Field.objects.present().filter(dataset=dataset).prefetch_related("field_tags__tag")
    return [_field_row(field, infos.get(field.name), ways) for field in fields]


def _field_row(
    field: Field, info: FieldInfo | None, ways: Mapping[tuple[str, str], tuple[Step, ...]]
) -> FieldRow:
    declared = {each.tag.name for each in field.field_tags.all()}
    labels = info.tags if info is not None else frozenset()
    inherited = ((tag, ways.get((field.name, tag), ())) for tag in sorted(labels - declared))
    return FieldRow(field, tuple(sorted(declared)), tuple(inherited))


def tier_rows(dataset: Dataset) -> list[TierRow]:
    """Bytes and counts of files and objects for each tier, hottest first."""
    held = tier_summary(dataset)
    total = sum(each["bytes"] for each in held.values())
    return [
        TierRow(
            tier=name,
            count=each["files"],
            size=each["bytes"],
            share=round(100 * each["bytes"] / total) if total else 0,
        )
        for name, each in held.items()
    ]


def _files(dataset: Dataset) -> QuerySet[Any]:
    return DataFile.objects.filter(table__dataset=dataset)


def _objects(dataset: Dataset) -> QuerySet[Any]:
    return CollectionObject.objects.filter(dataset=dataset)


def stored_parts(dataset: Dataset) -> list[dict[str, Any]]:
    """The first files and objects: names can hold values, so this is for those who see every cell."""
    files = _files(dataset).select_related("tier")[:FILES_SHOWN]
    objects = _objects(dataset).select_related("tier")[:FILES_SHOWN]
    rows = [{"name": row.path, "size": row.size, "tier": row.tier.name} for row in files]
    rows += [{"name": row.key, "size": row.size, "tier": row.tier.name} for row in objects]
    return rows[:FILES_SHOWN]


def moving_now(dataset: Dataset) -> int:
    """How many files and objects of the dataset are between two tiers."""
    under_way = (MovementState.PLANNED, MovementState.COPIED, MovementState.VERIFIED)
    moves = Movement.objects.filter(state__in=under_way)
    return (
        moves.filter(table__dataset=dataset) | moves.filter(held_object__dataset=dataset)
    ).count()


def suggestions(dataset: Dataset) -> Sequence[Classification]:
    """The labels that wait for a decision, surest first: for those who manage the dataset."""
    rows = Classification.objects.filter(dataset=dataset, state=ClassificationState.SUGGESTED)
    return list(rows.select_related("field").order_by("-confidence", "pk")[:SUGGESTIONS_SHOWN])


def latest_runs(dataset: Dataset, *, visible: QuerySet[Run]) -> Sequence[Run]:
    """The newest of the `visible` runs of jobs that write the dataset."""
    writers = DatasetEdge.objects.filter(dataset=dataset, direction="output", valid_to=None)
    runs = visible.filter(job__in=writers.values("job")).select_related("job")
    return list(runs[:RUNS_SHOWN])


def sees_every_cell(decision: Decision, *, columns: int) -> bool:
    """Whether a read decision leaves nothing out: no filter, no mask, no missing column."""
    duties = decision.obligations
    if not decision.allowed or duties is None:
        return False
    whole = all(rule.mask is None and rule.visible_when is None for rule in duties.columns)
    return whole and duties.row_filter is None and len(duties.columns) >= columns
