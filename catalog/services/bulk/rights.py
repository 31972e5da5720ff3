"""What an importer may do: asked of `governance`, which stands above this app, through this port."""

from collections.abc import Collection
from typing import Protocol

# Owning a dataset gives `read` of it: that is for others to give.
NOT_FOR_ONESELF = "nobody makes themselves or their own group an owner"


class Rights(Protocol):
    """The rights of one importer, as they are while one chunk is written."""

    @property
    def is_administrator(self) -> bool:
        """Whether the importer administers the whole catalog."""
        ...

    def manageable(self, ids: Collection[int]) -> Collection[int]:
        """Which of these live datasets the importer may manage."""
        ...

    def described(self, ids: Collection[int]) -> Collection[int]:
        """Which of these live datasets the importer may view the metadata of."""
        ...

    def is_own(self, *, kind: str, name: str) -> bool:
        """Whether this `user` or `group` is the importer, or a group of theirs."""
        ...

    def owned(self, ids: Collection[int]) -> Collection[int]:
        """Which of these datasets the importer owns, or a group of theirs."""
        ...

    def manageable_jobs(self, ids: Collection[int]) -> Collection[int]:
        """Of which of these jobs the importer manages all that they write."""
        ...

    def administers(self, domain_id: int) -> bool:
        """Whether the importer stewards the domain or one above it."""
        ...

    def administers_any(self) -> bool:
        """Whether the importer stewards any domain at all."""
        ...

    def knows_domain(self, domain_id: int) -> bool:
        """Whether the importer may know of the domain."""
        ...
