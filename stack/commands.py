"""What the commands do, as functions."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

from stack import artifacts
from stack.environment import as_exports, variables
from stack.errors import NotRunningError, StackError
from stack.files import write_json
from stack.home import Home, open_home
from stack.paths import CHECKOUT
from stack.ports import Ports
from stack.report import read_state
from stack.services import choose
from stack.services.base import Context
from stack.supervisor import has_failed, running_supervisor, stop_orphans
from stack.units import State

_UP = {State.READY, State.DONE}
_STOP_SECONDS = 120.0


def up(
    home: Home, names: list[str], *, wait: bool = True, ephemeral: bool = False, quiet: bool = False
) -> int:
    """Start the named services (all when empty) under a supervisor; return the exit status.

    When they run already it says so, unless `quiet`.
    """
    wanted = [service.name for service in choose(names)]
    for sentence in home.ensure():
        print(sentence)
    if not artifacts.is_complete():
        print("Something that the services run is missing; fetching it once:")
        artifacts.ensure()
    state = read_state(home)
    if state is not None and state["phase"] == "running":
        return _up_again(home, state, wanted, quiet=quiet)
    _start_supervisor(home, names, ephemeral=ephemeral)
    return wait_until_up(home, wanted) if wait else 0


def _up_again(home: Home, state: dict[str, Any], wanted: list[str], *, quiet: bool) -> int:
    running = [one["name"] for one in state["services"]]
    if set(wanted) <= set(running) and not has_failed(state):
        status = wait_until_up(home, wanted, quiet=True)
        if not quiet:
            print(f"Already running (supervisor {state['supervisor']}).")
        return status
    print(f"Already running (supervisor {state['supervisor']}); starting what is missing.")
    write_json(home.root / "request.json", sorted({*running, *wanted}))
    os.kill(state["supervisor"], signal.SIGHUP)
    time.sleep(0.6)  # three rounds of the supervisor: it has read the request
    return wait_until_up(home, wanted)


def _start_supervisor(home: Home, names: list[str], *, ephemeral: bool) -> None:
    home.state_file.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "stack",
        "supervise",
        "--home",
        str(home.root),
        "--only",
        ",".join(names),
    ]
    if ephemeral:
        command += ["--ephemeral", "--parent", str(os.getpid())]
    with (home.logs / "supervisor.log").open("ab") as output:
        supervisor = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=CHECKOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + 20
    while read_state(home) is None:
        if supervisor.poll() is not None or time.monotonic() > deadline:
            raise StackError(f"The supervisor did not start: read {home.logs / 'supervisor.log'}.")
        time.sleep(0.05)
    supervisor.returncode = 0  # it is meant to outlive us: no warning about a child left running


def wait_until_up(home: Home, wanted: list[str], *, quiet: bool = False) -> int:
    """Wait until each of `wanted` is ready; print each change; return 0, or 1 when one was given up."""
    shown: dict[str, str] = {}
    began = time.monotonic()
    noted = False
    while True:
        state = read_state(home)
        if state is None:
            raise StackError(f"The supervisor ended: read {home.logs / 'supervisor.log'}.")
        if not noted and not quiet:
            noted = True
            print("".join(f"{note}\n" for note in state["notes"]), end="")
        services = [one for one in state["services"] if one["name"] in wanted]
        if not quiet:
            _print_changes(services, shown, time.monotonic() - began)
        if failed := [one for one in services if one["state"] == State.FAILED]:
            _print_failures(home, failed)
            return 1
        if len(services) == len(wanted) and all(one["state"] in _UP for one in services):
            return 0
        time.sleep(0.1)


def _print_changes(services: list[dict[str, Any]], shown: dict[str, str], seconds: float) -> None:
    for one in services:
        if shown.get(one["name"]) != one["state"]:
            shown[one["name"]] = one["state"]
            if one["state"] != State.WAITING:
                note = f"  ({one['message']})" if one["message"] else ""
                print(f"  {seconds:5.1f} s  {one['name']:18} {one['state']}{note}", flush=True)


def _print_failures(home: Home, failed: list[dict[str, Any]]) -> None:
    for one in failed:
        print(f"error: {one['name']}: {one['message']}", file=sys.stderr)
        log = home.logs / f"{one['name']}.log"
        if log.exists():
            print(f"The last lines of {log}:", file=sys.stderr)
            print("".join(f"    {line}" for line in _tail(log, 12)), file=sys.stderr)


def down(home: Home) -> int:
    """Stop the supervisor, its services, and whatever a killed supervisor has left."""
    supervisor = running_supervisor(home)
    if supervisor is not None:
        os.kill(supervisor.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while supervisor.is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        if supervisor.is_alive():
            os.kill(supervisor.pid, signal.SIGKILL)
    left = stop_orphans(home) if home.root.exists() else []
    if left:
        print(f"Stopped what a killed supervisor had left: {', '.join(left)}.")
    print("Stopped." if supervisor or left else "Nothing was running.")
    return 0


def logs(home: Home, service: str, *, lines: int) -> int:
    """Print the last `lines` lines of a service's log, or of the supervisor's."""
    log = home.logs / f"{service}.log"
    if not log.exists():
        known = sorted(path.stem for path in home.logs.glob("*.log"))
        raise StackError(
            f"There is no log of `{service}`; there are: {', '.join(known) or 'none'}."
        )
    sys.stdout.writelines(_tail(log, lines))
    return 0


def _tail(log: Path, lines: int) -> deque[str]:
    with log.open(errors="replace") as stream:
        return deque(stream, maxlen=lines)


def environment(home: Home) -> dict[str, str]:
    """Return the variables that point at this home's services.

    Raises NotRunningError when it was never started.
    """
    if not home.ports_file.exists():
        raise NotRunningError(f"The stack in {home.root} was never started: run `make up` first.")
    return variables(Context(home=home, ports=Ports(home.ports_file), secrets=home.secrets()))


def exports(home: Home) -> str:
    """Return shell exports; they contain the generated passwords, which is their purpose."""
    return as_exports(environment(home))


def run_ephemeral(command: list[str], names: list[str]) -> int:
    """Run `command` with services of its own in a new folder, and remove them; return its exit status."""
    root = Path(tempfile.mkdtemp(prefix="lakewarden-"))
    home = open_home(root)
    if home.account is not None:
        root.chmod(0o711)
    try:
        return run_with(home, command, names, ephemeral=True)
    finally:
        home.remove()


def run_with(home: Home, command: list[str], names: list[str], *, ephemeral: bool = False) -> int:
    """Run `command` with the environment; what was not running before is stopped afterwards."""
    was_running = running_supervisor(home) is not None
    try:
        status = up(home, names, ephemeral=ephemeral, quiet=was_running)
        return status or _run(command, environment(home))
    finally:
        if not was_running:
            down(home)


def _run(command: list[str], env: dict[str, str]) -> int:
    path = f"{Path(sys.prefix) / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    try:
        child = subprocess.Popen(command, env={**os.environ, **env, "PATH": path})
    except FileNotFoundError as error:
        raise StackError(f"There is no program `{command[0]}`.") from error
    # The child gets the terminal's Ctrl-C itself; a SIGTERM to us is passed on, so that it may end in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _frame: child.send_signal(number))
    status = child.wait()
    return 128 - status if status < 0 else status
