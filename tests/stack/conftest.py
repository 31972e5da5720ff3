"""A stack of the test's own, with the light services only."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.home import Home, open_home
from stack.paths import CHECKOUT

Stack = Callable[..., subprocess.CompletedProcess[str]]


def run_stack(
    home: Path, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python -m stack COMMAND --home HOME ...` as a user would."""
    command, *rest = arguments
    return subprocess.run(
        [sys.executable, "-m", "stack", command, "--home", str(home), *rest],
        cwd=CHECKOUT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the servers' account can reach, stopped and removed at the end."""
    root = Path(tempfile.mkdtemp(prefix="lakewarden-test-"))
    root.chmod(0o711)
    yield root
    run_stack(root, "down")
    open_home(root).remove()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def home(folder: Path) -> Home:
    """The home of this test's module."""
    return open_home(folder)


@pytest.fixture
def stack(folder: Path) -> Stack:
    """Runs a command of the stack for this module's home."""
    return lambda *arguments, **options: run_stack(folder, *arguments, **options)
