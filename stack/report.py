"""What `status` prints."""

import time
from typing import Any

import psutil

from stack import processes
from stack.files import read_json
from stack.home import Home
from stack.ports import HOST, Ports
from stack.services import all_services
from stack.services.base import Context
from stack.supervisor import running_supervisor

_MIB = 1024**2
_SPARK = "org.apache.spark"


def read_state(home: Home) -> dict[str, Any] | None:
    """Return the supervisor's last report, or `None` when none runs."""
    if running_supervisor(home) is None:
        return None
    state: dict[str, Any] | None = read_json(home.state_file, default=None)
    return state


def table(home: Home) -> str:
    """Return the state of every service, its memory, and the total, as a table for people."""
    state = read_state(home)
    if state is None:
        return f"Nothing runs for {home.root}. Start it with `make up` (or `python -m stack up`)."
    used, spark = memory_of_services(home)
    head = ("service", "state", "pid", "port", "memory", "restarts", "uptime")
    rows = [head, *(_row(one, used.get(one["name"], 0)) for one in state["services"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines += [f"{one['name']}: {one['message']}" for one in state["services"] if one["message"]]
    own = _memory(psutil.Process(state["supervisor"]))
    lines.append(
        f"memory of everything but Spark: {(sum(used.values()) + own) // _MIB} MiB (proportional), Spark: {spark // _MIB} MiB"
    )
    lines.append(f"folder: {home.root}   logs: {home.logs}")
    if any(one["name"] == "web" for one in state["services"]):
        lines.append(
            f"web: http://{HOST}:{Ports(home.ports_file)['web']}   (user `admin`; the password is in `python -m stack env`)"
        )
    return "\n".join(lines)


def memory_of_services(home: Home) -> tuple[dict[str, int], int]:
    """Return the proportional memory (PSS) in bytes of each service without Spark, and Spark's."""
    context = Context(home=home, ports=Ports(home.ports_file), secrets={})
    used: dict[str, int] = {}
    spark = 0
    for service in all_services():
        used[service.name] = 0
        for process in processes.family(
            f"{home.digest}:{service.name}", service.data_folder(context)
        ):
            size = _memory(process)
            if _is_spark(process):
                spark += size
            else:
                used[service.name] += size
    return used, spark


def _row(one: dict[str, Any], used: int) -> tuple[str, ...]:
    alive = one["pid"] is not None
    return (
        one["name"],
        one["state"],
        str(one["pid"]) if alive else "-",
        str(one["ports"][_main_port(one["name"])]) if one["ports"] else "-",
        f"{used // _MIB} MiB" if alive else "-",
        str(one["restarts"]),
        _duration(time.time() - one["since"]) if alive else "-",
    )


def _main_port(name: str) -> int:
    return (
        next(service for service in all_services() if service.name == name).port_names.index(
            "s3_s3"
        )
        if name == "s3"
        else 0
    )


def _duration(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _is_spark(process: psutil.Process) -> bool:
    try:
        return any(_SPARK in word for word in process.cmdline())
    except psutil.Error:
        return False
