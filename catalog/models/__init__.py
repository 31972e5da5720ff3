"""The models of `catalog`, one noun a file."""

from catalog.models.dataset import Dataset, DatasetOwner, DatasetSymlink
from catalog.models.domain import Domain, DomainSteward
from catalog.models.field import Field
from catalog.models.job import Job, Run, RunEvent, RunState
from catalog.models.lineage import DatasetEdge, FieldEdge, RunDataset
from catalog.models.tag import DatasetTag, FieldTag, Tag
from catalog.models.version import DatasetVersion

__all__ = [
    "Dataset",
    "DatasetEdge",
    "DatasetOwner",
    "DatasetSymlink",
    "DatasetTag",
    "DatasetVersion",
    "Domain",
    "DomainSteward",
    "Field",
    "FieldEdge",
    "FieldTag",
    "Job",
    "Run",
    "RunDataset",
    "RunEvent",
    "RunState",
    "Tag",
]
