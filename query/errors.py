"""What can go wrong with a governed read."""

from core.errors import LakewardenError, UnavailableError, UnprocessableError


class NotReadableError(UnprocessableError):
    """The dataset holds no rows that this service can read: it is no table, or is kept in a way not supported."""

    code = "not-readable"


class ReadFailedError(UnavailableError):
    """The engine failed; what it said is in the log only, since it may quote data."""

    code = "read-failed"


class ReadLimitError(LakewardenError):
    """The read passed its limit of time or memory; a narrower one may fit."""

    code = "read-limit"
    status = 422
