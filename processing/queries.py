"""Reads of `processing`; a pipeline is visible to whoever may see all that it writes, and to its owner."""

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, Min, OuterRef, Q, QuerySet

from catalog.models import Dataset
from core.errors import NotFoundError
from governance import queries as governance
from governance.facts import load_facts
from governance.policy.types import Action
from identity.models import User
from processing.models import Pipeline, PipelineRun, RunState

TABLE_NAMESPACE = "lakewarden"


def visible_pipelines(user: User) -> QuerySet[Pipeline]:
    """The pipelines that `user` owns or whose every output's metadata `user` may see; administrators see all.

    A pipeline's SQL tells of the columns that it reads, so every input must be visible too. One of which nothing
    that it writes is in the catalog, or nothing that it reads though it reads something, shows itself to who
    stewards its domain only: no dataset vouches for anybody else.
    """
    pipelines = Pipeline.objects.select_related("domain", "owner", "run_as").prefetch_related(
        "inputs"
    )
    if user.is_superuser:
        return pipelines
    principal = governance.principal_of(user)
    facts = load_facts(principal)
    visible = governance.visible_datasets(principal, action=Action.VIEW_METADATA, facts=facts)
    hidden = Dataset.objects.exclude(pk__in=visible.values("pk"))
    hides_nothing = ~Q(inputs__in=hidden.values("pk")) & ~Q(output_datasets__in=hidden.values("pk"))
    stewarded = governance.administered_domains(principal, facts=facts)
    return pipelines.filter(
        Q(owner=user) | hides_nothing & (_is_vouched_for() | Q(domain__in=stewarded))
    ).distinct()


def _is_vouched_for() -> Q:
    """Outputs are in the catalog, and inputs if the definition names any."""
    outputs = Pipeline.output_datasets.through.objects.filter(pipeline=OuterRef("pk"))
    inputs = Pipeline.inputs.through.objects.filter(pipeline=OuterRef("pk"))
    return Q(Exists(outputs)) & (Q(Exists(inputs)) | Q(definition__inputs=[]))


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


def oldest_run() -> datetime | None:
    """When the longest-running run began to write; None if none runs."""
    running = PipelineRun.objects.filter(state=RunState.RUNNING)
    began: datetime | None = running.aggregate(began=Min("started_at"))["began"]
    return began


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
