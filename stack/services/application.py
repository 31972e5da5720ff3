"""The product's own processes: schema and first accounts, web server, workers, beat."""

import os
import sys
from pathlib import Path

from stack import probes
from stack.environment import RUNTIME_URL, variables
from stack.paths import CHECKOUT
from stack.ports import HOST
from stack.services.base import Context, Launch, Service, Start, venv_program
from stack.services.postgres import RUNTIME_ROLE

_SERVERS = ("postgres", "valkey", "kafka", "s3")
_READY_WORD = b" ready."
# A laptop's memory counts more than an allocation's speed: no arena for each thread of a C library, Arrow's columns
# from the same heap as all else, and what is freed goes back to the system (glibc keeps up to 64 MiB otherwise).
_GIVE_BACK_MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "1048576",
    "MALLOC_MMAP_THRESHOLD_": "262144",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
_SETUP = """
import os, sys
sys.path.insert(0, os.getcwd())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from django.core.management import call_command
call_command("migrate", interactive=False)
call_command("grant_runtime_role", sys.argv[1])
call_command("bootstrap")
call_command("collectstatic", interactive=False, verbosity=0)
"""


class Application(Service):
    """A program of the checkout, run as the caller with the environment of `python -m stack env`.

    All but the one that migrates connect as a role that cannot change the audit log.
    """

    owns_tables = False

    def launch(self, context: Context) -> Launch:
        """Return the program with the product's settings in its environment."""
        path = f"{Path(sys.prefix) / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        env = {**os.environ, **variables(context), "PATH": path, "PYTHONUNBUFFERED": "1"}
        runtime_url = env.pop(RUNTIME_URL, None)
        if runtime_url and not self.owns_tables:
            env["DATABASE_URL"] = runtime_url
        for name, value in _GIVE_BACK_MEMORY.items():
            env.setdefault(name, value)
        return Launch(argv=self.argv(context), cwd=CHECKOUT, env=env)

    def argv(self, context: Context) -> list[str]:
        """Return the command line."""
        raise NotImplementedError


class Setup(Application):
    """Brings the schema, the first accounts and the static files up to date; ends."""

    name = "setup"
    owns_tables = True
    after = _SERVERS
    is_task = True
    ready_seconds = 180.0

    def argv(self, context: Context) -> list[str]:  # noqa: ARG002
        """Return one process for all three commands: starting Django costs seconds of CPU each time."""
        return [sys.executable, "-c", _SETUP, RUNTIME_ROLE]


class Web(Application):
    """Granian on loopback."""

    name = "web"
    after = ("setup",)
    port_names = ("web",)
    stop_seconds = 10.0

    def argv(self, context: Context) -> list[str]:
        """Return one worker process with a few threads: a laptop's share."""
        return [
            *(str(venv_program("granian")), "--interface", "wsgi", "config.wsgi:application"),
            *("--host", HOST, "--port", str(context.ports["web"])),
            *(
                "--workers",
                "1",
                "--blocking-threads",
                "8",
                "--no-ws",
                "--workers-kill-timeout",
                "5",
            ),
        ]

    def is_ready(self, start: Start) -> bool:
        """Probe the health page."""
        return probes.http_answers(start.context.ports["web"], "/healthz")


class Worker(Application):
    """A Celery worker for some queues."""

    after = ("setup",)
    # A warm shutdown finishes the task in hand; tasks are late-acknowledged, so what is cut off runs again.
    stop_seconds = 20.0

    def __init__(self, name: str, *, queues: str, concurrency: int) -> None:
        self.name = f"worker-{name}"
        self._queues = queues
        self._concurrency = concurrency

    def argv(self, context: Context) -> list[str]:
        """Return the worker's command line; a child is replaced when it has grown past 350 MB."""
        return [
            *(sys.executable, "-m", "celery", "-A", "config.celery", "worker"),
            *("-Q", self._queues, "-n", f"{self.name}@{context.home.digest}"),
            *("--concurrency", str(self._concurrency), "--max-memory-per-child", "350000"),
            *("--loglevel", "INFO", "--without-mingle", "--without-gossip"),
        ]

    def is_ready(self, start: Start) -> bool:
        """Read the worker's own announcement, written after it has connected to the broker."""
        return _has_said(_READY_WORD, start.log, start.offset)


class Beat(Application):
    """The schedule, kept in the database."""

    name = "beat"
    after = ("setup",)
    stop_seconds = 10.0

    def argv(self, context: Context) -> list[str]:  # noqa: ARG002
        """Return beat's command line; the supervisor keeps the pid."""
        return [
            *(sys.executable, "-m", "celery", "-A", "config.beat", "beat", "--loglevel", "INFO"),
            *("--scheduler", "django_celery_beat.schedulers:DatabaseScheduler", "--pidfile", ""),
        ]

    def is_ready(self, start: Start) -> bool:
        """Read beat's own announcement."""
        return _has_said(b"beat: Starting", start.log, start.offset)


def _has_said(word: bytes, log: Path, offset: int) -> bool:
    with log.open("rb") as stream:
        stream.seek(offset)
        return word in stream.read()
