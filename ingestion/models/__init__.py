"""The models of `ingestion`, one noun a file."""

from ingestion.models.landing import IngestedFile, LandingBatch
from ingestion.models.lease import Lease
from ingestion.models.source import Source, SourceKind, SourceOffset

__all__ = ["IngestedFile", "LandingBatch", "Lease", "Source", "SourceKind", "SourceOffset"]
