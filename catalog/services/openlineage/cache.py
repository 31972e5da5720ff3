"""What a process remembers from one batch of events to the next: bounded, shared by its threads, never trusted blindly.

Every remembered id is checked against the row that is then locked; what depends on content only (hashes) cannot age.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from threading import Lock
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

# Entries of each memory. All of them together keep a worker from growing by more than some 60 MB; whoever sends of more
# at a time than this pays a lookup for each batch.
ENTRIES = 20_000


class Memory(Generic[KeyT, ValueT]):
    """The entries that were used last, of a weight of `size` together; each weighs 1 unless told otherwise."""

    def __init__(self, size: int, *, weigh: Callable[[ValueT], int] = lambda _: 1) -> None:
        self._size = size
        self._weigh = weigh
        self._weight = 0
        self._entries: OrderedDict[KeyT, ValueT] = OrderedDict()
        self._lock = Lock()

    def get(self, key: KeyT) -> ValueT | None:
        """The remembered value, or None."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: KeyT, value: ValueT) -> None:
        """Remember, and forget what was not used longest."""
        with self._lock:
            self._drop(key)
            self._entries[key] = value
            self._weight += self._weigh(value)
            while self._weight > self._size:
                self._drop(next(iter(self._entries)))

    def put_all(self, entries: Mapping[KeyT, ValueT]) -> None:
        """Remember each."""
        for key, value in entries.items():
            self.put(key, value)

    def drop(self, key: KeyT) -> None:
        """Forget one entry."""
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._weight = 0

    def _drop(self, key: KeyT) -> None:
        value = self._entries.pop(key, None)
        if value is not None:
            self._weight -= self._weigh(value)
