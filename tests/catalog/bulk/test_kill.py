"""kill -9 in the middle of an import: it goes on where it stood, and nothing is there twice or half."""

import random
import signal
import subprocess
import sys
import time
import uuid

import orjson
import pytest
from django.conf import settings

from catalog.models import (
    CatalogImport,
    Dataset,
    DatasetEdge,
    DatasetVersion,
    EdgeLog,
    Field,
    Job,
)
from catalog.services.bulk.chunks import CHUNK_LINES
from governance.models import AuditRecord
from tests.factories.audit import payload_of
from tests.factories.identity import make_user
from tests.subprocesses import environ_of_test

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

DATASETS = 14_000
KILLS = 3
# The last chunk is not a full one.
LINES = DATASETS + 2 * DATASETS // 4
CHUNKS = -(-LINES // CHUNK_LINES)


@pytest.fixture
def stream(tmp_path):
    path = tmp_path / "stream.ndjson"
    with path.open("wb") as file:
        for number in range(DATASETS):
            line = {
                "kind": "dataset",
                "namespace": "db",
                "name": f"d{number}",
                "tags": ["gold"],
                "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "string"}],
            }
            file.write(orjson.dumps(line) + b"\n")
        for number in range(DATASETS // 4):
            for direction in ("input", "output"):
                line = {
                    "kind": "edge",
                    "job": {"namespace": "jobs", "name": f"j{number}"},
                    "dataset": {"namespace": "db", "name": f"d{number}"},
                    "direction": direction,
                }
                file.write(orjson.dumps(line) + b"\n")
    return path


def start(path, key: uuid.UUID) -> subprocess.Popen:
    return subprocess.Popen(
        [
            *(sys.executable, "manage.py", "catalog_import", str(path)),
            *("--as", "root", "--import", str(key)),
        ],
        env=environ_of_test(),
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def acknowledged(key: uuid.UUID) -> int:
    found = CatalogImport.objects.filter(uuid=key).values_list("acknowledged_line", flat=True)
    return found[0] if found else 0


def test_a_killed_import_goes_on_where_it_stood(stream) -> None:
    make_user("root", is_superuser=True)
    key, dice, marks = uuid.uuid4(), random.Random(), []
    for _ in range(KILLS):
        before = acknowledged(key)
        worker = start(stream, key)
        # Somewhere in the chunk after the next one that is acknowledged, or in the first.
        deadline = time.monotonic() + 60
        while acknowledged(key) == before and worker.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(dice.uniform(0, 0.4))
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        marks.append(acknowledged(key))
        # What is acknowledged is there, and nothing of the chunk that was cut off.
        assert Dataset.objects.count() == min(marks[-1], DATASETS)
        assert Field.objects.count() == 2 * min(marks[-1], DATASETS)
    assert marks == sorted(marks)
    assert marks[0] > 0
    worker = start(stream, key)
    said, _ = worker.communicate(timeout=120)
    assert worker.returncode == 0, said
    row = CatalogImport.objects.get(uuid=key)
    assert (row.state, row.acknowledged_line) == ("completed", LINES)
    assert (row.created, row.updated, row.unchanged, row.refused) == (LINES, 0, 0, 0)
    assert Dataset.objects.count() == DatasetVersion.objects.count() == DATASETS
    assert Field.objects.count() == 2 * DATASETS
    assert Job.objects.count() == DATASETS // 4
    assert DatasetEdge.objects.count() == EdgeLog.objects.count() == 2 * DATASETS // 4
    history = Dataset._meta.get_field("namespace_name_kind_domain_deleted_at_events")
    assert history.related_model.objects.count() == DATASETS
    records = AuditRecord.objects.filter(action="catalog.import").order_by("pk")
    spans = [payload_of(each) for each in records]
    assert len(spans) == CHUNKS
    assert [span["first_line"] for span in spans] == [
        1 + CHUNK_LINES * number for number in range(CHUNKS)
    ]


def test_the_same_import_twice_at_once_is_written_once(stream) -> None:
    make_user("root", is_superuser=True)
    key = uuid.uuid4()
    workers = [start(stream, key), start(stream, key)]
    said = [worker.communicate(timeout=180)[0] for worker in workers]
    codes = sorted(worker.returncode for worker in workers)
    # The slower one finds the mark moved on and ends, or finds everything done.
    assert codes in ([0, 1], [0, 0]), said
    row = CatalogImport.objects.get(uuid=key)
    assert (row.state, row.created) == ("completed", LINES)
    assert Dataset.objects.count() == DATASETS
    assert AuditRecord.objects.filter(action="catalog.import").count() == CHUNKS
