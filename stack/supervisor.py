"""The process that starts the services in order, watches them, and stops them."""

import fcntl
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any

from stack import processes
from stack.files import read_json, write_json
from stack.home import Home
from stack.ports import Ports
from stack.processes import Identity
from stack.services import all_services, choose
from stack.services.base import Context
from stack.units import State, Unit

_TICK_SECONDS = 0.2


@dataclass(frozen=True)
class Request:
    """What a supervisor is asked to run; kept in the home's `request.json`, read again on SIGHUP."""

    names: list[str]
    ephemeral: bool = False
    parent: int | None = None


def take_lock(home: Home) -> IO[str] | None:
    """Return the home's lock, held while the stream is open, or `None` when a supervisor holds it."""
    stream = home.lock_file.open("a")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return None
    return stream


def running_supervisor(home: Home) -> Identity | None:
    """Return the supervisor of this home if it lives."""
    return processes.read_pid_file(home.root / "supervisor.json") if home.root.exists() else None


def stop_orphans(home: Home) -> list[str]:
    """Stop what a killed supervisor has left running, last started first; return the names."""
    context = Context(home=home, ports=Ports(home.ports_file), secrets=home.secrets())
    stopped = []
    for service in reversed(all_services()):
        tag = f"{home.digest}:{service.name}"
        pid_file = home.pids / f"{service.name}.json"
        running = processes.read_pid_file(pid_file)
        folder = service.data_folder(context) if home.data.exists() else None
        if running is None and not processes.family(tag, folder):
            continue
        processes.stop_family(
            tag,
            main=running.pid if running else None,
            signal_number=service.stop_signal,
            seconds=service.stop_seconds,
            folder=folder,
        )
        service.clean(context)
        pid_file.unlink(missing_ok=True)
        stopped.append(service.name)
    return stopped


class Supervisor:
    """Runs until SIGTERM or SIGINT; SIGHUP makes it read its request again."""

    def __init__(self, home: Home, request: Request) -> None:
        self._home = home
        self._request = request
        self._stop = False
        self._reread = False
        self._units: dict[str, Unit] = {}
        self._executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="start")
        self._last_report: dict[str, Any] = {}
        self._notes: list[str] = []
        self._parent = processes.identify(request.parent) if request.parent else None
        self._context = Context(home, Ports(home.ports_file), home.secrets(), request.ephemeral)

    def run(self) -> None:
        """Start everything, keep it running, and stop it in reverse order at the end."""
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reread)
        self._choose_ports()
        self._add_units(self._request.names)
        while not self._stop and self._parent_lives():
            if self._reread:
                self._reread = False
                self._read_request()
            for unit in self._units.values():
                unit.tick(
                    dependencies_up=all(self._units[name].is_up() for name in unit.service.after)
                )
            self._write_state("running")
            time.sleep(_TICK_SECONDS)
        self._write_state("stopping")
        self._stop_all()
        self._write_state("stopped")

    def _choose_ports(self) -> None:
        alive = [
            service
            for service in all_services()
            if processes.read_pid_file(self._home.pids / f"{service.name}.json") is not None
        ]
        names = [name for service in all_services() for name in service.port_names]
        in_use = frozenset(name for service in alive for name in service.port_names)
        self._notes = self._context.ports.choose(names, in_use=in_use)

    def _add_units(self, names: list[str]) -> None:
        chosen = [*self._units, *names] if names else None
        services = choose(chosen)
        self._units = {
            service.name: self._units.get(service.name)
            or Unit(service, self._context, self._executor)
            for service in services
        }

    def _read_request(self) -> None:
        names = read_json(self._home.root / "request.json", default=[])
        self._add_units(names)
        for unit in self._units.values():
            unit.retry()

    def _stop_all(self) -> None:
        """Stop by layers: nothing is stopped before what stands on it; one layer at the same time."""
        for layer in reversed(_layers(self._units)):
            list(self._executor.map(Unit.stop, layer))
            self._write_state("stopping")
        self._executor.shutdown()

    def _write_state(self, phase: str) -> None:
        report = {
            "phase": phase,
            "supervisor": os.getpid(),
            "ephemeral": self._request.ephemeral,
            "notes": self._notes,
            "services": [unit.report() for unit in self._units.values()],
        }
        if report != self._last_report:
            self._last_report = report
            write_json(self._home.state_file, report)

    def _parent_lives(self) -> bool:
        return self._parent is None or self._parent.is_alive()

    def _on_stop(self, _signal: int, _frame: object) -> None:
        self._stop = True

    def _on_reread(self, _signal: int, _frame: object) -> None:
        self._reread = True


def _layers(units: dict[str, Unit]) -> list[list[Unit]]:
    depths: dict[str, int] = {}
    for name, unit in units.items():
        depths[name] = 1 + max((depths[before] for before in unit.service.after), default=-1)
    return [
        [units[name] for name, depth in depths.items() if depth == level]
        for level in range(max(depths.values(), default=0) + 1)
    ]


def supervise(home: Home, request: Request) -> int:
    """Be the supervisor of `home`; return the exit status."""
    lock = take_lock(home)
    if lock is None:
        print("another supervisor holds this folder")
        return 1
    identity = processes.identify(os.getpid())
    if identity is not None:
        processes.write_pid_file(home.root / "supervisor.json", identity)
    try:
        Supervisor(home, request).run()
    finally:
        (home.root / "supervisor.json").unlink(missing_ok=True)
        lock.close()
    if request.ephemeral and request.parent and processes.identify(request.parent) is None:
        home.remove()  # whoever would have removed it was killed
    return 0


def has_failed(report: dict[str, Any]) -> bool:
    """Tell whether a service of the report has been given up."""
    return any(one["state"] == State.FAILED for one in report["services"])
