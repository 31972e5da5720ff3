"""kill -9 at any moment changes no count."""

import random
import signal
import subprocess
import sys
import time

import pytest
from django.conf import settings

from ingestion.errors import LeaseHeldError
from ingestion.services.kafka_landing import land_topic
from tests.ingestion.conftest import wait_for
from tests.ingestion.services.exactly_once import (
    PARTITIONS,
    assert_landed_once,
    landed_so_far,
    values,
)
from tests.subprocesses import environ_of_test

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
    environ = environ_of_test(SOURCE=str(source.pk))
    return subprocess.Popen([sys.executable, "-c", WORKER], env=environ, cwd=settings.BASE_DIR)


def test_killed_workers_lose_and_double_nothing(topics, unique, make_source):
    topic = topics.make(unique, partitions=PARTITIONS)
    topics.produce(topic, values(TOTAL, broken_every=BROKEN_EVERY), partitions=PARTITIONS)
    source = make_source(
        config={"topic": topic, "offset_columns": True, "max_batch_records": 15_000}
    )
    dice = random.Random()
    killed_at = []
    for _ in range(KILLS):
        before = landed_so_far(source)
        worker = start_worker(source)
        wait_for(lambda: landed_so_far(source) > before or worker.poll() is not None, seconds=120)  # noqa: B023
        time.sleep(dice.uniform(0, 0.4))
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        killed_at.append(landed_so_far(source))

    wait_for(lambda: finish(source), seconds=30)

    assert killed_at[0] < TOTAL, "the kills came too late to prove anything"
    assert_landed_once(source, total=TOTAL, broken_every=BROKEN_EVERY)


def finish(source) -> bool:
    try:
        return land_topic(source).caught_up
    except LeaseHeldError:  # of the last one killed; it runs out by itself
        return False
