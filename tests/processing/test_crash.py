"""A worker killed with -9 in the middle of a run: Spark dies with it, the run is taken over, rows come once."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import utc_now
from processing.models import PipelineRun, RunState
from processing.services.execution import execute_run
from processing.services.pipelines import create_pipeline
from processing.services.runs import sweep_runs
from storage.tables.catalog import LakewardenCatalog
from tests.subprocesses import environ_of_test

pytestmark = [pytest.mark.spark, pytest.mark.crash, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


def start_worker(name: str, url: str, data_dir: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "manage.py", "pipeline", "run", name, "--here"],
        cwd=ROOT,
        env=environ_of_test(LAKEWARDEN_URL=url, LAKEWARDEN_DATA_DIR=str(data_dir)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def spark_processes(folder: Path) -> list[int]:
    """The processes, Python and Java, whose command line or environment names the run's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if str(folder).encode() + b"/spark/" in text and state != "Z":
            found.append(int(entry.name))
    return found


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.1)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_a_killed_worker_changes_no_count(world, running_service, tmp_path):
    table = f"{world.unique}_curated.flights"
    pipeline = create_pipeline(
        actor=world.owner,
        name=world.unique,
        domain=world.domain,
        kind="sql",
        definition={
            "steps": [
                {
                    "name": "add",
                    "sql": f"SELECT * FROM {world.raw}.flights",
                    "output": table,
                    "mode": "append",
                }
            ]
        },
        run_as=world.service,
    )
    worker = start_worker(pipeline.name, running_service.url, tmp_path)
    catalog = LakewardenCatalog()
    wait_for(lambda: catalog.table_exists(table) and len(spark_processes(tmp_path)) > 1)
    wait_for(lambda: len(catalog.load_table(table).scan().to_arrow()) == 6)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    wait_for(lambda: not spark_processes(tmp_path))
    run = PipelineRun.objects.get(pipeline=pipeline)
    if run.state == RunState.RUNNING:
        past = utc_now() - timedelta(minutes=5)
        PipelineRun.objects.filter(pk=run.pk).update(lease_expires_at=past, enqueued_at=past)
        assert sweep_runs() == {"started": 0, "requeued": 1, "failed": 0}
        execute_run(run_uuid=run.uuid)
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.SUCCEEDED, ""), run.log_tail
    assert len(catalog.load_table(table).scan().to_arrow()) == 6
    assert list((tmp_path / "spark").iterdir()) == []
