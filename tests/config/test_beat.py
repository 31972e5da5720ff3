"""Beat's own application: the workers' schedule, without what their tasks load."""

import subprocess
import sys

from config.beat import app as beat
from config.celery import app as workers
from tests.subprocesses import ROOT

STARTED = """
import sys
from config.beat import app
app.loader.init_worker()
app.finalize()
print(sorted({"pyarrow", "polars", "pyiceberg", "boto3", "confluent_kafka"} & {*sys.modules}))
"""


def test_beat_has_the_workers_schedule_and_each_entry_is_one_of_their_tasks() -> None:
    workers.loader.import_default_modules()

    assert beat.conf.beat_schedule == workers.conf.beat_schedule
    assert {entry["task"] for entry in beat.conf.beat_schedule.values()} <= {*workers.tasks}


def test_beat_starts_without_the_libraries_of_the_tasks() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", STARTED], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "[]"
