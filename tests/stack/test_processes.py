import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stack import processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
# A parent that ignores SIGTERM and leaves a child in a session of its own.
STUBBORN_PROGRAM = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print("up", flush=True)
time.sleep(60)
"""
STUBBORN = [sys.executable, "-c", STUBBORN_PROGRAM]


def spawn(argv: list[str], tmp_path: Path, tag: str) -> subprocess.Popen[bytes]:
    return processes.spawn(
        argv, tag=tag, log=tmp_path / "log", env=dict(os.environ), cwd=tmp_path, account=None
    )


def test_a_pid_file_names_a_process_until_it_ends(tmp_path: Path) -> None:
    child = spawn(SLEEP, tmp_path, "test:pid-file")
    identity = processes.identify(child.pid, "mark")
    assert identity is not None
    processes.write_pid_file(tmp_path / "pid", identity)
    assert processes.read_pid_file(tmp_path / "pid") == identity

    child.kill()
    child.wait()

    assert processes.read_pid_file(tmp_path / "pid") is None
    assert not (tmp_path / "pid").exists()


@pytest.mark.parametrize("change", [{"started": 1}, {"boot": "another"}])
def test_a_pid_that_now_belongs_to_another_process_is_stale(tmp_path: Path, change: dict) -> None:
    me = processes.identify(os.getpid())
    assert me is not None
    processes.write_pid_file(tmp_path / "pid", replace(me, **change))

    assert processes.read_pid_file(tmp_path / "pid") is None


def test_a_zombie_does_not_count_as_alive(tmp_path: Path) -> None:
    child = spawn(SLEEP, tmp_path, "test:zombie")
    identity = processes.identify(child.pid)
    assert identity is not None

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not identity.is_alive()
    child.wait()


def test_a_whole_family_is_stopped_orphans_and_deaf_ones_included(tmp_path: Path) -> None:
    tag = f"test:{tmp_path}"
    parent = spawn(STUBBORN, tmp_path, tag)
    while b"up" not in (tmp_path / "log").read_bytes():
        assert parent.poll() is None
    assert len(processes.family(tag)) == 2

    processes.stop_family(tag, main=parent.pid, signal_number=signal.SIGTERM, seconds=0.3)

    assert parent.wait() == -signal.SIGKILL
    assert processes.family(tag) == []
