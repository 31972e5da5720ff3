"""A supervised PostgreSQL and Valkey, and what happens when something dies."""

import json
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from stack import processes
from stack.home import Home, open_home
from stack.ports import HOST, Ports
from tests.stack.conftest import Stack, run_stack

pytestmark = pytest.mark.crash
LIGHT = ("--only", "postgres,valkey")


def eventually(condition: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def services(home: Home) -> dict[str, dict]:
    state = json.loads(home.state_file.read_text())
    return {one["name"]: one for one in state["services"]}


def environment(stack: Stack) -> dict[str, str]:
    """What a shell makes of `python -m stack env`."""
    exports = stack("env").stdout
    printed = subprocess.run(
        ["sh", "-c", f"{exports}\nenv -0"], capture_output=True, text=True, check=True
    ).stdout
    return dict(line.split("=", 1) for line in printed.split("\0") if line)


@pytest.fixture(autouse=True)
def _up(stack: Stack) -> None:
    assert stack("up", *LIGHT).returncode == 0


def test_the_exports_lead_to_the_services(stack: Stack) -> None:
    env = environment(stack)

    with psycopg.connect(env["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT current_user, current_setting('is_superuser'), current_setting('fsync')"
        ).fetchone()
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    assert row == ("lakewarden", "off", "on")
    with redis.Redis.from_url(env["REDIS_URL"]) as client:
        assert client.ping() is True


def test_no_password_is_no_service(stack: Stack) -> None:
    env = environment(stack)

    without = env["DATABASE_URL"].replace(
        env["DATABASE_URL"].split(":")[2].split("@")[0], "wrong-password"
    )
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(without)
    with (
        redis.Redis(
            host=HOST, port=int(env["REDIS_URL"].rsplit(":", 1)[1].split("/")[0])
        ) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_generated_secrets_are_for_their_owner_only(home: Home) -> None:
    for file in (home.secrets_file, home.audit_key_file, home.data / "valkey" / "valkey.conf"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for secret in home.secrets().values():
        assert secret not in "".join(
            path.read_text(errors="replace") for path in home.logs.iterdir()
        )


def test_no_secret_is_in_a_command_line(home: Home) -> None:
    lines = "".join(
        Path(f"/proc/{one['pid']}/cmdline").read_text()
        for one in services(home).values()
        if one["pid"]
    )

    assert [name for name, secret in home.secrets().items() if secret in lines] == []


@pytest.mark.parametrize("name", ["valkey", "postgres"])
def test_a_killed_service_is_back(home: Home, stack: Stack, name: str) -> None:
    before = services(home)[name]

    os.kill(before["pid"], signal.SIGKILL)

    assert eventually(lambda: services(home)[name]["pid"] not in {before["pid"], None}, seconds=3)
    assert eventually(lambda: services(home)[name]["state"] == "ready", seconds=20)
    assert services(home)[name]["restarts"] == before["restarts"] + 1


def test_a_second_up_says_so(home: Home, stack: Stack) -> None:
    before = {name: one["pid"] for name, one in services(home).items()}

    done = stack("up", *LIGHT)

    assert done.returncode == 0
    assert done.stdout.startswith("Already running (supervisor ")
    assert {name: one["pid"] for name, one in services(home).items()} == before


def test_status_shows_services_and_memory(stack: Stack) -> None:
    lines = stack("status").stdout.splitlines()

    assert lines[0].split() == ["service", "state", "pid", "port", "memory", "restarts", "uptime"]
    assert [line.split()[:2] for line in lines[1:3]] == [["postgres", "ready"], ["valkey", "ready"]]
    assert lines[3].startswith("memory of everything but Spark: ")


def test_what_a_killed_supervisor_leaves_is_adopted(home: Home, stack: Stack) -> None:
    before = {name: one["pid"] for name, one in services(home).items()}
    os.kill(json.loads((home.root / "supervisor.json").read_text())["pid"], signal.SIGKILL)

    assert stack("up", *LIGHT).returncode == 0

    assert {name: one["pid"] for name, one in services(home).items()} == before


def test_down_leaves_nothing_even_of_a_killed_supervisor(home: Home, stack: Stack) -> None:
    os.kill(json.loads((home.root / "supervisor.json").read_text())["pid"], signal.SIGKILL)

    done = stack("down")

    assert done.stdout == "Stopped what a killed supervisor had left: valkey, postgres.\nStopped.\n"
    for name in ("postgres", "valkey"):
        assert processes.family(f"{home.digest}:{name}", home.data / name) == []
    assert stack("down").stdout == "Nothing was running.\n"


def test_a_stale_pid_file_does_not_hinder_a_start(home: Home, stack: Stack) -> None:
    stack("down")
    me = processes.identify(os.getpid())
    assert me is not None
    stale = {"pid": me.pid, "started": me.started - 1, "boot": me.boot, "fingerprint": ""}
    (home.pids / "valkey.json").write_text(json.dumps(stale))
    (home.root / "supervisor.json").write_text(json.dumps(stale))

    assert stack("up", *LIGHT).returncode == 0
    assert services(home)["valkey"]["pid"] != os.getpid()


def test_a_taken_port_is_told_and_another_is_used(home: Home, stack: Stack) -> None:
    stack("down")
    taken = Ports(home.ports_file)["valkey"]

    with socket.create_server((HOST, taken)):
        done = stack("up", *LIGHT)

    assert done.returncode == 0
    assert (
        f"Port {taken}, remembered for valkey, is taken by process {os.getpid()} (" in done.stdout
    )
    assert Ports(home.ports_file)["valkey"] != taken


def test_exec_runs_with_the_environment_and_passes_the_exit_status_on(stack: Stack) -> None:
    program = "import os, sys; print(os.environ['REDIS_URL']); sys.exit(7)"

    done = stack("exec", *LIGHT, "--", sys.executable, "-c", program)

    assert done.returncode == 7
    assert done.stdout == environment(stack)["REDIS_URL"] + "\n"


def test_an_ephemeral_stack_leaves_no_trace(folder: Path) -> None:
    program = "import os; print('home', os.environ['LAKEWARDEN_HOME'])"

    done = run_stack(
        folder, "exec", "--ephemeral", "--only", "valkey", "--", sys.executable, "-c", program
    )

    assert done.returncode == 0
    root = Path(
        next(line for line in done.stdout.splitlines() if line.startswith("home ")).removeprefix(
            "home "
        )
    )
    assert not root.exists()
    assert processes.family(f"{open_home(root).digest}:valkey") == []


def test_a_missing_java_stops_the_start_with_a_sentence(stack: Stack, tmp_path: Path) -> None:
    stack("down")

    done = stack("up", "--only", "kafka", env={"LAKEWARDEN_JAVA_HOME": str(tmp_path)})

    assert done.returncode == 1
    assert (
        f"error: kafka: LAKEWARDEN_JAVA_HOME is `{tmp_path}`, and there is no program `bin/java` in it"
        in done.stderr
    )
    stack("down")


def test_a_full_disk_is_a_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 0)
    )

    with pytest.raises(
        Exception,
        match=r"Only 0.0 GiB are free where .* lies, and the stack needs 2 GiB: free some space",
    ):
        home.ensure()


def test_reset_wants_a_yes(home: Home, stack: Stack) -> None:
    done = stack("reset")

    assert done.returncode == 1
    assert (
        done.stderr == "error: nothing was deleted: `reset` needs `yes` as an answer, or `--yes`.\n"
    )
    assert home.secrets_file.exists()


def test_exports_are_quoted(stack: Stack) -> None:
    for line in stack("env").stdout.splitlines()[:-1]:
        words = shlex.split(line)
        assert words[0] == "export"
        assert len(words) == 2
