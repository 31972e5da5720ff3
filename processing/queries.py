"""Reads of `processing`; a pipeline is visible to whoever may see all that it writes, and to its owner."""

from uuid import UUID

from django.db.models import Q, QuerySet

from catalog.models import Dataset
from core.errors import NotFoundError
from governance import queries as governance
from governance.policy.types import Action
from identity.models import User
from processing.models import Pipeline, PipelineRun

TABLE_NAMESPACE = "lakewarden"


def visible_pipelines(user: User) -> QuerySet[Pipeline]:
    """The pipelines that `user` owns or whose every output's metadata `user` may see; administrators see all.

    A pipeline's SQL tells of the columns that it reads, so every input must be visible too.
    """
    pipelines = Pipeline.objects.select_related("domain", "owner", "run_as").prefetch_related(
        "inputs"
    )
    if user.is_superuser:
        return pipelines
    visible = governance.visible_datasets(
        governance.principal_of(user), action=Action.VIEW_METADATA
    )
    hidden = Dataset.objects.exclude(pk__in=visible.values("pk"))
    return pipelines.filter(
        Q(owner=user)
        | ~Q(inputs__in=hidden.values("pk")) & ~Q(output_datasets__in=hidden.values("pk"))
    ).distinct()


def get_pipeline(user: User, *, uuid: UUID) -> Pipeline:
    found = visible_pipelines(user).filter(uuid=uuid).first()
    if found is None:
        raise NotFoundError("there is no such pipeline")
    return found


def find_pipeline(*, namespace: str, name: str) -> Pipeline | None:
    return Pipeline.objects.filter(namespace=namespace, name=name).first()


def visible_runs(user: User) -> QuerySet[PipelineRun]:
    return PipelineRun.objects.filter(
        pipeline__in=visible_pipelines(user).values("pk")
    ).select_related("pipeline", "requested_by")


def get_run(user: User, *, uuid: UUID) -> PipelineRun:
    found = visible_runs(user).filter(uuid=uuid).first()
    if found is None:
        raise NotFoundError("there is no such run")
    return found


def visible_tables(user: User, *, names: set[str], action: Action) -> dict[str, Dataset]:
    """The datasets of these table names to which `user` may do `action`, by name."""
    visible = governance.visible_datasets(governance.principal_of(user), action=action)
    found = visible.filter(namespace=TABLE_NAMESPACE, name__in=names)
    return {each.name: each for each in found}


def reads_everything(user: User, dataset: Dataset) -> bool:
    """Whether `user` may read every row and every column of the dataset as it is."""
    decision = governance.decide_read(governance.principal_of(user), dataset)
    given = decision.obligations
    if not decision.allowed or given is None or given.row_filter is not None:
        return False
    plain = {each.name for each in given.columns if each.mask is None and each.visible_when is None}
    return plain.issuperset(dataset.fields.present().values_list("name", flat=True))
