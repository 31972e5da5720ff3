"""Two committers at once, and a kill between writing the metadata and moving the pointer."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from django.db import connection
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from storage.models import IcebergTable
from storage.services.namespaces import create_namespace
from storage.tables.catalog import LakewardenCatalog
from tests.subprocesses import environ_of_test

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = Schema(NestedField(1, "id", LongType(), required=False))
ROWS = pa.table({"id": [1, 2, 3]})
ONCE = {"commit.retry.num-retries": "0"}
# Commits one append, and dies after the metadata document is durable, before the row points at it.
DYING_COMMIT = """
import os, signal, sys
import django
django.setup()
import pyarrow as pa
from storage.services import tables
from storage.tables.catalog import LakewardenCatalog
write = tables.write_metadata
def write_and_die(io, metadata, path):
    write(io, metadata, path)
    print(path, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
tables.write_metadata = write_and_die
LakewardenCatalog().load_table((sys.argv[1], "t")).append(pa.table({"id": [9]}))
"""


@pytest.fixture
def name(object_buckets, unique) -> tuple[str, str]:
    create_namespace(levels=(unique,))
    return (unique, "t")


def commit_together(name, count: int) -> list[str]:
    """`count` threads append to the same snapshot at once; what became of each."""
    barrier, outcomes = threading.Barrier(count), []

    def append() -> None:
        try:
            table = LakewardenCatalog().load_table(name)
            barrier.wait(timeout=30)
            table.append(ROWS)
            outcomes.append("committed")
        except CommitFailedException:
            outcomes.append("lost")
        finally:
            connection.close()

    threads = [threading.Thread(target=append) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return sorted(outcomes)


def test_one_of_two_commits_wins(name):
    LakewardenCatalog().create_table(name, SCHEMA, properties=ONCE)
    assert commit_together(name, 2) == ["committed", "lost"]
    row = IcebergTable.objects.get(name="t")
    assert (row.commits, len(row.metadata["snapshots"])) == (1, 1)
    assert LakewardenCatalog().load_table(name).scan().to_arrow().num_rows == 3


def test_with_retries_no_update_is_lost(name):
    LakewardenCatalog().create_table(name, SCHEMA, properties={"commit.retry.num-retries": "20"})
    assert commit_together(name, 4) == ["committed"] * 4
    assert LakewardenCatalog().load_table(name).scan().to_arrow().num_rows == 12


@pytest.mark.crash
def test_kill_before_the_pointer_moves_leaves_the_old_table(name, s3_client):
    LakewardenCatalog().create_table(name, SCHEMA).append(ROWS)
    before = IcebergTable.objects.get(name="t")
    result = subprocess.run(
        [sys.executable, "-c", DYING_COMMIT, name[0]],
        cwd=ROOT,
        env=environ_of_test(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == -signal.SIGKILL, result.stderr
    bucket, _, key = result.stdout.strip().removeprefix("s3://").partition("/")
    assert s3_client.head_object(Bucket=bucket, Key=key)["ContentLength"] > 0
    after = IcebergTable.objects.get(name="t")
    assert (after.metadata_location, after.metadata) == (before.metadata_location, before.metadata)
    table = LakewardenCatalog().load_table(name)
    assert table.scan().to_arrow().num_rows == 3
    table.append(ROWS)
    assert LakewardenCatalog().load_table(name).scan().to_arrow().num_rows == 6
