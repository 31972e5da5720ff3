"""Classifying a dataset: sampled here, judged and recorded by `governance`."""

from catalog.models import Dataset
from core import audit
from core.errors import LakewardenError
from governance.facts import load_facts
from governance.models import Classification
from governance.policy.types import Action, Principal
from governance.queries import require
from governance.services.classifications import Samples, record_suggestions
from query.samples import sample_dataset

SYSTEM = "system:classification"


def classify_dataset(dataset: Dataset, *, by: Principal | None = None) -> list[Classification]:
    """Suggest labels for the dataset's fields, by a sample where it can be read, else by their names.

    `by` must manage the dataset (PermissionDeniedError, NotFoundError); None is the service itself. That it was sampled
    is in the audit log, with how much was looked at and for whom.
    """
    if by is not None:
        require(by, Action.MANAGE, dataset, facts=load_facts(by))
    samples, problem = _sample(dataset)
    actor = by.username if by is not None else SYSTEM
    audit.record(
        actor=actor,
        action="classification.sample",
        resource=dataset.node_id,
        payload={
            "fields": sorted(samples.values),
            "most_values": max(map(len, samples.values.values()), default=0),
            "objects": sum(map(len, samples.media.values())),
            "problem": problem,
        },
    )
    return record_suggestions(dataset, samples=samples, actor=actor)


def _sample(dataset: Dataset) -> tuple[Samples, str]:
    """The samples; none, and the code of the problem, where they cannot be read: names tell something, too."""
    try:
        return sample_dataset(dataset), ""
    except LakewardenError as error:
        return Samples(), error.code
