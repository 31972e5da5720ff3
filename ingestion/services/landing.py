"""Landing a source of any kind."""

from ingestion.models import Source, SourceKind
from ingestion.services.file_landing import land_files
from ingestion.services.kafka_landing import LandingOutcome, land_topic


def land(source: Source, *, budget_seconds: float = 60.0) -> LandingOutcome:
    """Land what waits in the source for about `budget_seconds`; HTTP sources land by upload only."""
    if source.kind == SourceKind.KAFKA:
        return land_topic(source, budget_seconds=budget_seconds)
    if source.kind == SourceKind.FILES:
        return land_files(source, budget_seconds=budget_seconds)
    return LandingOutcome(0, 0, 0, caught_up=True)
