"""kill -9 of the web server and of PostgreSQL while events come: each that was acknowledged is there, once.

On a PostgreSQL of its own, since that of the other tests must live. LAKEWARDEN_TEST_KILLS makes it a soak.
"""

import http.client
import itertools
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
import pytest

from stack.home import open_home
from tests.catalog.world import dataset, run_event
from tests.stack.conftest import run_stack
from tests.subprocesses import ROOT, free_port, granian

pytestmark = pytest.mark.crash
KILLS = int(os.environ.get("LAKEWARDEN_TEST_KILLS", "4"))
CLIENTS = 4
MAKE_TOKEN = """
import django; django.setup()
from datetime import timedelta
from identity.models import User
from identity.services import issue_token
user = User.objects.create(username="sender", is_service=True)
print(issue_token(user=user, name="t", scopes=["lineage"], lifetime=timedelta(days=1))[1])
"""


@pytest.fixture
def servers():
    """The environment of a PostgreSQL and a Valkey that are restarted when they die; migrated, with a token."""
    root = Path(tempfile.mkdtemp(prefix="lakewarden-test-"))
    root.chmod(0o711)
    try:
        assert run_stack(root, "up", "--only", "postgres,valkey").returncode == 0
        exports = run_stack(root, "env").stdout.splitlines()
        found = dict(
            shlex.split(line.removeprefix("export "))[0].split("=", 1) for line in exports if line
        )
        environ = {**os.environ, **found, "LAKEWARDEN_ENV": "test"}
        environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        python(environ, "manage.py", "migrate", "-v0")
        yield root, environ, python(environ, "-c", MAKE_TOKEN).strip()
    finally:
        run_stack(root, "down")
        open_home(root).remove()
        shutil.rmtree(root, ignore_errors=True)


def python(environ, *words):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Clients:
    """Threads that post events one after the other, and remember which were acknowledged."""

    def __init__(self, port, token):
        self.port, self.token = port, token
        self.numbers = itertools.count()
        self.sent, self.acknowledged = set(), set()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._post_on) for _ in range(CLIENTS)]

    def __enter__(self):
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        for each in self.threads:
            each.join(60)

    def _post_on(self):
        while not self.stop.is_set():
            number = next(self.numbers)
            self.sent.add(number)
            if self.post(number):
                self.acknowledged.add(number)
            else:
                time.sleep(0.05)

    def post(self, number):
        """Whether the server acknowledged the event."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            headers = {"Authorization": f"Bearer {self.token}"}
            body = json.dumps(event(number)).encode()
            connection.request("POST", "/api/v1/lineage", body, headers)
            return connection.getresponse().status == http.HTTPStatus.CREATED
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def run_of(number):
    return f"0198a3b1-7c1e-7d32-9a30-{number:012d}"


def event(number):
    """Few jobs and datasets, so that the writers meet."""
    return run_event(
        run=run_of(number),
        job=f"job{number % 3}",
        at=f"2026-01-01T10:{number // 60000:02d}:{number // 1000 % 60:02d}.{number % 1000:03d}Z",
        inputs=[dataset("raw", fields=["a", "b"])],
        outputs=[
            dataset(
                f"out{number % 5}",
                fields=["a"],
                columns={"a": [("raw", "a", "DIRECT", "IDENTITY", False)]},
            )
        ],
    )


def wait_until_answered(clients, seconds=60):
    known = len(clients.acknowledged)
    deadline = time.monotonic() + seconds
    while len(clients.acknowledged) < known + 20:
        assert time.monotonic() < deadline, "nothing is acknowledged any more"
        time.sleep(0.05)


def kill_postgres(root):
    """The postmaster and whatever it leaves; the stack's supervisor starts it again."""
    state = json.loads(open_home(root).state_file.read_text())
    pid = next(each["pid"] for each in state["services"] if each["name"] == "postgres")
    os.kill(pid, signal.SIGKILL)


def kill_web(process):
    """The server with its worker."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in (process.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    process.wait(20)


def test_what_was_acknowledged_is_there_once(servers, tmp_path):
    root, environ, token = servers
    port = free_port()
    environ["LAKEWARDEN_URL"] = f"http://127.0.0.1:{port}"
    log, dice = tmp_path / "granian.log", random.Random()
    with Clients(port, token) as clients:
        for kill in range(KILLS):
            with granian(environ, port=port, log=log) as web:
                wait_until_answered(clients)
                if kill % 2:
                    kill_postgres(root)
                    wait_until_answered(clients, seconds=120)
                time.sleep(dice.uniform(0, 0.3))
                kill_web(web)
    with psycopg.connect(environ["DATABASE_URL"]) as database:
        rows = database.execute("SELECT run_id::text, count(*) FROM catalog_runevent GROUP BY 1")
        stored = dict(rows.fetchall())
    assert set(stored.values()) == {1}
    assert {run_of(number) for number in clients.acknowledged} <= stored.keys()
    assert len(clients.acknowledged) > 20 * KILLS

    with granian(environ, port=port, log=log):
        assert all(clients.post(number) for number in sorted(clients.sent))
    with psycopg.connect(environ["DATABASE_URL"]) as database:
        runs = database.execute("SELECT count(*) FROM catalog_run WHERE state = 'COMPLETED'")
        edges = database.execute("SELECT count(*) FROM catalog_datasetedge WHERE valid_to IS NULL")
        assert runs.fetchone() == (len(clients.sent),)
        assert edges.fetchone() == (6,)  # each of three jobs reads one dataset and wrote one last
