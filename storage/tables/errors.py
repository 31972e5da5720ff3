"""What can go wrong with a table, named as the Iceberg REST catalog specification names it."""

from typing import ClassVar

from core.errors import ConflictError, InvalidInputError, LakewardenError, NotFoundError


class NoSuchNamespaceError(NotFoundError):
    """The namespace does not exist."""

    iceberg_type: ClassVar[str] = "NoSuchNamespaceException"


class NoSuchTableError(NotFoundError):
    """The table does not exist, or the caller may not know of it."""

    iceberg_type: ClassVar[str] = "NoSuchTableException"


class AlreadyExistsError(ConflictError):
    """A namespace or table of this name exists."""

    iceberg_type: ClassVar[str] = "AlreadyExistsException"


class NamespaceNotEmptyError(ConflictError):
    """A namespace that holds tables or namespaces cannot be dropped."""

    iceberg_type: ClassVar[str] = "NamespaceNotEmptyException"


class CommitFailedError(ConflictError):
    """A requirement of the commit does not hold: somebody else committed first."""

    iceberg_type: ClassVar[str] = "CommitFailedException"


class InvalidTableError(InvalidInputError):
    """A name, location, schema or update that no table can have."""

    iceberg_type: ClassVar[str] = "BadRequestException"


class UnsupportedTableError(LakewardenError):
    """Well-formed, but of a format version or type that this release does not keep."""

    code = "unsupported"
    status = 406
    iceberg_type: ClassVar[str] = "UnsupportedOperationException"
