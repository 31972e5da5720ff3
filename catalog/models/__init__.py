"""The models of `catalog`, one noun a file."""

from catalog.models.dataset import Dataset, DatasetOwner, DatasetSymlink
from catalog.models.domain import Domain, DomainSteward
from catalog.models.field import Field
from catalog.models.job import Job, JobTelling, JobVersion, Run, RunEvent, RunState
from catalog.models.lineage import (
    ColumnLineage,
    DatasetEdge,
    DatasetTelling,
    EdgeLog,
    FieldEdge,
    RunDataset,
)
from catalog.models.namespace import DataSource, Namespace
from catalog.models.removal import JobRemoval
from catalog.models.tag import DatasetTag, FieldTag, Tag
from catalog.models.version import DatasetVersion

__all__ = [
    "ColumnLineage",
    "DataSource",
    "Dataset",
    "DatasetEdge",
    "DatasetOwner",
    "DatasetSymlink",
    "DatasetTag",
    "DatasetTelling",
    "DatasetVersion",
    "Domain",
    "DomainSteward",
    "EdgeLog",
    "Field",
    "FieldEdge",
    "FieldTag",
    "Job",
    "JobRemoval",
    "JobTelling",
    "JobVersion",
    "Namespace",
    "Run",
    "RunDataset",
    "RunEvent",
    "RunState",
    "Tag",
]
