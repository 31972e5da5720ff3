"""The models of `storage`, one noun a file."""

from storage.models.collection import CollectionObject, PendingVersion
from storage.models.file import DataFile
from storage.models.location import StorageLocation, Tier
from storage.models.movement import Movement, MovementState
from storage.models.policy import TierPolicy
from storage.models.run import TieringRun
from storage.models.table import IcebergNamespace, IcebergTable

__all__ = [
    "CollectionObject",
    "DataFile",
    "IcebergNamespace",
    "IcebergTable",
    "Movement",
    "MovementState",
    "PendingVersion",
    "StorageLocation",
    "Tier",
    "TierPolicy",
    "TieringRun",
]
