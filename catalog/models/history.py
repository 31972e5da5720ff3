"""How the history of large tables is written: an insertion's by one trigger call a statement, so that bulk loads stay bulk.

Changes and removals are recorded row by row: most of them touch nothing that the history keeps, which costs a row no more
than a comparison, and a statement its sets of old and new rows.
"""

from typing import Any

import pghistory


def set_trackers() -> tuple[Any, ...]:
    """The events of `pghistory.track()` by itself, insertions set by set."""
    return (
        pghistory.InsertEvent(level=pghistory.Statement),
        pghistory.UpdateEvent(),
        pghistory.DeleteEvent(),
    )
