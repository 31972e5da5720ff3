"""The models of `catalog`, one noun a file."""

from catalog.models.bulk import CatalogImport, ImportProblem
from catalog.models.contract import DataContract
from catalog.models.dataset import Dataset, DatasetOwner, DatasetSymlink
from catalog.models.domain import Domain, DomainSteward
from catalog.models.field import Field
from catalog.models.glossary import DatasetTerm, FieldTerm, GlossaryTerm
from catalog.models.job import Job, JobTelling, JobVersion, Run, RunEvent, RunState
from catalog.models.lineage import (
    ColumnLineage,
    DatasetEdge,
    DatasetTelling,
    EdgeLog,
    EdgeLogHorizon,
    FieldEdge,
    RunDataset,
)
from catalog.models.namespace import DataSource, Namespace
from catalog.models.product import DataProduct, DataProductOwner, DataProductPort
from catalog.models.properties import (
    DomainProperties,
    FieldProperties,
    JobProperties,
    PropertyDefinition,
)
from catalog.models.removal import JobRemoval
from catalog.models.search import SearchEntry, SearchWord
from catalog.models.tag import DatasetTag, FieldTag, Tag
from catalog.models.version import DatasetVersion

__all__ = [
    "CatalogImport",
    "ColumnLineage",
    "DataContract",
    "DataProduct",
    "DataProductOwner",
    "DataProductPort",
    "DataSource",
    "Dataset",
    "DatasetEdge",
    "DatasetOwner",
    "DatasetSymlink",
    "DatasetTag",
    "DatasetTelling",
    "DatasetTerm",
    "DatasetVersion",
    "Domain",
    "DomainProperties",
    "DomainSteward",
    "EdgeLog",
    "EdgeLogHorizon",
    "Field",
    "FieldEdge",
    "FieldProperties",
    "FieldTag",
    "FieldTerm",
    "GlossaryTerm",
    "ImportProblem",
    "Job",
    "JobProperties",
    "JobRemoval",
    "JobTelling",
    "JobVersion",
    "Namespace",
    "PropertyDefinition",
    "Run",
    "RunDataset",
    "RunEvent",
    "RunState",
    "SearchEntry",
    "SearchWord",
    "Tag",
]
