"""The process of a run: `python -m processing.spark.runner FOLDER`.

FOLDER (mode 0700) holds `job.json` and Spark's configuration, and receives `result.json`. The process leads a
session of its own; when the worker that started it is gone, it kills its whole group, Java included.
"""

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

from processing.definition import Definition, Step, read_definition
from processing.spark.guard import check_plan
from processing.spark.publishing import publish_step

MAX_ERROR = 2000
WATCH_SECONDS = 1.0


def run_steps(spark: Any, *, definition: Definition, job: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the steps in order; what was published before one fails stays published."""
    frames = _call_entry_point(spark, definition, job)
    done: list[dict[str, Any]] = []
    for step in definition.steps:
        frame = frames[step.name] if frames else _query(spark, step)
        if step.output is None:
            frame.createOrReplaceTempView(step.name)
            continue
        published = publish_step(
            spark, step=step, frame=frame, run_uuid=job["run"], attempt=job["attempt"]
        )
        done.append({"step": step.name, "output": step.output, **asdict(published)})
        sys.stderr.write(f"step {step.name}: {published.rows} rows in {step.output}\n")
    return done


def _query(spark: Any, step: Step) -> Any:
    check_plan(spark, step.sql)
    return spark.sql(step.sql)


def _call_entry_point(spark: Any, definition: Definition, job: dict[str, Any]) -> dict[str, Any]:
    # The function's place was looked up by the service among what is installed; see processing.entry_points.
    if not definition.entry_point:
        return {}
    module, _, function = str(job["function"]).partition(":")
    frames = getattr(importlib.import_module(module), function)(spark, definition.parameters)
    missing = {step.name for step in definition.steps} - set(frames)
    if missing:
        raise KeyError(f"the entry point gave no rows for step `{min(missing)}`")
    return dict(frames)


def main() -> int:
    folder = Path(sys.argv[1])
    _watch_parent(os.getppid())
    job = json.loads((folder / "job.json").read_text())
    result: dict[str, Any] = {"error": ""}
    started = time.monotonic()
    try:
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.getOrCreate()
        result["session_seconds"] = round(time.monotonic() - started, 3)
        try:
            definition = read_definition(job["definition"])
            result["steps"] = run_steps(spark, definition=definition, job=job)
        finally:
            spark.stop()
    except Exception as error:  # noqa: BLE001 - whatever Spark raises is told to the run
        traceback.print_exc()
        result["error"] = _first_line(error)
    result["seconds"] = round(time.monotonic() - started, 3)
    (folder / "result.json").write_text(json.dumps(result))
    return 1 if result["error"] else 0


def _first_line(error: Exception) -> str:
    """What a person needs of an error: Spark's own message without its stack and plan."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:MAX_ERROR]


def _watch_parent(parent: int) -> None:
    """Kill this process's group once `parent` is gone: nobody would renew the lease or read the result."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
