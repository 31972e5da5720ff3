"""Can this machine run the stack? Each check says what to do about a no."""

import shutil
import subprocess
import sys
from collections.abc import Callable

from stack import artifacts, java
from stack.errors import StackError
from stack.home import Home
from stack.paths import cache_dir
from stack.ports import Ports, holder_of, is_free
from stack.report import read_state

_OLDEST_PYTHON = (3, 11)
_GIB = 1024**3


def examine(home: Home) -> list[tuple[bool, str]]:
    """Return (is well, sentence) for each check; nothing is changed."""
    checks: tuple[Callable[[Home], str], ...] = (_python, _disk, _java, _files, _ports, _browser)
    results = []
    for check in checks:
        try:
            results.append((True, check(home)))
        except StackError as error:
            results.append((False, str(error)))
    return results


def _python(_home: Home) -> str:
    if sys.version_info < _OLDEST_PYTHON:
        raise StackError(
            "Python 3.11 or newer is needed: install it and remove the folder `.venv`."
        )
    return f"Python {sys.version.split()[0]} in {sys.prefix}"


def _disk(home: Home) -> str:
    folder = home.root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / _GIB
    if free < 2:  # noqa: PLR2004  # the same bound as at start
        raise StackError(
            f"Only {free:.1f} GiB are free where {folder} lies: free some space or use `--home`."
        )
    return f"{free:.0f} GiB are free where {folder} lies"


def _java(_home: Home) -> str:
    program = java.runtime() / "bin" / "java"
    done = subprocess.run(
        [program, "-version"], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise StackError(
            f"`{program}` does not run on this machine: set LAKEWARDEN_JAVA_HOME to a Java 17 or 21."
        )
    return f"Java: {done.stderr.splitlines()[0]} at {program}"


def _files(_home: Home) -> str:
    if not artifacts.is_complete():
        raise StackError(
            f"PostgreSQL, Kafka or Spark files are missing in {cache_dir()}: run `make install`."
        )
    return f"PostgreSQL, Kafka and Spark files are in {cache_dir()}"


def _ports(home: Home) -> str:
    if read_state(home) is not None:
        return "The stack runs; its ports are its own"
    ports = Ports(home.ports_file)
    for name in ports:
        if not is_free(ports[name]):
            raise StackError(
                f"Port {ports[name]} of {name} is taken by {holder_of(ports[name])}; `up` will choose another."
            )
    return "All remembered ports are free"


def _browser(_home: Home) -> str:
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        raise StackError(
            "Chromium is missing, so tests marked `browser` are skipped: `apt-get install chromium chromium-driver`."
        )
    return "Chromium and its driver are installed"
