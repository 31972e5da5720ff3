"""The datasets of text queries, kept, and brought up to date with the texts that changed when they are asked for."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from django.db.backends.utils import CursorWrapper

from governance.effective.ids import FrozenIds, Ids, ids_of, weight
from governance.effective.leaves import Column, read_posting

# A set that missed more changes than this is read anew; of so many times that, nothing is kept.
MAX_MISSED = 2_000
MAX_CHANGED = 10 * MAX_MISSED
# Of many names that fit, so many are kept.
SAMPLE = 1_000
MAX_SAMPLES = 2_000
# Up to so many datasets, a question that only SQL answers is asked of these alone.
FEW = 5_000
# To find some datasets that the caller may see by their words, so many that fit are looked at first, beside three times
# as many as should be enough.
LOOKED_AT = 30

Key = tuple[Column, str]


@dataclass(slots=True)
class Posting:
    """The datasets of a text query, deleted ones too, up to date with so many changed texts."""

    ids: Ids
    seen: int


class Postings:
    """Those of one process; whoever calls holds the lock of the store. `weights` is the store's own account of bytes."""

    def __init__(self, weights: dict[Hashable, int]) -> None:
        self.kept: OrderedDict[Key, Posting] = OrderedDict()
        # some of many whose names fitted; who uses them checks the name
        self.samples: OrderedDict[Key, Ids] = OrderedDict()
        # some of many that have a word, up to date
        self.parts: OrderedDict[Key, Posting] = OrderedDict()
        # datasets whose words changed, in order
        self.changed: list[int] = []
        self.is_warmed = False
        self._weights = weights

    def drop(self) -> None:
        """Take what is kept out of the account."""
        for key in self.kept:
            self._weights.pop(key, None)

    def find(self, cursor: Callable[[], CursorWrapper], key: Key) -> Ids:
        """All that fit. Not to be changed."""
        found = self._now(cursor, key, self.kept.get(key))
        if found is None:
            found = self.keep(key, read_posting(cursor(), *key), seen=len(self.changed))
        self.kept.move_to_end(key)
        return found.ids

    def _now(
        self, cursor: Callable[[], CursorWrapper], key: Key, found: Posting | None
    ) -> Posting | None:
        """What is kept, with the texts that changed since looked at again; None where too many did, or nothing is kept."""
        if found is None or len(self.changed) - found.seen > MAX_MISSED:
            return None
        if found.seen < len(self.changed):
            missed = ids_of(self.changed[found.seen :])
            fitting = read_posting(cursor(), *key, among=missed)
            found.ids.difference_update(missed)
            found.ids.update(fitting)
            found.seen = len(self.changed)
        return found

    def keep(self, key: Key, ids: Ids, *, seen: int) -> Posting:
        """Keep a set that was read after so many changes; what changed since is looked at again."""
        found = self.kept[key] = Posting(ids, seen)
        self._weights[key] = weight(ids)
        return found

    def find_some(
        self,
        cursor: Callable[[], CursorWrapper],
        key: Key,
        *,
        among: Ids | FrozenIds,
        count: int,
        living: int,
    ) -> list[int]:
        """Any `count` of `among` (of so many `living`) that fit, or all if there are fewer. Few rows tell enough.

        Where many names fit, these are kept, and may not fit any more: the caller checks the name. Some of the many that
        have a word are kept as well, and follow its changes.
        """
        fitting = self.find(cursor, key) if key in self.kept else self._kept_some(cursor, key)
        if fitting is None:
            expected = LOOKED_AT + 3 * count * living // max(1, len(among))
            most = SAMPLE if key[0] == "names" else min(SAMPLE, expected)
            fitting = read_posting(cursor(), *key, most=most)
            if len(fitting) < most:
                self.keep(key, fitting, seen=len(self.changed))
            else:
                self.keep_sample(key, fitting)
        if key not in self.kept and fitting.intersection_cardinality(among) < count:
            few = among if len(among) <= FEW else None
            fitting = (
                self.find(cursor, key) if few is None else read_posting(cursor(), *key, among=few)
            )
        return list((fitting & among)[:count])

    def _kept_some(self, cursor: Callable[[], CursorWrapper], key: Key) -> Ids | None:
        if key[0] == "names":
            return self.samples.get(key)
        part = self._now(cursor, key, self.parts.get(key))
        return None if part is None else part.ids

    def keep_sample(self, key: Key, ids: Ids) -> None:
        """Keep some of the many datasets that fit, read after all changes that are known."""
        kept: OrderedDict[Key, Any] = self.samples if key[0] == "names" else self.parts
        kept[key] = ids if key[0] == "names" else Posting(ids, len(self.changed))
        if len(kept) > MAX_SAMPLES:
            kept.popitem(last=False)
