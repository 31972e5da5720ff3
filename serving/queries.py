"""Reads of `serving`; each asks the decision kernel first."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from catalog.models import Dataset
from core.errors import NotFoundError
from governance import queries as governance
from governance.policy.types import Action, Decision, Obligations, Principal
from identity.models import User
from serving.models import ModelVersion, TrainingRun
from serving.models.version import MODEL_NAMESPACE

MAX_VERSION_DIGITS = 9


@dataclass(frozen=True, kw_only=True)
class ReadableVersion:
    """A version that the caller may run, and the decision with what it asks to be applied to its outputs."""

    version: ModelVersion
    principal: Principal
    decision: Decision

    @property
    def obligations(self) -> Obligations:
        return self.decision.obligations or Obligations()

    def withheld_outputs(self) -> list[str]:
        """Outputs that the caller may not see as they are.

        A row filter or a mask of a model's output cannot be applied to an answer that is not stored, so
        what bears one is withheld whole.
        """
        plain = {
            rule.name
            for rule in self.obligations.columns
            if rule.mask is None and rule.visible_when is None
        }
        names = [spec["name"] for spec in self.version.outputs]
        if self.obligations.row_filter is not None:
            return names
        return [name for name in names if name not in plain]


def visible_versions(user: User) -> QuerySet[ModelVersion]:
    """The versions of every model whose metadata `user` may see."""
    datasets = governance.visible_datasets(
        governance.principal_of(user), action=Action.VIEW_METADATA
    )
    return (
        ModelVersion.objects.filter(dataset__in=datasets)
        .select_related("dataset", "created_by")
        .prefetch_related("training_datasets")
    )


def visible_training_runs(user: User) -> QuerySet[TrainingRun]:
    """The runs that `user` asked for, and those of models whose metadata `user` may see."""
    return TrainingRun.objects.filter(
        Q(requested_by=user) | Q(version__in=visible_versions(user).values("pk"))
    ).select_related("version", "requested_by", "domain")


def get_training_run(user: User, *, uuid: UUID) -> TrainingRun:
    run = visible_training_runs(user).filter(uuid=uuid).first()
    if run is None:
        raise NotFoundError("no such training run")
    return run


def find_visible(user: User, *, namespace: str, name: str, action: Action) -> Dataset:
    """The live dataset of this name; NotFoundError, in the same words, if `user` may not do `action`."""
    visible = governance.visible_datasets(governance.principal_of(user), action=action)
    found = visible.filter(namespace=namespace, name=name).first()
    if found is None:
        raise NotFoundError(f"there is no `{name}` that you may see")
    return found


def get_model(user: User, *, name: str, action: Action) -> Dataset:
    """The model's dataset; NotFoundError if `user` may not do `action`, as if it did not exist."""
    return find_visible(user, namespace=MODEL_NAMESPACE, name=name, action=action)


def described_version(user: User, *, name: str, version: str | None = None) -> ModelVersion:
    """A version whose metadata `user` may see."""
    return pick_version(get_model(user, name=name, action=Action.VIEW_METADATA), version)


def version_names(model: Dataset) -> list[str]:
    """The numbers of the model's versions, oldest first."""
    numbers = model.model_versions.order_by("number").values_list("number", flat=True)
    return [str(number) for number in numbers]


def pick_version(model: Dataset, version: str | None) -> ModelVersion:
    """By number, by alias, or the one that is served by default."""
    versions = model.model_versions.select_related("dataset").served_first()
    if version is not None and version.isdecimal() and len(version) <= MAX_VERSION_DIGITS:
        versions = versions.filter(number=int(version))
    elif version is not None:
        versions = versions.filter(alias=version).exclude(alias="")
    found = versions.first()
    if found is None:
        raise NotFoundError("the model has no such version")
    return found
