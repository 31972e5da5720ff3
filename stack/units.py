"""One supervised service: its state, and the steps from waiting to ready, back after a crash, or to giving up."""

import enum
import hashlib
import subprocess
import time
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from stack import processes
from stack.errors import PortTakenError, StackError
from stack.ports import holder_of, is_free
from stack.processes import Identity
from stack.services.base import Context, Launch, Service, Start

_PROBE_SECONDS = 0.25
_LONGEST_PAUSE = 20.0
_GIVE_UP_AFTER = 5
_STABLE_SECONDS = 60.0
_TASK_ATTEMPTS = 2
_LOG_BYTES = 20 * 1024**2
_OWN_VARIABLES = ("LAKEWARDEN_", "AWS_", "KAFKA_", "DATABASE_", "REDIS_", "SPARK_", "JAVA_")


class State(enum.StrEnum):
    """Where a service is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    PAUSED = "restarting"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class Unit:
    """A service and the process that runs it now. `tick` is called by one thread only."""

    def __init__(self, service: Service, context: Context, executor: Executor) -> None:
        self.service = service
        self.state = State.WAITING
        self.message = ""
        self.restarts = 0
        self.since = time.time()
        self._context = context
        self._executor = executor
        self._process: Identity | None = None
        self._popen: subprocess.Popen[bytes] | None = None
        self._starting: Future[None] | None = None
        self._crashes: list[float] = []
        self._resume_at = 0.0
        self._probe_at = 0.0
        self._deadline = 0.0
        self._log_offset = 0

    @property
    def log(self) -> Path:
        return self._context.home.logs / f"{self.service.name}.log"

    @property
    def pid_file(self) -> Path:
        return self._context.home.pids / f"{self.service.name}.json"

    @property
    def tag(self) -> str:
        return f"{self._context.home.digest}:{self.service.name}"

    def is_up(self) -> bool:
        """Tell whether services that come after this one may start."""
        return self.state in {State.READY, State.DONE}

    def tick(self, *, dependencies_up: bool) -> None:
        """Look once, and take the next step if one is due."""
        if self._starting is not None:
            self._collect_start()
        elif self.state in {State.STARTING, State.READY}:
            self._watch()
        elif self._is_due(dependencies_up=dependencies_up):
            self._become(State.STARTING)
            self._starting = self._executor.submit(self._start)

    def _is_due(self, *, dependencies_up: bool) -> bool:
        if self.state is State.PAUSED:
            return time.monotonic() >= self._resume_at
        return self.state is State.WAITING and dependencies_up

    def retry(self) -> None:
        """Forget that the service has failed."""
        if self.state is State.FAILED:
            self._crashes.clear()
            self._become(State.WAITING)

    def stop(self) -> None:
        """End the service's processes; safe to call in any state."""
        if self._starting is not None:
            self._starting.exception()
        self._popen_reaper()
        main = self._process.pid if self._process and self._is_alive() else None
        processes.stop_family(
            self.tag,
            main=main,
            signal_number=self.service.stop_signal,
            seconds=self.service.stop_seconds,
            folder=self.service.data_folder(self._context),
        )
        self._popen_reaper()
        self.service.clean(self._context)
        self.pid_file.unlink(missing_ok=True)
        self._process = None
        if self.state not in {State.DONE, State.FAILED}:
            self._become(State.STOPPED)

    def report(self) -> dict[str, Any]:
        """Return what `status` shows."""
        return {
            "name": self.service.name,
            "state": str(self.state),
            "pid": self._process.pid if self._process else None,
            "restarts": self.restarts,
            "since": self.since,
            "message": self.message,
            "ports": [self._context.ports[name] for name in self.service.port_names],
        }

    def _become(self, state: State, message: str = "") -> None:
        self.state, self.message, self.since = state, message, time.time()

    def _start(self) -> None:
        """Prepare and spawn, or adopt what a killed supervisor has left running (in a worker thread)."""
        context, service = self._context, self.service
        running = processes.read_pid_file(self.pid_file)
        if running is None or service.is_task:
            self._clear_the_ground()
        service.prepare(context)
        launch = service.launch(context)
        mark = _fingerprint(launch)
        if running is not None and not service.is_task:
            if running.fingerprint == mark:
                self._process, self._popen, self._log_offset = running, None, 0
                return
            processes.stop_family(
                self.tag,
                main=running.pid,
                signal_number=service.stop_signal,
                seconds=service.stop_seconds,
            )
            self._clear_the_ground()
        self._spawn(launch, mark)

    def _spawn(self, launch: Launch, mark: str) -> None:
        self._rotate_log()
        self._log_offset = self.log.stat().st_size if self.log.exists() else 0
        self._popen = processes.spawn(
            launch.argv,
            tag=self.tag,
            log=self.log,
            env=launch.env,
            cwd=launch.cwd,
            account=launch.account,
        )
        self._process = processes.identify(self._popen.pid, mark)
        if self._process is not None:
            processes.write_pid_file(self.pid_file, self._process)

    def _clear_the_ground(self) -> None:
        processes.kill_family(self.tag, self.service.data_folder(self._context))
        for name in self.service.port_names:
            port = self._context.ports[name]
            if not is_free(port):
                raise PortTakenError(
                    f"port {port} is taken by {holder_of(port)}: stop that process, "
                    "or run `python -m stack down` and `up` again to get another port"
                )

    def _collect_start(self) -> None:
        if self._starting is None or not self._starting.done():
            return
        error = self._starting.exception()
        self._starting = None
        if error is None:
            self._deadline = time.monotonic() + self.service.ready_seconds
        elif isinstance(error, PortTakenError):
            self._crashed(str(error))
        elif isinstance(error, (StackError, OSError)):
            self._become(State.FAILED, str(error))
        else:
            self._become(State.FAILED, f"{type(error).__name__}: {error}")

    def _watch(self) -> None:
        if not self._is_alive():
            self._ended()
        elif (
            self.state is State.STARTING
            and not self.service.is_task
            and time.monotonic() >= self._probe_at
        ):
            self._probe_at = time.monotonic() + _PROBE_SECONDS
            if self.service.is_ready(Start(self._context, self.log, self._log_offset)):
                self._become(State.READY)
        if self.state is State.STARTING and time.monotonic() > self._deadline:
            self._terminate_then(f"was not ready after {self.service.ready_seconds:.0f} s")

    def _ended(self) -> None:
        code = self._popen_reaper()
        self._process = None
        self.pid_file.unlink(missing_ok=True)
        if self.service.is_task and code == 0:
            self._become(State.DONE)
            return
        self._crashed(_describe_end(code))

    def _terminate_then(self, reason: str) -> None:
        processes.kill_family(self.tag, self.service.data_folder(self._context))
        self._popen_reaper()
        self._process = None
        self._crashed(reason)

    def _crashed(self, reason: str) -> None:
        """Decide between another start, after a growing pause, and giving up."""
        now = time.monotonic()
        self._crashes = [
            moment for moment in self._crashes if now - moment < _STABLE_SECONDS + _LONGEST_PAUSE
        ]
        self._crashes.append(now)
        count = len(self._crashes)
        limit = _TASK_ATTEMPTS if self.service.is_task else _GIVE_UP_AFTER
        if count >= limit:
            self._become(
                State.FAILED,
                f"{reason}, {count} times in a row; read `python -m stack logs {self.service.name}`",
            )
            return
        self.restarts += 1
        pause = 0.0 if count == 1 else min(_LONGEST_PAUSE, 0.5 * 2**count)
        self._resume_at = now + pause
        self._become(State.PAUSED, f"{reason}; starting again")

    def _is_alive(self) -> bool:
        # Our own child lives until it is reaped, so its exit code is always known; an adopted process is no child.
        if self._popen is not None:
            return self._popen.poll() is None
        return self._process is not None and self._process.is_alive()

    def _popen_reaper(self) -> int | None:
        return self._popen.poll() if self._popen is not None else None

    def _rotate_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))


def _fingerprint(launch: Launch) -> str:
    ours = sorted(
        (key, value) for key, value in launch.env.items() if key.startswith(_OWN_VARIABLES)
    )
    return hashlib.sha256(repr((launch.argv, ours, launch.account)).encode()).hexdigest()


def _describe_end(code: int | None) -> str:
    if code is None:
        return "ended"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
