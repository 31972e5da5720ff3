"""What can go wrong while data arrives."""

from core.errors import ConflictError, InvalidInputError, LimitExceededError, UnavailableError


class InvalidSourceError(InvalidInputError):
    """A source's configuration, schema or partitioning is wrong; `pointer` says where."""

    code = "invalid-source"


class PathNotAllowedError(InvalidInputError):
    """A path lies outside the folders that sources may read (`LAKEWARDEN_INGEST_ROOTS`)."""

    code = "path-not-allowed"


class LeaseHeldError(ConflictError):
    """Another task lands this source now."""

    code = "lease-held"


class LeaseLostError(ConflictError):
    """Another task took the lease over; nothing of this batch was committed."""

    code = "lease-lost"


class OffsetConflictError(ConflictError):
    """The stored offsets moved under the batch; nothing of it was committed."""

    code = "offset-conflict"


class SourceOffsetLostError(ConflictError):
    """The topic no longer holds the next offset (retention); a steward must choose where to go on."""

    code = "source-offset-lost"


class KafkaUnavailableError(UnavailableError):
    """The brokers cannot be reached, or do not answer in time."""

    code = "kafka-unavailable"


class UploadTooLargeError(LimitExceededError):
    """An upload passes `LAKEWARDEN_MAX_UPLOAD_BYTES`."""

    code = "upload-too-large"
