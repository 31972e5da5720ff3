"""Landing a source of any kind."""

from django.db import InterfaceError, OperationalError

from ingestion.errors import LeaseHeldError, LeaseLostError, OffsetConflictError
from ingestion.models import Source, SourceKind
from ingestion.services.failures import clear_failure, record_failure
from ingestion.services.file_landing import land_files
from ingestion.services.kafka_landing import LandingOutcome, land_topic

# The source is in order: another task lands it.
LEFT_TO_ANOTHER = (LeaseHeldError, LeaseLostError, OffsetConflictError)


def land(source: Source, *, budget_seconds: float = 60.0) -> LandingOutcome:
    """Land what waits in the source for about `budget_seconds`; HTTP sources land by upload only.

    An error is raised, and remembered on the source until a landing succeeds.
    """
    try:
        outcome = _land(source, budget_seconds)
    except (*LEFT_TO_ANOTHER, OperationalError, InterfaceError):
        # Without its database the service can remember nothing, and the source is not to blame.
        raise
    except Exception as error:
        record_failure(source, error)
        raise
    clear_failure(source)
    return outcome


def _land(source: Source, budget_seconds: float) -> LandingOutcome:
    if source.kind == SourceKind.KAFKA:
        return land_topic(source, budget_seconds=budget_seconds)
    if source.kind == SourceKind.FILES:
        return land_files(source, budget_seconds=budget_seconds)
    return LandingOutcome(0, 0, 0, caught_up=True)
