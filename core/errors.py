"""The one root of all errors that a caller may see.

The API renders them once as RFC 9457 problem details (`api/problems.py`); pages render them as messages.
A message is lower case, names the input in backticks, says what was expected, and never tells what the
caller may not see.
"""

from typing import Any, ClassVar


class LakewardenError(Exception):
    """A failure with a stable `code`, a `message` for people, an HTTP `status`, and JSON-safe `data`."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class InvalidInputError(LakewardenError):
    """The input is malformed or out of range; `pointer` (RFC 6901) says where, if known."""

    code = "invalid-input"
    status = 400


class UnauthenticatedError(LakewardenError):
    """The caller gave no credential, or one that no longer holds."""

    code = "unauthenticated"
    status = 401


class PermissionDeniedError(LakewardenError):
    """The decision kernel refused; `reasons` lists what the caller may know about why."""

    code = "permission-denied"
    status = 403


class NotFoundError(LakewardenError):
    """It does not exist, or the caller may not know that it exists: the two answers are equal."""

    code = "not-found"
    status = 404


class ConflictError(LakewardenError):
    """The state moved on under the caller, or a uniqueness rule is broken."""

    code = "conflict"
    status = 409


class LimitExceededError(LakewardenError):
    """A body, depth, page or queue limit is passed; `limit` says which."""

    code = "limit-exceeded"
    status = 413


class UnprocessableError(LakewardenError):
    """Well-formed, but it breaks a rule of the domain."""

    code = "unprocessable"
    status = 422


class UnavailableError(LakewardenError):
    """A service that this answer needs is down; the caller may try again."""

    code = "unavailable"
    status = 503
