"""Processes that outlive their starter: pid files that cannot be mistaken, and whole families stopped."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from stack.account import Account
from stack.files import read_json, write_json

# Every process of a service inherits this variable, so its orphans can be told from anybody else's processes.
TAG = "LAKEWARDEN_STACK_SERVICE"


@dataclass(frozen=True)
class Identity:
    """A process that cannot be confused with a later one of the same pid.

    `started` is in clock ticks since boot (proc(5), stat field 22), and `boot` names the boot:
    together with the pid they are unique.
    """

    pid: int
    started: int
    boot: str
    fingerprint: str = ""

    def is_alive(self) -> bool:
        """Tell whether this very process runs; a zombie does not."""
        return self.boot == _boot_id() and _started(self.pid) == self.started


def identify(pid: int, fingerprint: str = "") -> Identity | None:
    """Return the identity of the running process `pid`, or `None` when there is none."""
    started = _started(pid)
    return None if started is None else Identity(pid, started, _boot_id(), fingerprint)


def write_pid_file(path: Path, identity: Identity) -> None:
    """Remember a process."""
    write_json(path, asdict(identity))


def read_pid_file(path: Path) -> Identity | None:
    """Return the process that a pid file names if it still runs; a stale file is removed."""
    known = read_json(path, default=None)
    if known is None:
        return None
    identity = Identity(**known)
    if identity.is_alive():
        return identity
    path.unlink(missing_ok=True)
    return None


def spawn(
    argv: list[str],
    *,
    tag: str,
    log: Path,
    env: dict[str, str],
    cwd: Path,
    account: Account | None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, its output appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**env, TAG: tag},
            cwd=cwd,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            umask=0o077 if account else -1,
        )


def family(tag: str, folder: Path | None = None) -> list[psutil.Process]:
    """Return all processes of a service, orphans included.

    They are known by their inherited tag, or by working in the service's own data `folder`
    (PostgreSQL's children overwrite their environment with their title).
    """
    wanted = f"{TAG}={tag}".encode()
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        if _has_tag(process.pid, wanted) or (folder is not None and _works_in(process.pid, folder)):
            found.append(process)
    return found


def stop_family(
    tag: str,
    *,
    main: int | None,
    signal_number: int,
    seconds: float,
    folder: Path | None = None,
) -> None:
    """Ask the main process to end, wait up to `seconds`, then kill whatever of the family is left."""
    if main is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(main, signal_number)
        _wait_for_end([main], seconds)
    kill_family(tag, folder)


def kill_family(tag: str, folder: Path | None = None) -> None:
    """Kill every process of a service and wait until they are gone."""
    for _ in range(20):
        left = [process for process in family(tag, folder) if _started(process.pid) is not None]
        if not left:
            return
        for process in left:
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                process.send_signal(signal.SIGKILL)
        _wait_for_end([process.pid for process in left], 1.0)


def _wait_for_end(pids: Iterable[int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    left = list(pids)
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [pid for pid in left if _started(pid) is not None]


def _started(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses, and may hold anything.
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else int(rest[18])


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _has_tag(pid: int, wanted: bytes) -> bool:
    try:
        return wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder
    except OSError:
        return False
