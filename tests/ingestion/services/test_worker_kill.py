"""kill -9 of a real Celery worker in the middle of a landing: its pool process, its main process, or both."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from kombu import Connection

from config import celery_app
from core.clock import utc_now
from ingestion.models import Lease
from ingestion.services.kafka_landing import lease_name
from tests.ingestion.conftest import wait_for
from tests.ingestion.services.exactly_once import (
    PARTITIONS,
    assert_landed_once,
    landed_so_far,
    values,
)
from tests.subprocesses import environ_of_test, with_path

pytestmark = [pytest.mark.kafka, pytest.mark.crash, pytest.mark.django_db(transaction=True)]

TOTAL = 150_000
BROKEN_EVERY = 991
START_SECONDS = 40


class Worker:
    """`celery worker` as the service starts it, with a queue of its own in a broker database that no other test uses."""

    def __init__(self, *, queue: str, log: Path) -> None:
        self.queue = queue
        self.broker = with_path(os.environ["REDIS_URL"], "13")
        self.environ = environ_of_test(REDIS_URL=self.broker)
        self.log = log
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        options = ["-Q", self.queue, "--concurrency", "1", "-n", f"{self.queue}@%h"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config.celery", "worker", *options],
                env=self.environ,
                cwd=settings.BASE_DIR,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def send(self, task: str, **ids: int) -> None:
        """Ask for a task as `core.jobs.enqueue` does, and as beat does."""
        with Connection(self.broker) as broker:
            celery_app.send_task(task, kwargs=ids, queue=self.queue, connection=broker)

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def kill(self, what: str) -> None:
        """`pool`: the process that lands; `main`: the one that feeds it; `all`: as a machine that goes down."""
        if what == "pool":
            for pid in self.children():
                os.kill(pid, signal.SIGKILL)
        elif what == "main":
            self.process.kill()
            self.process.wait(10)
        else:
            self.stop()

    def stop(self) -> None:
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            self.process.wait(10)


@pytest.fixture
def workers(unique, tmp_path):
    """Makes workers of one queue; whatever of them still lives is killed at the end."""
    made: list[Worker] = []

    def make() -> Worker:
        worker = Worker(queue=unique, log=tmp_path / "worker.log")
        made.append(worker)
        worker.start()
        return worker

    yield make
    for worker in made:
        worker.stop()


def let_lease_end(source) -> None:
    """As if the lease's 20 seconds had gone by; whoever holds it still has been given up."""
    Lease.objects.filter(name=lease_name(source)).update(expires_at=utc_now())


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_killed_celery_workers_lose_and_double_nothing(
    topics, unique, make_source, workers, tmp_path
):
    topic = topics.make(unique, partitions=PARTITIONS)
    topics.produce(topic, values(TOTAL, broken_every=BROKEN_EVERY), partitions=PARTITIONS)
    source = make_source(
        config={"topic": topic, "offset_columns": True, "max_batch_records": 4_000}
    )
    dice = random.Random()
    kinds = ["pool", "main", "all"]
    dice.shuffle(kinds)
    worker, killed_at = workers(), []
    worker.send("ingestion.land_source", source_id=source.pk)
    for kind in kinds:
        before = landed_so_far(source)
        wait_for(lambda: landed_so_far(source) > before, seconds=START_SECONDS)  # noqa: B023
        time.sleep(dice.uniform(0, 0.3))
        worker.kill(kind)
        killed_at.append(landed_so_far(source))
        # An orphaned pool process may go on: its fencing token is what keeps it from committing.
        let_lease_end(source)
        if kind != "pool":
            worker = workers()
        worker.send("ingestion.land_source", source_id=source.pk)

    def finished() -> bool:
        if landed_so_far(source) < TOTAL:
            worker.send("ingestion.land_source", source_id=source.pk)
            time.sleep(1)
        return landed_so_far(source) == TOTAL

    wait_for(finished, seconds=START_SECONDS)
    told = (kinds, killed_at, (tmp_path / "worker.log").read_text()[-2000:])
    assert killed_at[-1] < TOTAL, f"the kills came too late to prove anything: {told}"
    assert_landed_once(source, total=TOTAL, broken_every=BROKEN_EVERY)
