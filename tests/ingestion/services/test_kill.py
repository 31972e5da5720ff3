"""kill -9 at any moment changes no count."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from django.conf import settings
from django.db import connection

from ingestion.errors import LeaseHeldError
from ingestion.models import LandingBatch
from ingestion.services.kafka_landing import land_topic
from tests.ingestion.conftest import read_table, record, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.crash, pytest.mark.django_db(transaction=True)]

TOTAL = 200_000
BROKEN_EVERY = 997
KILLS = 3
WORKER = """
import os, django
django.setup()
from ingestion.models import Source
from ingestion.services.kafka_landing import land_topic
land_topic(Source.objects.get(pk=int(os.environ["SOURCE"])), lease_seconds=1.5)
"""


def start_worker(source) -> subprocess.Popen:
    name = connection.settings_dict["NAME"]
    url = os.environ["DATABASE_URL"].rsplit("/", 1)[0] + f"/{name}"
    environ = {
        **os.environ,
        "DATABASE_URL": url,
        "SOURCE": str(source.pk),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    return subprocess.Popen([sys.executable, "-c", WORKER], env=environ, cwd=settings.BASE_DIR)


def landed_so_far(source) -> int:
    return sum(source.offsets.values_list("next_offset", flat=True))


def test_killed_workers_lose_and_double_nothing(topics, unique, make_source):
    topic = topics.make(unique, partitions=3)
    values = (b"broken %d" % i if i % BROKEN_EVERY == 0 else record(i) for i in range(TOTAL))
    topics.produce(topic, values, partitions=3)
    source = make_source(
        config={"topic": topic, "offset_columns": True, "max_batch_records": 15_000}
    )
    dice = random.Random()
    killed_at = []
    for _ in range(KILLS):
        before = landed_so_far(source)
        worker = start_worker(source)
        wait_for(lambda: landed_so_far(source) > before or worker.poll() is not None, seconds=40)  # noqa: B023
        time.sleep(dice.uniform(0, 0.4))
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        killed_at.append(landed_so_far(source))

    wait_for(lambda: finish(source), seconds=30)

    assert killed_at[0] < TOTAL, "the kills came too late to prove anything"
    rows = read_table(source.identifier)
    letters = read_table(source.dead_letter_identifier)
    broken = list(range(0, TOTAL, BROKEN_EVERY))
    assert rows.num_rows == TOTAL - len(broken)
    assert letters.num_rows == len(broken)
    assert np.array_equal(
        np.sort(rows["id"].to_numpy()), np.setdiff1d(np.arange(TOTAL), np.array(broken))
    )
    assert covered(rows, letters) == {part: list(range(count)) for part, count in ends(3).items()}
    assert dict(source.offsets.values_list("partition", "next_offset")) == ends(3)
    assert_batches_follow_each_other(source)


def finish(source) -> bool:
    try:
        return land_topic(source).caught_up
    except LeaseHeldError:  # of the last one killed; it runs out by itself
        return False


def ends(partitions: int) -> dict[int, int]:
    return {part: len(range(part, TOTAL, partitions)) for part in range(partitions)}


def covered(rows, letters) -> dict[int, list[int]]:
    """Every offset of every partition, in order, from the rows and the dead letters together."""
    partition = np.concatenate(
        [rows["kafka_partition"].to_numpy(), letters["partition"].to_numpy()]
    )
    offset = np.concatenate([rows["kafka_offset"].to_numpy(), letters["position"].to_numpy()])
    return {part: np.sort(offset[partition == part]).tolist() for part in ends(3)}


def assert_batches_follow_each_other(source) -> None:
    place: dict[str, int] = {}
    for batch in LandingBatch.objects.filter(source=source).order_by("pk"):
        for part, start in batch.from_offsets.items():
            assert place.get(part, 0) == start
            place[part] = batch.to_offsets[part]
    batches = LandingBatch.objects.filter(source=source)
    assert sum(each.landed + each.rejected for each in batches) == TOTAL
