"""Drives a run's Spark process: starts it, holds the lease while it lives, reads what it left."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import structlog
from django.conf import settings

from processing.entry_points import find_entry_point
from processing.models import PipelineRun, RunState
from processing.services.cleaning import try_remove_leftovers
from processing.services.runs import claim_run, end_run, renew_lease
from processing.spark.session import SparkJob, write_configuration

logger = structlog.get_logger(__name__)

ROOT = Path(__file__).resolve().parents[2]
RUN_LIMIT = 3000.0  # seconds of a run, its session's start included
RENEW_SECONDS = 10.0
POLL_SECONDS = 0.2
GRACE_SECONDS = 5.0
LOG_TAIL = 16_000
# What Spark and Java need of our environment; the rest (database, broker, signing key) is not theirs to know.
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "HADOOP_CONF_DIR",
    "YARN_CONF_DIR",
    "SPARK_HOME",
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`lost` says that the run is no longer ours, so nothing may be written about it."""

    error: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    log_tail: str = ""
    lost: bool = False


def execute_run(*, run_uuid: UUID, celery_id: str = "") -> None:
    """Run a pipeline to its end, unless another worker holds the run; called by the task."""
    claimed = claim_run(run_uuid, celery_id=celery_id)
    if claimed is None:
        return
    run, token = claimed
    try:
        outcome = _run_in_folder(run, token)
    except Exception:
        logger.exception("run failed", run=str(run.uuid))
        outcome = Outcome(error="the run failed for a reason of the service; the log has it")
    if outcome.lost:
        logger.warning("run was taken away", run=str(run.uuid))
        return
    ended = end_run(
        run,
        state=RunState.FAILED if outcome.error else RunState.SUCCEEDED,
        error=outcome.error,
        metrics=outcome.metrics,
        log_tail=outcome.log_tail,
    )
    if ended and outcome.error:
        try_remove_leftovers(run)


def _run_in_folder(run: PipelineRun, token: str) -> Outcome:
    """Everything of the run lies in one folder of ours alone; that of a lost attempt is removed with it."""
    base = settings.LAKEWARDEN.data_dir / "spark"
    base.mkdir(parents=True, exist_ok=True)
    for leftover in base.glob(f"{run.uuid}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    folder = base / f"{run.uuid}-{run.fencing_token}"
    folder.mkdir(mode=0o700)
    try:
        _write_job(folder, run, token)
        return _supervise(folder, run, token)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_job(folder: Path, run: PipelineRun, token: str) -> None:
    config = settings.LAKEWARDEN
    entry_point = run.definition.get("entry_point") or ""
    document = {
        "run": str(run.uuid),
        "attempt": run.attempts,
        "definition": run.definition,
        "function": find_entry_point(entry_point) if entry_point else "",
    }
    (folder / "job.json").write_text(json.dumps(document))
    write_configuration(
        folder,
        SparkJob(
            name=run.pipeline.name,
            namespace=run.pipeline.namespace,
            run_uuid=str(run.uuid),
            master=config.spark.master,
            driver_memory=config.spark.driver_memory,
            jars_dir=config.spark.jars_dir,
            service_url=config.url.geturl().rstrip("/"),
            token=token,
            s3_endpoint=config.s3.endpoint_url,
            s3_region=config.s3.region,
        ),
    )


def _environment(folder: Path) -> dict[str, str]:
    config = settings.LAKEWARDEN
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    own = {
        "JAVA_HOME": config.spark.java_home,
        "SPARK_CONF_DIR": str(folder),
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "AWS_REGION": config.s3.region,
        "SPARK_LOCAL_IP": "127.0.0.1" if config.spark.master.startswith("local") else None,
    }
    return {**passed, **{key: value for key, value in own.items() if value}}


def _supervise(folder: Path, run: PipelineRun, token: str) -> Outcome:
    log_path = folder / "log"
    with log_path.open("wb") as log:
        process = _start(folder, log)
        try:
            stopped = _wait(process, run)
        finally:
            _kill_group(process)
    tail = _redacted_tail(log_path, token)
    if stopped == "lost":
        return Outcome(lost=True)
    result = _read_result(folder)
    error = stopped or result.pop("error", "")
    if not error and process.returncode != 0:
        error = f"Spark's process ended with {process.returncode}"
    return Outcome(error=error, metrics=result, log_tail=tail)


def _start(folder: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    # A session of its own: one signal to the group reaches Python and Java alike.
    return subprocess.Popen(
        [sys.executable, "-m", "processing.spark.runner", str(folder)],
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _wait(process: subprocess.Popen[bytes], run: PipelineRun) -> str:
    """Wait for the end; "lost" if the run was cancelled or taken over, a reason if it ran too long, else ""."""
    started = renewed = time.monotonic()
    while process.poll() is None:
        time.sleep(POLL_SECONDS)
        now = time.monotonic()
        if now - started > RUN_LIMIT:
            return f"the run took longer than {RUN_LIMIT:.0f} seconds"
        if now - renewed >= RENEW_SECONDS:
            if not renew_lease(run):
                return "lost"
            renewed = now
    return ""


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _redacted_tail(path: Path, token: str) -> str:
    """The last of the log, without our secrets, whatever printed them."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_TAIL))
        text = file.read().decode(errors="replace").replace("\x00", "")
    for secret in (token, settings.LAKEWARDEN.s3.secret_access_key):
        if secret:
            text = text.replace(secret, "***")
    return text


def _read_result(folder: Path) -> dict[str, Any]:
    try:
        result = json.loads((folder / "result.json").read_text())
    except (OSError, json.JSONDecodeError):
        return {}
    return dict(result)
