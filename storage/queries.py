"""What a person may see of where bytes are and where they go.

Paths, partition values and keys tell about the data, so they are shown to those who manage a dataset, or who
may read all of it.
"""

from uuid import UUID

from django.db.models import Count, QuerySet, Sum

from catalog.models import Dataset, Field
from catalog.models.dataset import DatasetKind
from core.errors import NotFoundError, PermissionDeniedError, UnprocessableError
from governance.policy.types import Action, Principal
from governance.queries import decide_on, decide_read, principal_of, visible_datasets
from identity.models import User
from storage.models import CollectionObject, DataFile, Movement, TieringRun, TierPolicy


class NotTierableError(UnprocessableError):
    """The dataset has no bytes of ours: it is neither a table nor an object collection."""

    code = "not-tierable"


def manageable_movements(user: User) -> QuerySet[Movement]:
    """Movements of the datasets that `user` manages."""
    datasets = _managed(user)
    rows = Movement.objects.select_related(
        "source_tier", "target_tier", "run", "table__dataset", "held_object__dataset"
    )
    return rows.filter(table__dataset__in=datasets) | rows.filter(held_object__dataset__in=datasets)


def manageable_policies(user: User) -> QuerySet[TierPolicy]:
    """Tier policies of the datasets that `user` manages."""
    return TierPolicy.objects.select_related("dataset", "target").filter(dataset__in=_managed(user))


def manageable_runs(user: User) -> QuerySet[TieringRun]:
    """Tiering runs of the datasets that `user` manages."""
    return TieringRun.objects.select_related("dataset", "requested_by").filter(
        dataset__in=_managed(user)
    )


def get_policy(user: User, uuid: UUID) -> TierPolicy:
    """The policy, or NotFoundError, in the same words where `user` does not manage its dataset."""
    found = manageable_policies(user).filter(uuid=uuid).first()
    if found is None:
        raise NotFoundError("there is no such tier policy")
    return found


def get_run(user: User, uuid: UUID) -> TieringRun:
    """The run, or NotFoundError, in the same words where `user` does not manage its dataset."""
    found = manageable_runs(user).filter(uuid=uuid).first()
    if found is None:
        raise NotFoundError("there is no such tiering run")
    return found


def run_states(run: TieringRun) -> dict[str, dict[str, int]]:
    """Movements and bytes of a run by state."""
    rows = run.movements.order_by().values_list("state").annotate(count=Count("pk"), of=Sum("size"))
    return {state: {"movements": count, "bytes": size} for state, count, size in rows}


def tier_summary(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Files and bytes of a dataset by tier: as much as its statistics tell, so for whoever sees its metadata."""
    rows = (
        CollectionObject.objects.filter(dataset=dataset)
        if dataset.kind == DatasetKind.COLLECTION
        else DataFile.objects.filter(table__dataset=dataset)
    )
    totals = rows.order_by("tier__rank").values_list("tier__name", "tier__rank")
    return {
        name: {"files": files, "bytes": size}
        for name, _, files, size in totals.annotate(files=Count("pk"), of=Sum("size"))
    }


def visible_files(user: User, dataset: Dataset) -> QuerySet[DataFile]:
    """The data files of a table, for those who manage it or may read all rows and columns of it.

    Raises PermissionDeniedError for others, NotTierableError if the dataset is no table.
    """
    principal = principal_of(user)
    manages = decide_on(principal, Action.MANAGE, dataset).allowed
    if not manages and not _reads_everything(principal, dataset):
        raise PermissionDeniedError(
            "files are shown to those who manage the dataset or may read all of it"
        )
    if not hasattr(dataset, "iceberg_table"):
        raise NotTierableError("only a table has data files")
    return DataFile.objects.filter(table__dataset=dataset).select_related("tier")


def _managed(user: User) -> QuerySet[Dataset]:
    return visible_datasets(principal_of(user), action=Action.MANAGE)


def _reads_everything(principal: Principal, dataset: Dataset) -> bool:
    decision = decide_read(principal, dataset)
    if not decision.allowed or decision.obligations is None or decision.obligations.row_filter:
        return False
    plain = {
        rule.name
        for rule in decision.obligations.columns
        if rule.mask is None and rule.visible_when is None
    }
    fields = Field.objects.filter(dataset=dataset).present().values_list("name", flat=True)
    return plain >= set(fields)
