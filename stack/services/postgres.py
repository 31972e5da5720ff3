"""PostgreSQL 18 with its contrib modules, password authentication, loopback only."""

import shutil
import signal
import subprocess
from pathlib import Path

import psutil

from stack import artifacts, probes
from stack.account import exposed
from stack.errors import StackError
from stack.ports import HOST
from stack.services.base import Context, Launch, Service, Start, bare_env

ROLE = DATABASE = "lakewarden"
# What web server, workers and beat connect as: it owns nothing, and the audit log cannot be changed by it.
RUNTIME_ROLE = "lakewarden_app"
# Durability stays on (fsync, synchronous_commit, full_page_writes): acknowledged means durable.
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "2000",
    "password_encryption": "scram-sha-256",
}
# Nothing of an ephemeral stack is to outlive the machine; a kill of the process still loses nothing.
_EPHEMERAL = {"fsync": "off", "full_page_writes": "off"}
# The server's own cache, in MiB: an eighth of the machine's memory within these bounds. It takes what was read, no more; a
# page that it does not hold is read from the system again and again, which at a million datasets is a third of a search.
_LEAST_CACHE, _MOST_CACHE = 128, 1024


class Postgres(Service):
    """The only authority on what is true."""

    name = "postgres"
    port_names = ("postgres",)
    stop_signal = signal.SIGINT  # "fast shutdown": sessions are ended, data are written

    def prepare(self, context: Context) -> None:
        """Create the cluster, the product's roles (no superuser) and its database, once."""
        data = self._data(context)
        if not (data / "lakewarden.initialised").exists():
            self._initialise(context, data)
        # A folder from before there was this role gets it at its next start.
        if not (data / "lakewarden.runtime-role").exists():
            self._single(context, _runtime_role(context.secrets["postgres_app"]))
            (data / "lakewarden.runtime-role").touch()

    def _initialise(self, context: Context, data: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)
        password_file = context.home.folder("postgres") / "superuser"
        password_file.write_text(context.secrets["postgres_superuser"])
        password_file.chmod(0o644 if context.account else 0o600)  # its folder is closed to others
        _run(
            context,
            [
                str(self._bin(context) / "initdb"),
                "-D",
                str(data),
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ],
            "--auth=scram-sha-256",
            f"--pwfile={password_file}",
        )
        password_file.unlink()
        statements = (
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{context.secrets['postgres']}'",
            f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
        )
        for statement in statements:
            self._single(context, statement)
        (data / "lakewarden.initialised").touch()

    def _single(self, context: Context, statement: str) -> None:
        """Run one line of SQL as the superuser while no server runs."""
        program, data = str(self._bin(context) / "postgres"), str(self._data(context))
        _run(context, [program, "--single", "-D", data, "postgres"], stdin=statement)

    def launch(self, context: Context) -> Launch:
        """Return the server's command line; it holds no secret."""
        memory = cache_settings(psutil.virtual_memory().total)
        settings = _SETTINGS | memory | (_EPHEMERAL if context.ephemeral else {})
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        port = str(context.ports["postgres"])
        argv = [
            str(self._bin(context) / "postgres"),
            "-D",
            str(self._data(context)),
            "-p",
            port,
            *options,
        ]
        return Launch(argv=argv, cwd=self._data(context), env=bare_env(), account=context.account)

    def is_ready(self, start: Start) -> bool:
        """Probe by the start of a session."""
        return probes.postgres_answers(start.context.ports["postgres"])

    def data_folder(self, context: Context) -> Path | None:
        """Return the cluster's folder: PostgreSQL's children work in it."""
        return self._data(context)

    def _data(self, context: Context) -> Path:
        return context.home.folder("postgres") / "cluster"

    def _bin(self, context: Context) -> Path:
        return (
            exposed(artifacts.postgres_dir(), context.account, context.home.data / "programs")
            / "bin"
        )


def cache_settings(total: int) -> dict[str, str]:
    """What the server may take as its cache, and expect the system to hold beside it, on a machine of `total` bytes."""
    eighth = total // 8 // 2**20
    own = max(_LEAST_CACHE, min(_MOST_CACHE, eighth))
    return {"shared_buffers": f"{own}MB", "effective_cache_size": f"{max(1024, 4 * eighth)}MB"}


def _runtime_role(password: str) -> str:
    """Idempotent. The owner is a member, so that it can hand over the tables of raw events."""
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{RUNTIME_ROLE}') THEN "
        f"CREATE ROLE {RUNTIME_ROLE} LOGIN PASSWORD '{password}'; END IF; "
        f"GRANT {RUNTIME_ROLE} TO {ROLE}; END $$"
    )


def _run(context: Context, argv: list[str], *more: str, stdin: str = "") -> None:
    account = context.account
    done = subprocess.run(
        [*argv, *more],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=context.home.folder("postgres"),
        env=bare_env(),
        timeout=120,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    said = done.stdout + done.stderr
    if done.returncode or "ERROR:" in said or "FATAL:" in said:
        # A statement of ours holds a password, and the server repeats it in its messages.
        reason = said.strip().splitlines()[-1] if not stdin else "the server refused a statement"
        raise StackError(f"`{Path(argv[0]).name}` failed while PostgreSQL was set up: {reason}.")
