"""What can go wrong with a backend."""

from core.errors import InvalidInputError, LakewardenError, NotFoundError, UnavailableError


class InvalidKeyError(InvalidInputError):
    """The key is empty, too long, or would leave the location's root."""

    code = "invalid-object-key"


class OutsideLocationError(InvalidInputError):
    """The URI lies below no known storage location."""

    code = "outside-location"


class ObjectMissingError(NotFoundError):
    """No object lies under this key."""

    code = "object-missing"


class BackendUnavailableError(UnavailableError):
    """The backend did not answer, or refused; the cause is in the log, not in the message."""

    code = "storage-unavailable"


class ChecksumMismatchError(LakewardenError):
    """The bytes read back are not the bytes that were written."""

    code = "checksum-mismatch"


class ObjectLockedError(LakewardenError):
    """The object store keeps the object against removal: a lock or a legal hold of its own is on it."""

    code = "object-locked"
    status = 409


class RetentionRefusedError(LakewardenError):
    """The object store cannot keep an object against removal for as long as the settings ask for."""

    code = "retention-refused"
    status = 503
