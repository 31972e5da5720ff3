"""What can be wrong with a policy document or a row filter."""

from core.errors import InvalidInputError


class PolicyDocumentError(InvalidInputError):
    """The policy document breaks the schema; `pointer` (RFC 6901) says where."""

    code = "policy-document"

    def __init__(self, message: str, *, pointer: str) -> None:
        super().__init__(f"{message} (at `{pointer or '/'}`)", pointer=pointer)
        self.pointer = pointer


class RowFilterError(InvalidInputError):
    """The row filter is not in the closed language, or does not fit the dataset or the principal."""

    code = "row-filter"
