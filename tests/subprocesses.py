"""What a process that a test starts is told, so that it works on the test's own database, and a web server of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from stack.probes import http_answers

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60


def with_path(url: str, path: str) -> str:
    """The URL with another path: of a database server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


def environ_of_test(**more: str) -> dict[str, str]:
    """This process's environment with the test's database, and `more` over it."""
    name = str(connection.settings_dict["NAME"])
    return {**os.environ, "DATABASE_URL": with_path(os.environ["DATABASE_URL"], name), **more}


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def granian(
    environ: dict[str, str], *, port: int, log: Path, threads: int = 4
) -> Iterator[subprocess.Popen]:
    """A granian process with one worker, ready; stopped at the end if it still runs."""
    command = [
        str(Path(sys.executable).with_name("granian")),
        *("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--blocking-threads", str(threads), "--backpressure", "64"),
        "config.wsgi:application",
    ]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
    try:
        _wait_for(port, process, log)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not http_answers(port, "/healthz"):
        if time.monotonic() >= deadline or process.poll() is not None:
            pytest.fail(f"the web server did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.2)
