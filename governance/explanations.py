"""Why a decision or a label is as it is, told by what the asker may know of and nothing else."""

from dataclasses import dataclass
from uuid import UUID

from catalog.models import Dataset, Field
from governance.facts import load_facts, load_resource
from governance.policy.counterfactual import Change, counterfactual
from governance.policy.types import Action, EntityId, Facts, Principal
from governance.queries import visible_datasets


@dataclass(frozen=True, slots=True)
class Step:
    """A field that a label came through."""

    dataset: UUID
    name: str
    field: str


@dataclass(frozen=True, slots=True)
class LabelOrigin:
    """A label that a field inherits, and the way it came: the declaring field first, the field itself last.

    Fields of datasets of which the asker may not view the metadata are not among the steps.
    """

    field: str
    tag: str
    steps: tuple[Step, ...]


def changes_to_allow(
    principal: Principal, action: Action, dataset: Dataset, *, facts: Facts | None = None
) -> tuple[Change, ...]:
    """The smallest set of changes after which the principal may; empty where they may, and for a deleted dataset.

    For those only who may discover the dataset: it names the policies that deny.
    """
    if dataset.deleted_at is not None:
        return ()
    facts = facts or load_facts(principal)
    resource = load_resource(dataset, domains=facts.domains)
    return counterfactual(principal, action, resource, facts)


def label_origins(
    principal: Principal, dataset: Dataset, *, facts: Facts | None = None
) -> list[LabelOrigin]:
    """Where the inherited labels of the dataset's columns come from. For those who may view its metadata."""
    facts = facts or load_facts(principal)
    columns = load_resource(dataset, domains=facts.domains).fields
    paths = [
        (column.name, tag, path)
        for column in columns
        for tag, path in sorted(column.label_paths.items())
    ]
    known = steps_known_to(principal, {each for *_, path in paths for each in path}, facts)
    return [
        LabelOrigin(name, tag, tuple(known[each] for each in path if each in known))
        for name, tag, path in paths
    ]


def steps_known_to(
    principal: Principal, fields: set[EntityId], facts: Facts
) -> dict[EntityId, Step]:
    """Of these fields (ids) those of datasets of which the principal may view the metadata."""
    if not fields:
        return {}
    described = visible_datasets(principal, action=Action.VIEW_METADATA, facts=facts).order_by()
    rows = Field.objects.filter(pk__in=fields, dataset__in=described.values("pk"))
    return {
        row.pk: Step(row.dataset.uuid, str(row.dataset), row.name)
        for row in rows.select_related("dataset")
    }
