"""The one way by which bytes of a dataset and snapshots of a table go.

INVARIANT: nothing else in the service calls `delete` or `purge` of a backend, and every commit that removes snapshots asks
`require_deletable` (`tests/storage/services/test_gate.py` reads it off the code). So a legal hold stands against tiering, the
sweep of orphans, expiry by whatever engine, retention, dropped tables and erasure alike.
"""

from django.db import transaction

from catalog.models import Dataset
from governance.holds import require_no_hold
from storage.backends import Backend, open_uri


def require_deletable(dataset: Dataset) -> None:
    """Raises LegalHoldError where a hold is in force; none is placed until the caller's transaction ends."""
    require_no_hold(dataset)


def delete_file(uri: str, *, dataset: Dataset | None) -> None:
    """Remove one file or object of `dataset` (None: its table was dropped, which a hold forbids), all versions of it.

    A missing one is no error. Raises LegalHoldError, ObjectLockedError, BackendUnavailableError.
    """
    with transaction.atomic():
        if dataset is not None:
            require_deletable(dataset)
        backend, key = open_uri(uri)
        backend.purge(key)


def discard_write(backend: Backend, key: str) -> None:
    """Remove what this process has just written and nothing named yet: it never was a dataset's."""
    backend.purge(key)
