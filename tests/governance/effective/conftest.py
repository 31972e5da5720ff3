"""Each test begins with a process that has kept nothing."""

import pytest

from governance.effective.store import STORE


@pytest.fixture(autouse=True)
def _nothing_kept():
    STORE.forget()
    yield
    STORE.forget()
