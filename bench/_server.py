"""The web server over a database of its own, and what it and PostgreSQL spend."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from stack.probes import http_answers

ROOT = Path(__file__).resolve().parents[1]
TICK = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running server: its URL, a token that may record lineage, and the processes to account for."""

    url: str
    token: str
    process_id: int
    postmaster_id: int

    def cpu_seconds(self) -> float:
        """User and system time so far of the server's and PostgreSQL's processes, ended ones included."""
        return sum(_cpu_of(each) for each in (self.process_id, self.postmaster_id))

    def resident_mib(self) -> float:
        """Resident memory of the server's processes."""
        return sum(_resident(pid) for pid in _tree(self.process_id)) / 2**20


def _cpu_of(root: int) -> float:
    ticks = 0
    for pid in _tree(root):
        try:
            parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        ticks += sum(int(each) for each in parts[11:15])
    return ticks / TICK


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _tree(root: int) -> list[int]:
    """The process and all that it started."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append(pid)
        left += parents.get(pid, [])
    return found


@contextmanager
def own_server(*, threads: int = 8, workers: int = 1) -> Iterator[Server]:
    """Granian with so many worker processes over an empty database, all gone at the end."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection

    name = f"bench_{uuid.uuid4().hex[:8]}"
    former = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        with _granian(name, threads=threads, workers=workers) as (url, process_id):
            yield Server(url, _token(), process_id, _postmaster())
    finally:
        connection.creation.destroy_test_db(former, verbosity=0)


def _token() -> str:
    from identity.models import User
    from identity.services import issue_token

    user = User.objects.create(username=f"bench-{secrets.token_hex(4)}", is_superuser=True)
    return issue_token(
        user=user, name="bench", scopes=["admin", "lineage"], lifetime=timedelta(days=1)
    )[1]


def _postmaster() -> int:
    from django.db import connection

    connection.ensure_connection()
    backend = connection.connection.info.backend_pid
    return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])


@contextmanager
def _granian(database: str, *, threads: int, workers: int) -> Iterator[tuple[str, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    base, _, query = os.environ["DATABASE_URL"].partition("?")
    address = base.rpartition("/")[0] + f"/{database}" + (f"?{query}" if query else "")
    command = [
        str(Path(sys.executable).with_name("granian")),
        *("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *(
            "--workers",
            str(workers),
            "--blocking-threads",
            str(threads),
            "--no-ws",
            "config.wsgi:application",
        ),
    ]
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": address,
                "LAKEWARDEN_URL": url,
                # As `stack` starts it.
                "MALLOC_ARENA_MAX": "2",
            },
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(port, process=process, log=Path(log.name))
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_for(port: int, *, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not http_answers(port, "/healthz"):
        if time.monotonic() >= deadline or process.poll() is not None:
            raise RuntimeError(f"the web server did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.2)
