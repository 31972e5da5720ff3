"""What the supervisor knows about a service."""

import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from stack.account import Account
from stack.home import Home
from stack.ports import Ports


@dataclass(frozen=True)
class Context:
    """What every service is started with."""

    home: Home
    ports: Ports
    secrets: dict[str, str]
    ephemeral: bool = False

    @property
    def account(self) -> Account | None:
        return self.home.account


@dataclass(frozen=True)
class Launch:
    """A program to start. `account` is None for the caller's own user."""

    argv: list[str]
    cwd: Path
    env: dict[str, str] = field(default_factory=dict)
    account: Account | None = None


@dataclass(frozen=True)
class Start:
    """One start of a service: its output begins at byte `offset` of `log`."""

    context: Context
    log: Path
    offset: int


class Service:
    """One supervised program; subclasses say how it is prepared, started, probed and stopped."""

    name: str
    after: tuple[str, ...] = ()
    port_names: tuple[str, ...] = ()
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 20.0
    ready_seconds: float = 90.0
    # A task runs once to its end; those after it start when it has succeeded.
    is_task: bool = False

    def prepare(self, context: Context) -> None:
        """Write configuration and initialise data; idempotent, called before each start."""

    def launch(self, context: Context) -> Launch:
        """Return the program to start."""
        raise NotImplementedError

    def is_ready(self, start: Start) -> bool:
        """Probe the running service."""
        raise NotImplementedError

    def clean(self, context: Context) -> None:
        """Remove what the stopped service leaves outside the home; nothing by default."""

    def data_folder(self, context: Context) -> Path | None:  # noqa: ARG002
        """Return the folder that only this service's processes work in, if there is one."""
        return None


def venv_program(name: str) -> Path:
    """Return a program that the virtual environment installed."""
    return Path(sys.prefix) / "bin" / name


def bare_env() -> dict[str, str]:
    """Return an environment for servers: none of the user's variables, no secret."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
